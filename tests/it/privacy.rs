//! A person's data is stored only where it must be, whatever fails.

use crate::actions::decide;
use crate::inbound::declared;
use crate::metrics::check;
use crate::support::{among_others, events, known_ticket, mutations, rest};
use anyhow::{Result, ensure};
use automations::model::lead::{Lead, LeadTarget};
use automations::model::phone::PhoneCode;
use automations::private::Private;
use automations::{Action, Event};
use end_to_end::stack::{Organisation, OutputKind, Stack};
use reqwest::Method;
use serde_json::{Value, json};

/// Invented words that occur nowhere else in the project.
const CANARIES: [&str; 6] = [
    "Zebulonica",
    "Quagglethwaite",
    "canary.of.privacy@example.net",
    "491 570 159",
    "Rua Inventada",
    // The number as it is sent.
    "491570159",
];
/// An amount: allowed in snapshots and events, because handlers may use it, but not in logs and attributes.
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

/// Faults with responses that contain personal data, and other failures.
fn faults() -> Vec<Value> {
    let person = format!("{} {} <{}>", CANARIES[0], CANARIES[1], CANARIES[2]);
    vec![
        json!({ "errors": { "message": format!("{person} is not valid"), "code": "BAD_USER_INPUT" } }),
        json!({ "respond": { "data": { "t0": { "id": 7, "name": person } } } }),
        json!({ "respond": { "data": person } }),
        json!({ "respond": [person] }),
        json!({ "status": { "code": 503 } }),
        json!({ "status": { "code": 200 } }),
        json!({ "reject": { "code": 401 } }),
        json!({ "partial": { "fields": 2 } }),
        json!({ "deep": { "levels": 10_000 } }),
        json!("null_data"),
        json!("cut_before"),
        json!("cut_after"),
    ]
}

async fn inject(organisation: &Organisation<'_>, on: &str, is: &Value) -> Result<()> {
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
        phone_code: PhoneCode::default(),
        phone: text(3),
        description: text(4),
        source: text(1),
        ..Lead::default()
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
    // The enricher, with each fault of a fetch; a webhook with more fields than it needs.
    for fault in faults() {
        let ticket = organisation.new_ticket(personal(json!({ "stage": "Approved" }))).await?;
        inject(&organisation, "ticket(", &fault).await?;
        let body = personal(json!({ "id": ticket, "email": CANARIES[2], "phone": CANARIES[3] }));
        organisation.send(Method::POST, &url, "application/json", body.to_string().into()).await?;
    }
    for body in [json!({ "who": CANARIES[0] }).to_string(), format!("{{\"id\": \"{}", CANARIES[1])] {
        organisation.send(Method::POST, &url, "application/json", body.into()).await?;
    }
    let guessed = format!("{url}/{}", CANARIES[1]);
    organisation.send(Method::POST, &guessed, CANARIES[0], CANARIES[2].into()).await?;
    // The worker: an update and a create that are rejected with a message, a lead that is created and one that is not.
    for (on, fault) in [
        ("ticketUpdate", &faults()[0]),
        ("ticketCreate", &faults()[0]),
        ("ticketCreate", &json!("cut_after")),
    ] {
        let ticket = organisation.new_ticket(personal(json!({ "stage": "Approved" }))).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        events(&organisation, &ticket, 1).await?;
        inject(&organisation, on, fault).await?;
        organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        events(&organisation, &ticket, 2).await?;
        rest(&stack).await?;
    }
    let first = known_ticket(&organisation, "Approved").await?;
    decide(&organisation, &first, lead, home_loans()).await?;
    mutations(&organisation, "contactCreate", 1).await?;
    let second = known_ticket(&organisation, "Approved").await?;
    inject(&organisation, "contactCreate", &faults()[0]).await?;
    decide(&organisation, &second, lead, home_loans()).await?;
    // A form whose lead is created, one whose lead is not, and a body that is not a valid form.
    let url = declared(&organisation, "website-lead").await?;
    inject(&organisation, "contactCreate", &faults()[0]).await?;
    for email in [CANARIES[2], "another@example.com"] {
        let form = json!({ "name": format!("{} {}", CANARIES[0], CANARIES[1]), "email": email, "phone": CANARIES[3] });
        organisation.send(Method::POST, &url, "application/json", form.to_string().into()).await?;
    }
    organisation.send(Method::POST, &url, "application/json", CANARIES[0].into()).await?;
    mutations(&organisation, "contactCreate", 2).await?;
    // An invalid message in each queue.
    let handlers = format!("{}-follow-up-on-settlement.fifo", stack.addresses.stack);
    for (queue, deduplication) in [(&stack.addresses.hints_queue, None), (&handlers, Some("canary"))] {
        let body = json!({ "type": CANARIES[0], "id": CANARIES[1] }).to_string();
        let url = stack.queue_url(queue).await?;
        let request = stack.sqs.send_message().queue_url(url).message_body(body).message_group_id("canary");
        request.set_message_deduplication_id(deduplication.map(str::to_owned)).send().await?;
    }
    rest(&stack).await?;
    let texts = stack.stored_texts().await?;
    let amount = AMOUNT.to_string();
    let mut kinds = std::collections::HashSet::new();
    for stored in &texts {
        kinds.insert(stored.kind);
        let here = |needle: &&str| stored.text.contains(*needle);
        if stored.kind != OutputKind::DeadLetterBody {
            let found: Vec<_> = CANARIES.iter().copied().filter(here).collect();
            ensure!(found.is_empty(), "{:?} {} contains {found:?}", stored.kind, stored.name);
        }
        let may_contain_amounts = matches!(stored.kind, OutputKind::DeadLetterBody | OutputKind::Item);
        ensure!(may_contain_amounts || !here(&amount.as_str()), "{:?} {}", stored.kind, stored.name);
    }
    assert_eq!(kinds.len(), 7, "all kinds were searched: {kinds:?}");
    // Dimensions of metrics are words of closed sets: no ids of organisations or tickets, and no personal data.
    let metrics =
        texts.iter().filter(|stored| stored.kind == OutputKind::Log && stored.text.contains("\"_aws\""));
    let metrics: Vec<Value> =
        metrics.map(|line| serde_json::from_str(&line.text)).collect::<Result<_, _>>()?;
    ensure!(!metrics.is_empty(), "no function records a metric");
    metrics.iter().try_for_each(|line| check(line, &stack.addresses.stack))?;
    let bodies = texts.iter().filter(|stored| stored.kind == OutputKind::DeadLetterBody);
    let found = bodies.filter(|stored| stored.text.contains(CANARIES[0])).count();
    assert!(found > 0, "a dead letter contains the original body, so the search finds it");
    Ok(())
}
