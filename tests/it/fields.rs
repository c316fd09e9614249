//! Fields of one's own: what `TicketFields` names is read, compared and published, and what is private is only compared.

use crate::parameters::parameter;
use crate::support::{alone, events, kinds, known_ticket, rest, set_variable};
use anyhow::{Context as _, Result, ensure};
use automations::Event;
use automations::model::ticket_fields::TicketFields;
use automations::telemetry::EventName;
use end_to_end::stack::{Organisation, Stack};
use reqwest::Method;
use serde_json::{Value, json};

/// The last one does not exist.
const FIELDS: &str = "settlement=values.onceOffDueDate:date, color, notes=description:private, lenderName";

/// Invented words that occur nowhere else in the project.
const NOTES: [&str; 2] = ["Brindlecrumb", "Wexalonian"];

/// CloudFormation refuses what event-enricher would refuse to start with, except a name that is there twice.
#[test]
fn the_pattern_of_the_parameter_accepts_what_the_function_reads() -> Result<()> {
    let parameter = parameter("TicketFields")?;
    let pattern = parameter.pattern()?;
    let default = parameter.default.as_str().context("no default")?.to_owned();
    ensure!(default.parse::<TicketFields>().is_ok(), "the function does not start with the default");
    let is_right = ["", FIELDS, "a", "a.b.c.d", "a:private:date", "a_1=b:date", " a , b "];
    let is_wrong = [
        "a,",
        ",a",
        "a.b.c.d.e",
        "=a",
        "1=a",
        "a:text",
        "a:",
        "a{b}",
        "a(id:1)",
        "__typename",
        "a..b",
        "a b",
    ];
    let all = is_right.map(|text| (text, true)).into_iter().chain(is_wrong.map(|text| (text, false)));
    for (text, is_right) in all {
        assert_eq!(pattern.is_match(text), is_right, "the pattern: {text:?}");
        assert_eq!(text.parse::<TicketFields>().is_ok(), is_right, "the function: {text:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_field_of_ones_own_is_in_the_events_of_its_ticket_and_a_change_of_it_is_an_event() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("own-fields").await?;
    stack.control(Method::PUT, "vendor/own-fields", &json!({ "extra_fields": true })).await?;
    // Stored before the parameter named a field.
    let old = known_ticket(&organisation, "Approved").await?;
    rest(&stack).await?;
    let before = set_variable(&stack, "event-enricher", "TICKET_FIELDS", FIELDS).await?;
    let followed = follow(&organisation, &old).await;
    rest(&stack).await?;
    set_variable(&stack, "event-enricher", "TICKET_FIELDS", &before).await?;
    followed
}

async fn follow(organisation: &Organisation<'_>, old: &str) -> Result<()> {
    let fields = json!({
        "stage": "Approved", "color": "red", "description": NOTES[0],
        "values": { "onceOff": 450_000, "onceOffDueDate": "2026-12-01T00:00:00+11:00" },
    });
    let ticket = organisation.new_ticket(fields).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let first = events(organisation, &ticket, 1).await?;
    ensure!(first[0].ticket().and_then(|ticket| ticket.date("settlement")) == "2026-12-01".parse().ok());
    let changed = json!({
        "color": "blue", "description": NOTES[1], "values": { "onceOff": 450_000, "onceOffDueDate": "1797292800" },
    });
    organisation.change(&ticket, changed).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let journal = events(organisation, &ticket, 4).await?;
    let mut found: Vec<Value> = journal[1..].iter().map(change).collect::<Result<_>>()?;
    found.sort_by_key(|change| change["field"].to_string());
    let expected = [
        json!({ "field": "color", "from": "red", "to": "blue" }),
        json!({ "field": "notes" }),
        json!({ "field": "settlement", "from": "2026-12-01", "to": "2026-12-15" }),
    ];
    assert_eq!(found, expected);
    // A ticket that was known without the fields has them now, and nothing happened to it.
    organisation.webhook("ticket-updated", old).await?;
    rest(organisation.stack).await?;
    assert_eq!(kinds(&organisation.journal(old).await?), ["ticket.first_seen"]);
    let snapshot = organisation.known(old).await?.context("unknown")?.snapshot;
    ensure!(snapshot.ticket.fields.len() == 2 && snapshot.private_fields.len() == 1, "{snapshot:?}");
    // One is dropped, and the others are read.
    let dropped = organisation.stack.logged("event-enricher", EventName::FieldDropped.as_str()).await?;
    ensure!(dropped.iter().any(|line| line.contains("lenderName")), "{dropped:?}");
    for stored in organisation.stack.stored_texts().await? {
        let is_private = NOTES.iter().any(|notes| stored.text.contains(notes));
        ensure!(!is_private, "the private field's value is in {:?} {}", stored.kind, stored.name);
    }
    Ok(())
}

/// The event without what all events have.
fn change(event: &Event) -> Result<Value> {
    assert_eq!(event.kind.name(), "ticket.field_changed");
    let mut all = serde_json::to_value(&event.kind)?;
    let fields = all.as_object_mut().context("not an object")?;
    fields.retain(|name, _| name != "type" && name != "ticket");
    Ok(all)
}
