//! Invented tickets and events, for tests and dry runs. Public, as handlers test with them.

mod decided;
mod draft;

pub use decided::assert_decides;
pub use draft::{Draft, a_ticket};

use crate::clock::Timestamp;
use crate::id::{ContactId, HintId, OrganisationId, OwnerId, WebhookAction};
use crate::model::event::{Cause, Event, EventKind, UnrecognisedReason};
use crate::model::ticket::{Named, Ticket, WorkflowStage};
use crate::salestrekker::Contact;
use futures::FutureExt as _;
use serde_json::json;
use std::fmt::Debug;
use std::str::FromStr;

/// A ticket in the stage `Approved` of the workflow `Home loans`, with one label and one client.
pub fn ticket() -> Ticket {
    Ticket {
        id: id("ticket-1"),
        version: 1,
        workflow: Named { id: id("workflow-1"), name: Some("Home loans".to_owned()) },
        stage: stage("Approved").stage,
        owner: Some(id("owner-1")),
        labels: vec![Named { id: id("label-1"), name: Some("Refinance".to_owned()) }],
        clients: vec![id("contact-1")],
        value: Some(450_000.into()),
        active: Some(true),
    }
}

/// The ticket of [`ticket`] went from one stage to another.
pub fn stage_changed(from: &str, to: &str) -> Event {
    let to = stage(to);
    let ticket = Ticket { version: 2, stage: to.stage.clone(), ..ticket() };
    event(EventKind::StageChanged { ticket, from: stage(from), to })
}

/// An event of every kind.
pub fn one_of_each() -> Vec<Event> {
    let ticket = ticket();
    let label = Named { id: id("label-2"), name: Some("Settled".to_owned()) };
    let client: ContactId = id("contact-2");
    let other: Option<OwnerId> = Some(id("owner-2"));
    let kind = [
        EventKind::TicketCreated { ticket: ticket.clone() },
        EventKind::TicketFirstSeen { ticket: ticket.clone() },
        EventKind::WorkflowChanged {
            ticket: ticket.clone(),
            from: ticket.workflow.clone(),
            to: ticket.workflow.clone(),
        },
        EventKind::OwnerChanged { ticket: ticket.clone(), from: ticket.owner.clone(), to: other },
        EventKind::LabelAdded { ticket: ticket.clone(), label: label.clone() },
        EventKind::LabelRemoved { ticket: ticket.clone(), label },
        EventKind::ClientAdded { ticket: ticket.clone(), client: client.clone() },
        EventKind::ClientRemoved { ticket: ticket.clone(), client },
        EventKind::ValueChanged { ticket: ticket.clone(), from: None, to: ticket.value.clone() },
        EventKind::ActiveChanged { ticket: ticket.clone(), from: None, to: Some(true) },
        EventKind::Renamed { ticket: ticket.clone() },
        EventKind::StageAged { ticket: ticket.clone(), stage: ticket.stage.clone(), days: 14 },
        EventKind::Vanished { ticket },
        posted("website-lead", &[("name", "Jane Citizen"), ("email", "jane@example.com")]).kind,
        EventKind::WebhookUnrecognised {
            action: id("ticket-updated"),
            reason: UnrecognisedReason::NoTicketId,
        },
    ];
    let mut events: Vec<_> = kind.into_iter().map(event).collect();
    events.push(stage_changed("Approved", "Settled"));
    events
}

/// An event of the organisation `north`, as a webhook would have caused it.
pub fn event(kind: EventKind) -> Event {
    let organisation: OrganisationId = id("north");
    let observed_at = Timestamp::from_millis(1_790_000_000_000);
    let hint: HintId = id("request-1.0");
    let action: WebhookAction = id("ticket-updated");
    let cause = Cause::Webhook { hint: hint.clone(), action, received_at: observed_at, trace: None };
    let event = Event::of_change(&organisation, observed_at, &cause, kind.clone());
    event.unwrap_or_else(|| Event::of_hint(&organisation, observed_at, &cause, kind))
}

/// A form with these fields came through the inbound webhook of this name.
pub fn posted(name: &str, fields: &[(&str, &str)]) -> Event {
    event(EventKind::Inbound {
        kind: id(&format!("inbound.{name}")),
        fields: fields.iter().copied().collect(),
    })
}

/// A person, as Salestrekker's API shows one.
///
/// # Panics
/// Where the id is none.
#[expect(clippy::expect_used, reason = "an example is written here, and used in a test")]
pub fn contact(contact: &str, first_name: &str, family_name: &str, email: &str) -> Contact {
    let person = json!({
        "information": { "firstName": first_name, "familyName": family_name },
        "contact": { "email": email },
    });
    serde_json::from_value(json!({ "id": contact, "person": person })).expect("an example contact is valid")
}

/// What a reading handler decides, which from a [`crate::handler::reading::Memory`] it does without waiting.
///
/// # Panics
/// Where it waits for anything else.
#[expect(clippy::expect_used, reason = "a test is to fail where its handler waits")]
pub fn at_once<T>(decision: impl Future<Output = T>) -> T {
    decision.now_or_never().expect("a handler waits for nothing but what it reads")
}

fn stage(name: &str) -> WorkflowStage {
    let place = draft::place("Home loans", name);
    WorkflowStage { workflow: Named { id: id("workflow-1"), ..place.workflow }, stage: place.stage }
}

#[expect(clippy::expect_used, reason = "examples are written here, and each is used in a test")]
fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an example id is valid")
}
