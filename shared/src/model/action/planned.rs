//! An action on its way to the worker.

use super::Action;
use crate::clock::Timestamp;
use crate::id::{ActionId, EventId, HintId, OrganisationId};
use crate::model::event::deduplication_id;
use crate::model::message_group::MessageGroup;
use crate::model::resent::Resent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An action on its way to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedAction {
    /// Deterministic: the idempotency key.
    pub id: ActionId,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The event that the handler decided on.
    pub event: EventId,
    /// The hint that led to the event: the correlation id of one webhook in all logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<HintId>,
    /// The actions that led to that event, oldest first; empty if a person's change did.
    #[serde(default)]
    pub chain: Vec<ActionId>,
    /// The ticket's version in that event; absent if the event has no ticket. Its journal says what came after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_version: Option<u64>,
    /// The handler that decided it.
    pub handler: String,
    /// When the handler decided it.
    pub decided_at: Timestamp,
    /// Delivery attempt of the event to the handler, starting at 1.
    pub attempt: u32,
    /// Set if it, or its event, was sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Resent>,
    /// The action.
    pub action: Action,
}

impl PlannedAction {
    /// The actions that lead to the change that this one makes, oldest first: its chain, and itself.
    pub fn chain_with_itself(&self) -> Vec<ActionId> {
        self.chain.iter().chain([&self.id]).cloned().collect()
    }

    /// The deduplication id: SQS drops an action that it accepted in the last five minutes, unless it was sent again on purpose.
    pub fn deduplication_id(&self) -> String {
        deduplication_id(self.id.as_str(), self.resent)
    }

    /// The FIFO message group. Actions of one ticket are performed one at a time, as two writers would overwrite each
    /// other's labels. Notices are grouped by destination, so that one that is down delays no other. A lead has no ticket
    /// yet, and a group of its own.
    pub fn message_group(&self) -> MessageGroup {
        let Self { organisation, event, action, .. } = self;
        match (action, action.ticket()) {
            (Action::Notify { destination, .. } | Action::NotifyJson { destination, .. }, _) => {
                MessageGroup::of_destination(organisation, destination)
            }
            (_, Some(ticket)) => MessageGroup::of_ticket(organisation, ticket),
            (_, None) => MessageGroup::of_event(organisation, event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DestinationName, OwnerId};
    use crate::model::lead::{Lead, LeadTarget};
    use crate::testing;

    fn planned(action: Action) -> PlannedAction {
        let event = testing::stage_changed("Approved", "Settled");
        PlannedAction {
            id: ActionId::of(&event.id, "h", 0).unwrap(),
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: None,
            chain: Vec::new(),
            ticket_version: Some(2),
            handler: "h".to_owned(),
            decided_at: event.observed_at,
            attempt: 1,
            resent: None,
            action,
        }
    }

    #[test]
    fn notices_are_grouped_by_where_they_go_and_the_rest_by_ticket() {
        let ticket = testing::ticket();
        let lead = Action::create_lead(Lead::default(), &LeadTarget::first_stage_of("Home loans"), "x");
        let group = |action| planned(action).message_group();
        let label = group(Action::add_label(&ticket, "x"));
        assert_eq!(label, group(Action::set_owner(&ticket, &OwnerId::parse("o").unwrap())));
        assert_eq!(label, testing::stage_changed("a", "b").message_group(), "that of the ticket's events");
        let team = DestinationName::parse("team").unwrap();
        let notice = group(Action::notify(&ticket, &team, "x"));
        assert_eq!(notice.as_str(), "north/destination/team");
        let event = testing::stage_changed("a", "b");
        assert_eq!(group(Action::notify_json(&event, &team, &["type"])), notice);
        assert!(group(lead).as_str().starts_with("north/event/"));
    }
}
