//! One event and one action of each kind, and other common ones.

use super::draft::a_ticket;
use super::fixtures::{event, id, stage, ticket};
use crate::clock::Timestamp;
use crate::id::{ContactId, OwnerId};
use crate::model::action::Action;
use crate::model::deferral::Deferral;
use crate::model::event::{Event, EventKind, UnrecognisedReason};
use crate::model::firing::Fired;
use crate::model::lead::{Lead, LeadTarget};
use crate::model::quiet_period::QuietPeriod;
use crate::model::reminder::{When, Zone};
use crate::model::speed::Speed;
use crate::model::ticket::{Named, Ticket};
use crate::model::until::Until;
use crate::salestrekker::Contact;
use serde_json::json;

/// The ticket of [`ticket`] moves from one stage to another.
pub fn stage_changed(from: &str, to: &str) -> Event {
    let to = stage(to);
    let ticket = Ticket { version: 2, stage: to.stage.clone(), ..ticket() };
    event(EventKind::StageChanged { ticket, from: stage(from), to })
}

/// An event of each kind, for a test that a handler ignores all events but its own.
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
        a_ticket().with_field("settlement", "2026-12-01").field_becomes("settlement", "2026-12-15").kind,
        a_ticket().stays_for(14).kind,
        a_ticket().resumes_in("Settled", 14).kind,
        a_ticket().has_reminder_due("review").kind,
        EventKind::Vanished { ticket },
        posted("website-lead", &[("name", "Jane Citizen"), ("email", "jane@example.com")]).kind,
        EventKind::WebhookUnrecognised {
            action: id("ticket-updated"),
            reason: UnrecognisedReason::NoTicketId,
        },
    ];
    let mut events: Vec<_> = kind.into_iter().map(event).collect();
    events.push(stage_changed("Approved", "Settled"));
    events.push(fired("digest-of-stalled-tickets", 0));
    events
}

/// An action of each kind.
pub fn action_of_each_kind() -> Vec<Action> {
    let ticket = ticket();
    vec![
        Action::add_label(&ticket, "Client"),
        Action::remove_label(&ticket, "Client"),
        Action::set_owner(&ticket, &id("owner-2")),
        Action::move_stage(&ticket, "Settled"),
        Action::move_workflow(&ticket, "Retention", "30 day call"),
        Action::set_value(&ticket, 460_000),
        Action::create_ticket(&ticket, "Annual reviews", "Follow-up: {ticket}"),
        Action::create_lead(Lead::default(), &LeadTarget::first_stage_of("Home loans"), "{contact}"),
        Action::notify(&ticket, &id("team"), "{ticket} has settled: {ticket_link}"),
        Action::notify_json(&stage_changed("Approved", "Settled"), &id("crm"), &["to.stage.name"]),
        Action::remind(&ticket, &id("review"), When::after_days(90)).only_in_stage("Settled"),
        Action::forget(&ticket, &id("review")),
        Action::Defer {
            ticket: ticket.id.clone(),
            until: Until::QuietPeriod(QuietPeriod::SHORTEST),
            event: Box::new(stage_changed("Approved", "Settled")),
        },
        Action::mutate(&ticket, "mutation { x }", json!({})),
    ]
}

/// A form with these fields, sent to the inbound webhook of this name.
pub fn posted(name: &str, fields: &[(&str, &str)]) -> Event {
    event(EventKind::Inbound {
        kind: id(&format!("inbound.{name}")),
        fields: fields.iter().copied().collect(),
    })
}

/// The schedule of the handler of this name is due in Sydney, and this number of firings before it was missed.
pub fn fired(handler: &str, missed: u32) -> Event {
    let at = Timestamp::from_millis(1_790_000_000_000);
    let fired = Fired { clock: id(&format!("clock.{handler}")), at, missed, zone: Zone::Sydney };
    Event::of_firing(&id("north"), at, &fired)
}

/// The event that this handler gets after its quiet period if these events of a ticket, of which there is one at least, waited.
///
/// # Panics
/// If there is none.
pub fn after_quiet_period(handler: &str, events: &[Event]) -> Event {
    after(handler, events, Until::QuietPeriod(QuietPeriod::SHORTEST))
}

/// The event that this handler gets if it collected these events, of which there is one at least, for their owner.
///
/// # Panics
/// If there is none.
pub fn after_collection(handler: &str, events: &[Event]) -> Event {
    after(handler, events, Until::Collect(id("owner 17:00 Australia/Sydney")))
}

#[expect(clippy::expect_used, reason = "for tests, which should fail here")]
fn after(handler: &str, events: &[Event], until: Until) -> Event {
    let (mut deferral, begin) = (Deferral::default(), Timestamp::from_millis(1_790_000_000_000));
    for event in events {
        deferral.add(handler, event, (until, Speed::default()), begin);
    }
    let now = deferral.due_at().unwrap_or(begin);
    deferral.end(now);
    deferral.unpublished(now).expect("there is an event")
}

/// A person, as Salestrekker's API returns one.
///
/// # Panics
/// If the id is not valid.
#[expect(clippy::expect_used, reason = "for tests, which should fail here")]
pub fn contact(contact: &str, first_name: &str, family_name: &str, email: &str) -> Contact {
    let person = json!({
        "information": { "firstName": first_name, "familyName": family_name },
        "contact": { "email": email },
    });
    serde_json::from_value(json!({ "id": contact, "person": person })).expect("an example contact is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::action::ActionKind;
    use crate::model::event::KindName;
    use std::collections::BTreeSet;
    use strum::IntoEnumIterator as _;

    #[test]
    fn every_kind_of_event_and_of_action_has_a_sample() {
        let events: BTreeSet<KindName> = one_of_each().iter().map(|event| (&event.kind).into()).collect();
        assert_eq!(events, KindName::iter().collect());
        let actions: BTreeSet<ActionKind> = action_of_each_kind().iter().map(Into::into).collect();
        assert_eq!(actions, ActionKind::iter().collect());
    }
}
