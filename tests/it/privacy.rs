//! A person's data goes through the pipeline, whatever goes wrong, and stays nowhere but where it must.

use crate::actions::decide;
use crate::inbound::declared;
use crate::metrics::check;
use crate::support::{among_others, events, known_ticket, mutations, rest};
use anyhow::{Result, ensure};
use automations::model::lead::{Lead, LeadTarget};
use automations::private::Private;
use automations::{Action, Event};
use end_to_end::stack::{Organisation, Stack, Where};
use reqwest::Method;
use serde_json::{Value, json};

/// Invented, and nowhere else in the project: whatever holds one of them has it from here.
const CANARIES: [&str; 5] =
    ["Zebulonica", "Quagglethwaite", "canary.of.privacy@example.net", "491 570 159", "Rua Inventada"];
/// An amount: it stands in snapshots and events, as handlers may decide by it, but in no log and no attribute.
const AMOUNT: f64 = 7_654_321.25;

fn personal(fields: Value) -> Value {
    let mut all = json!({
        "name": format!("{} {} refinance", CANARIES[0], CANARIES[1]),
        "description": format!("{} {}", CANARIES[2], CANARIES[4]),
        "values": { "onceOff": AMOUNT },
    });
    if let (Some(all), Value::Object(fields)) = (all.as_object_mut(), fields) {
        all.extend(fields);
    }
    all
}

/// What the vendor, or somebody between us, may answer with.
fn faults() -> Vec<Value> {
    let person = format!("{} {} <{}>", CANARIES[0], CANARIES[1], CANARIES[2]);
    vec![
        json!({ "errors": { "message": format!("{person} is not valid"), "code": "BAD_USER_INPUT" } }),
        json!({ "answer": { "data": { "t0": { "id": 7, "name": person } } } }),
        json!({ "answer": { "data": person } }),
        json!({ "answer": [person] }),
        json!({ "status": { "code": 503 } }),
        json!({ "status": { "code": 200 } }),
        json!({ "refuse": { "code": 401 } }),
        json!({ "partial": { "fields": 2 } }),
        json!({ "deep": { "levels": 10_000 } }),
        json!("null_data"),
        json!("cut_before"),
        json!("cut_after"),
    ]
}

async fn break_with(organisation: &Organisation<'_>, on: &str, is: &Value) -> Result<()> {
    let fault = json!([{ "organisation": organisation.name, "on": on, "is": is }]);
    organisation.stack.control(Method::POST, "faults", &fault).await?;
    Ok(())
}

fn lead(event: &Event, into: &LeadTarget) -> Vec<Action> {
    let text = |position: usize| Private::new(CANARIES[position].to_owned());
    let lead = Lead {
        first_name: text(0),
        family_name: text(1),
        email: text(2),
        phone_code: Private::new("+61".to_owned()),
        phone: text(3),
    };
    if event.kind.name() == "ticket.stage_changed" {
        vec![Action::create_lead(lead, into, "{contact}")]
    } else {
        vec![]
    }
}

fn home_loans() -> LeadTarget {
    LeadTarget::first_stage_of("Home loans")
}

#[tokio::test]
async fn a_persons_data_is_in_no_log_no_attribute_and_no_item_whatever_goes_wrong() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("canary-of-privacy").await?;
    let url = organisation.webhook_url("ticket-updated");
    // The enricher, under each fault of a look; a webhook that brings more than it must.
    for fault in faults() {
        let ticket = organisation.new_ticket(personal(json!({ "stage": "Approved" }))).await?;
        break_with(&organisation, "ticket(", &fault).await?;
        let body = personal(json!({ "id": ticket, "email": CANARIES[2], "phone": CANARIES[3] }));
        organisation.send(Method::POST, &url, "application/json", body.to_string().into()).await?;
    }
    for body in [json!({ "who": CANARIES[0] }).to_string(), format!("{{\"id\": \"{}", CANARIES[1])] {
        organisation.send(Method::POST, &url, "application/json", body.into()).await?;
    }
    let stranger = format!("{url}/{}", CANARIES[1]);
    organisation.send(Method::POST, &stranger, CANARIES[0], CANARIES[2].into()).await?;
    // The worker: an update and a create that are refused with words, a lead that is made and one that is not.
    for (on, fault) in [
        ("ticketUpdate", &faults()[0]),
        ("ticketCreate", &faults()[0]),
        ("ticketCreate", &json!("cut_after")),
    ] {
        let ticket = organisation.new_ticket(personal(json!({ "stage": "Approved" }))).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        events(&organisation, &ticket, 1).await?;
        break_with(&organisation, on, fault).await?;
        organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        events(&organisation, &ticket, 2).await?;
        rest(&stack).await?;
    }
    let first = known_ticket(&organisation, "Approved").await?;
    decide(&organisation, &first, lead, home_loans()).await?;
    mutations(&organisation, "contactCreate", 1).await?;
    let second = known_ticket(&organisation, "Approved").await?;
    break_with(&organisation, "contactCreate", &faults()[0]).await?;
    decide(&organisation, &second, lead, home_loans()).await?;
    // A form, whose lead is made and whose lead is not, and what is no form.
    let url = declared(&organisation, "website-lead").await?;
    break_with(&organisation, "contactCreate", &faults()[0]).await?;
    for email in [CANARIES[2], "another@example.com"] {
        let form = json!({ "name": format!("{} {}", CANARIES[0], CANARIES[1]), "email": email, "phone": CANARIES[3] });
        organisation.send(Method::POST, &url, "application/json", form.to_string().into()).await?;
    }
    organisation.send(Method::POST, &url, "application/json", CANARIES[0].into()).await?;
    mutations(&organisation, "contactCreate", 2).await?;
    // What is no message of ours, in each queue.
    let handlers = format!("{}-follow-up-on-settlement", stack.place.stack);
    for queue in [&stack.place.hints_queue, &handlers] {
        let body = json!({ "detail": CANARIES[0], "id": CANARIES[1] }).to_string();
        let url = stack.queue_url(queue).await?;
        stack.sqs.send_message().queue_url(url).message_body(body).send().await?;
    }
    rest(&stack).await?;
    let written = stack.written().await?;
    let amount = AMOUNT.to_string();
    let mut places = std::collections::HashSet::new();
    for written in &written {
        places.insert(written.place);
        let here = |needle: &&str| written.text.contains(*needle);
        if written.place != Where::LetterBody {
            let found: Vec<_> = CANARIES.iter().copied().filter(here).collect();
            ensure!(found.is_empty(), "{:?} {} holds {found:?}", written.place, written.name);
        }
        let may_hold_amounts = matches!(written.place, Where::LetterBody | Where::Item);
        ensure!(may_hold_amounts || !here(&amount.as_str()), "{:?} {}", written.place, written.name);
    }
    assert_eq!(places.len(), 7, "all places were looked at: {places:?}");
    // Metrics are told apart by words of closed sets: by no id of an organisation or a ticket, and by no word of a person.
    let told =
        written.iter().filter(|written| written.place == Where::Log && written.text.contains("\"_aws\""));
    let told: Vec<Value> = told.map(|line| serde_json::from_str(&line.text)).collect::<Result<_, _>>()?;
    ensure!(!told.is_empty(), "no function tells a metric");
    told.iter().try_for_each(|line| check(line, &stack.place.stack))?;
    let bodies = written.iter().filter(|written| written.place == Where::LetterBody);
    let found = bodies.filter(|written| written.text.contains(CANARIES[0])).count();
    assert!(found > 0, "a letter keeps what was sent, so the search finds what is there");
    Ok(())
}
