//! The constructors of actions, as handlers use them.

use super::{Action, OnUnknownOutcome};
use crate::id::{DestinationName, OwnerId};
use crate::model::event::Event;
use crate::model::lead::{Lead, LeadTarget};
use crate::model::linked_ticket;
use crate::model::ticket::Ticket;
use crate::model::ticket_part::TicketPart;
use serde_json::{Number, Value};

impl Action {
    /// Adds a label to this ticket, by the label's name.
    pub fn add_label(ticket: &Ticket, label: &str) -> Self {
        let seen = TicketPart::label_of(ticket, label);
        Self::AddLabel { ticket: ticket.id.clone(), label: label.to_owned(), seen }
    }

    /// Removes a label from this ticket, by the label's name.
    pub fn remove_label(ticket: &Ticket, label: &str) -> Self {
        let seen = TicketPart::label_of(ticket, label);
        Self::RemoveLabel { ticket: ticket.id.clone(), label: label.to_owned(), seen }
    }

    /// Makes this user the owner of this ticket.
    pub fn set_owner(ticket: &Ticket, owner: &OwnerId) -> Self {
        let seen = Some(TicketPart::owner_of(ticket));
        Self::SetOwner { ticket: ticket.id.clone(), owner: owner.clone(), seen }
    }

    /// Sends a message about this ticket. `{ticket}` in `text` is replaced by the ticket's name, which usually contains a
    /// client's, `{ticket_link}` and `{board_link}` by links to it and to its board. In a handler's `Settings`, declare the destination as a [`DestinationName`]: a wrong name then fails
    /// when the function starts, not at the first event.
    ///
    /// ```
    /// use automations::{Action, id::DestinationName, testing::ticket};
    ///
    /// let team = DestinationName::parse("team")?;
    /// let action = Action::notify(&ticket(), &team, "{ticket} has settled");
    /// assert_eq!(action.kind(), "notify");
    /// # Ok::<(), automations::id::InvalidId>(())
    /// ```
    pub fn notify(ticket: &Ticket, destination: &DestinationName, text: &str) -> Self {
        let (destination, text) = (destination.clone(), text.to_owned());
        let (about, workflow) = (Some(ticket.id.clone()), Some(ticket.workflow.id.clone()));
        Self::Notify { destination, text, about, workflow }
    }

    /// Sends a message that is about no ticket, or about several. [`Action::link_to`] has the place of a link in it.
    ///
    /// ```
    /// use automations::{Action, id::DestinationName, testing::ticket};
    ///
    /// let team = DestinationName::parse("team")?;
    /// let action = Action::notify_of_many(&team, &format!("14 days: {}", Action::link_to(&ticket())));
    /// assert_eq!(action.kind(), "notify");
    /// # Ok::<(), automations::id::InvalidId>(())
    /// ```
    pub fn notify_of_many(destination: &DestinationName, text: &str) -> Self {
        let (destination, text) = (destination.clone(), text.to_owned());
        Self::Notify { destination, text, about: None, workflow: None }
    }

    /// The text that [`Action::notify_of_many`] replaces by a link to this ticket.
    pub fn link_to(ticket: &Ticket) -> String {
        linked_ticket::written(&ticket.workflow.id, &ticket.id)
    }

    /// Sends this event to a program of another system: its kind, a link to its ticket, and these fields, by their paths in the
    /// event's JSON. A field that the event does not have is null. `ticket.name` is the ticket's name, which usually contains a
    /// client's. What was posted to an inbound webhook is personal data and is left out.
    ///
    /// ```
    /// use automations::{Action, id::DestinationName, testing::stage_changed};
    ///
    /// let crm = DestinationName::parse("crm")?;
    /// let action = Action::notify_json(&stage_changed("Approved", "Settled"), &crm, &["to.stage.name", "ticket.value"]);
    /// assert_eq!(action.kind(), "notify_json");
    /// # Ok::<(), automations::id::InvalidId>(())
    /// ```
    pub fn notify_json(event: &Event, destination: &DestinationName, fields: &[impl AsRef<str>]) -> Self {
        let whole = serde_json::to_value(event).unwrap_or_default();
        let is_posted = |path: &str| path.split('.').next() == Some("fields");
        let paths = fields.iter().map(AsRef::as_ref).filter(|path| !is_posted(path));
        let ticket = event.ticket();
        Self::NotifyJson {
            destination: destination.clone(),
            event: event.kind.name().to_owned(),
            fields: paths.map(|path| (path.to_owned(), at(&whole, path))).collect(),
            about: ticket.map(|ticket| ticket.id.clone()),
            workflow: ticket.map(|ticket| ticket.workflow.id.clone()),
        }
    }

    /// Creates a contact and a ticket for it. `{contact}` in `name` is replaced by the contact's name.
    pub fn create_lead(lead: Lead, into: &LeadTarget, name: &str) -> Self {
        Self::CreateLead {
            lead: Box::new(lead),
            into: into.clone(),
            name: name.to_owned(),
            on_unknown_outcome: OnUnknownOutcome::DeadLetter,
        }
    }

    /// Moves this ticket to a stage of its workflow, by the stage's name.
    pub fn move_stage(ticket: &Ticket, stage: &str) -> Self {
        let seen = Some(TicketPart::stage_of(ticket));
        Self::MoveStage { ticket: ticket.id.clone(), stage: stage.to_owned(), seen }
    }

    /// Moves this ticket to a stage of another workflow, both by name.
    ///
    /// ```
    /// use automations::{Action, testing::ticket};
    ///
    /// let action = Action::move_workflow(&ticket(), "Retention", "30 day call");
    /// assert_eq!(action.kind(), "move_workflow");
    /// ```
    pub fn move_workflow(ticket: &Ticket, workflow: &str, stage: &str) -> Self {
        let seen = Some(TicketPart::stage_of(ticket));
        let (workflow, stage) = (workflow.to_owned(), stage.to_owned());
        Self::MoveWorkflow { ticket: ticket.id.clone(), workflow, stage, seen }
    }

    /// Sets the amount of this ticket, in the unit of [`Ticket::amount`]: an integer, or a [`Number`].
    ///
    /// ```
    /// use automations::{Action, testing::ticket};
    ///
    /// let action = Action::set_value(&ticket(), 460_000);
    /// assert_eq!(action.kind(), "set_value");
    /// ```
    pub fn set_value(ticket: &Ticket, value: impl Into<Number>) -> Self {
        let seen = Some(TicketPart::value(ticket.value.as_ref()));
        Self::SetValue { ticket: ticket.id.clone(), value: value.into(), seen }
    }

    /// Creates a ticket in the first stage of a workflow, with the owner and the clients of this one. `{ticket}` in `name`
    /// is replaced by this ticket's name.
    pub fn create_ticket(beside: &Ticket, workflow: &str, name: &str) -> Self {
        Self::CreateTicket {
            beside: beside.id.clone(),
            workflow: workflow.to_owned(),
            stage: None,
            name: name.to_owned(),
            on_unknown_outcome: OnUnknownOutcome::DeadLetter,
        }
    }

    /// Sends a mutation of the handler's own, once: if no response comes, the action is dead-lettered.
    ///
    /// ```
    /// use automations::{Action, testing, serde_json::json};
    ///
    /// let ticket = testing::ticket();
    /// let document = "mutation Pause($id: ID!) { ticketPause(id: $id) }"; // include_str!("pause.graphql")
    /// let action = Action::mutate(&ticket, document, json!({ "id": ticket.id }));
    /// assert_eq!(action.kind(), "mutate");
    /// ```
    pub fn mutate(ticket: &Ticket, document: &str, variables: Value) -> Self {
        let (ticket, document) = (ticket.id.clone(), document.to_owned());
        Self::Mutate { ticket, document, variables, on_unknown_outcome: OnUnknownOutcome::DeadLetter }
    }

    /// The same action, performed again if its outcome is unknown: for one that does no harm twice.
    #[must_use]
    pub fn retry_if_unknown(mut self) -> Self {
        if let Self::CreateTicket { on_unknown_outcome, .. }
        | Self::CreateLead { on_unknown_outcome, .. }
        | Self::Mutate { on_unknown_outcome, .. } = &mut self
        {
            *on_unknown_outcome = OnUnknownOutcome::Retry;
        }
        self
    }
}

/// The value at this path, of names with full stops between them; null if there is none.
fn at(whole: &Value, path: &str) -> Value {
    path.split('.').try_fold(whole, |value, name| value.get(name)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    #[test]
    fn chosen_fields_are_found_by_their_paths_and_a_form_is_never_among_them() {
        let destination = DestinationName::parse("crm").unwrap();
        let chosen = |event: &Event, paths: &[&str]| match Action::notify_json(event, &destination, paths) {
            Action::NotifyJson { fields, .. } => Value::Object(fields),
            other => panic!("{other:?}"),
        };
        let event = testing::stage_changed("Approved", "Settled");
        let paths = ["from.stage.name", "ticket.labels", "ticket.name", "ticket.id.x", "organisation", ""];
        let expected = json!({
            "from.stage.name": "Approved",
            "ticket.labels": [{ "id": "label-1", "name": "Refinance" }],
            "ticket.name": null,
            "ticket.id.x": null,
            "organisation": "north",
            "": null,
        });
        assert_eq!(chosen(&event, &paths), expected);
        let posted = testing::posted("survey", &[("email", "jane@example.com")]);
        let expected = json!({ "type": "inbound.survey" });
        assert_eq!(chosen(&posted, &["fields", "fields.email", "type"]), expected);
    }
}
