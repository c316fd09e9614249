//! A builder of tickets and of events about them.

use super::fixtures::{event, id, named, ticket};
use crate::id::{FieldName, LabelId, OwnerId, StageId, TicketId, WorkflowId};
use crate::model::event::{AgeUnit, Event, EventKind};
use crate::model::field_value::FieldValue;
use crate::model::ticket::Ticket;
use serde_json::Value;
use std::time::Duration;

/// A ticket that is described step by step. The last method makes an event of it.
///
/// ```
/// use automations::testing::a_ticket;
///
/// let event = a_ticket().in_stage("Approved").with_label("Refinance").owned_by("owner-7").worth(450_000).moves_to("Settled");
/// assert!(event.entered_stage("Settled").is_some());
/// ```
#[derive(Debug, Clone)]
pub struct Draft(Ticket);

/// A ticket in the stage `Approved` of the workflow `Home loans`, without labels, clients and value.
pub fn a_ticket() -> Draft {
    Draft(Ticket { labels: Vec::new(), clients: Vec::new(), value: None, ..ticket() })
}

impl Draft {
    /// With this id.
    #[must_use]
    pub fn with_id(mut self, ticket: &str) -> Self {
        self.0.id = id::<TicketId>(ticket);
        self
    }

    /// In the workflow of this name.
    #[must_use]
    pub fn in_workflow(mut self, name: &str) -> Self {
        self.0.workflow = named::<WorkflowId>("workflow", name);
        self
    }

    /// In the stage of this name.
    #[must_use]
    pub fn in_stage(mut self, name: &str) -> Self {
        self.0.stage = named::<StageId>("stage", name);
        self
    }

    /// With an additional label of this name.
    #[must_use]
    pub fn with_label(mut self, name: &str) -> Self {
        self.0.labels.push(named("label", name));
        self.0.labels.sort();
        self
    }

    /// With an additional client of this id.
    #[must_use]
    pub fn with_client(mut self, client: &str) -> Self {
        self.0.clients.push(id(client));
        self.0.clients.sort();
        self
    }

    /// Owned by the user of this id.
    #[must_use]
    pub fn owned_by(mut self, owner: &str) -> Self {
        self.0.owner = Some(id(owner));
        self
    }

    /// Without an owner.
    #[must_use]
    pub fn owned_by_nobody(mut self) -> Self {
        self.0.owner = None;
        self
    }

    /// With this amount.
    #[must_use]
    pub fn worth(mut self, value: u32) -> Self {
        self.0.value = Some(value.into());
        self
    }

    /// With this value of the field of this name in `TicketFields`. A text of the form `YYYY-MM-DD` is a date; with null, the
    /// field is empty.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = Some(value.into()).filter(|value| !value.is_null()).map(FieldValue::from);
        self.0.fields.insert(id::<FieldName>(name), value);
        self
    }

    /// Switched off.
    #[must_use]
    pub fn switched_off(mut self) -> Self {
        self.0.active = Some(false);
        self
    }

    /// The ticket itself.
    pub fn ticket(self) -> Ticket {
        self.0
    }

    /// It is created.
    pub fn is_created(self) -> Event {
        event(EventKind::TicketCreated { ticket: self.0 })
    }

    /// It is read for the first time.
    pub fn is_first_seen(self) -> Event {
        event(EventKind::TicketFirstSeen { ticket: self.0 })
    }

    /// It moves to another stage of its workflow.
    pub fn moves_to(self, stage: &str) -> Event {
        let from = self.0.workflow_stage();
        let ticket = self.changed().in_stage(stage).0;
        event(EventKind::StageChanged { from, to: ticket.workflow_stage(), ticket })
    }

    /// It gets a label.
    pub fn gets_label(self, name: &str) -> Event {
        let ticket = self.changed().with_label(name).0;
        event(EventKind::LabelAdded { ticket, label: named::<LabelId>("label", name) })
    }

    /// It loses a label.
    pub fn loses_label(self, name: &str) -> Event {
        let mut ticket = self.changed().0;
        ticket.labels.retain(|label| !label.is_named(name));
        event(EventKind::LabelRemoved { ticket, label: named::<LabelId>("label", name) })
    }

    /// It gets another owner.
    pub fn gets_owner(self, owner: &str) -> Event {
        let (from, to) = (self.0.owner.clone(), Some(id::<OwnerId>(owner)));
        let ticket = Ticket { owner: to.clone(), ..self.changed().0 };
        event(EventKind::OwnerChanged { ticket, from, to })
    }

    /// Its amount changes.
    pub fn becomes_worth(self, value: u32) -> Event {
        let from = self.0.value.clone();
        let ticket = self.changed().worth(value).0;
        event(EventKind::ValueChanged { from, to: ticket.value.clone(), ticket })
    }

    /// A field gets another value.
    pub fn field_becomes(self, name: &str, value: impl Into<Value>) -> Event {
        let from = self.0.field(name).cloned();
        let ticket = self.changed().with_field(name, value).0;
        event(EventKind::FieldChanged { field: id(name), from, to: ticket.field(name).cloned(), ticket })
    }

    /// It has been in its stage for this many days.
    pub fn stays_for(self, days: u16) -> Event {
        let ticket = self.changed().0;
        event(EventKind::StageAged { stage: ticket.stage.clone(), ticket, days, unit: AgeUnit::Days })
    }

    /// It moves to another stage of its workflow after it had passed this threshold of days.
    pub fn resumes_in(self, stage: &str, days: u16) -> Event {
        let left = self.0.stage.clone();
        let ticket = self.changed().in_stage(stage).0;
        event(EventKind::StageResumed { stage: left, ticket, days, unit: AgeUnit::Days })
    }

    /// The reminder of this key is due, which a handler `reminds` set 90 days ago.
    pub fn has_reminder_due(self, key: &str) -> Event {
        let due = event(EventKind::Renamed { ticket: self.0.clone() }).observed_at;
        event(EventKind::ReminderDue {
            ticket: self.changed().0,
            key: id(key),
            due_at: due,
            late_by: 0,
            set_at: due.earlier(Duration::from_hours(90 * 24)),
            set_by: "reminds".to_owned(),
        })
    }

    /// It is switched off.
    pub fn is_switched_off(self) -> Event {
        let from = self.0.active;
        let ticket = Ticket { active: Some(false), ..self.changed().0 };
        event(EventKind::ActiveChanged { ticket, from, to: Some(false) })
    }

    /// The API no longer returns it.
    pub fn vanishes(self) -> Event {
        event(EventKind::Vanished { ticket: self.changed().0 })
    }

    /// The same ticket, one version later.
    fn changed(mut self) -> Self {
        self.0.version = self.0.version.saturating_add(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_shows_the_ticket_as_it_is_afterwards() {
        let start = || a_ticket().in_workflow("Home loans").in_stage("New lead").with_label("Refinance");
        let moved = start().moves_to("Application");
        assert_eq!(moved.ticket().unwrap().stage.name.as_deref(), Some("Application"));
        assert_eq!(moved.ticket().unwrap().version, 2);
        let lost = start().with_label("VIP").loses_label("Refinance");
        assert_eq!(lost.ticket().unwrap().labels, [named("label", "VIP")]);
        let worth = start().worth(1).becomes_worth(2);
        assert_eq!(worth.ticket().unwrap().value, Some(2.into()));
    }

    #[test]
    fn a_field_that_becomes_empty_has_no_new_value() {
        let emptied = a_ticket().with_field("lender", "Bank").field_becomes("lender", Value::Null);
        assert!(emptied.changed_field("lender").is_some_and(|ticket| ticket.field("lender").is_none()));
        let EventKind::FieldChanged { from, to, .. } = emptied.kind else { panic!("{:?}", emptied.kind) };
        assert_eq!((from.and_then(|from| from.text()).as_deref(), to), (Some("Bank"), None));
    }

    #[test]
    fn the_same_sentence_says_the_same_event() {
        let event = || a_ticket().with_id("ticket-9").with_client("contact-3").gets_owner("owner-2");
        assert_eq!(event(), event());
        assert_ne!(event().id, a_ticket().with_id("ticket-8").gets_owner("owner-2").id);
    }
}
