//! Tickets, where they are read and written.

use crate::error::ActionError;
use automations::clock::Timestamp;
use automations::id::{StageId, TicketId, WorkflowId};
use automations::model::action::PlannedAction;
use automations::model::own_changes::ChangeMark;
use automations::salestrekker::{Error, FullTicket};

/// A ticket as it was read, and when the response had come.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) found: Result<FullTicket, ActionError>,
    pub(crate) at: Timestamp,
}

/// A ticket with the changes of some actions.
#[derive(Debug)]
pub(crate) struct Update<'a> {
    pub(crate) after: FullTicket,
    /// What each action changes, as the enricher will find it.
    pub(crate) changes: Vec<(&'a PlannedAction, Vec<ChangeMark>)>,
}

/// What became of an update.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) result: Result<(), ActionError>,
    /// The ticket as a read showed it that was sent after the update, and perhaps before its response.
    pub(crate) look: Option<FullTicket>,
}

/// The tickets of one organisation.
pub(crate) trait Tickets {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Reads tickets; a result for each, in their order.
    async fn read(&self, tickets: &[TicketId]) -> Vec<Result<FullTicket, ActionError>>;
    /// Marks the changes of each update as ours; a result for each, in their order.
    async fn mark(&self, updates: &[Update<'_>]) -> Vec<Result<(), ActionError>>;
    /// Replaces each ticket; a result for each, in their order.
    async fn write(&self, updates: &[Update<'_>]) -> Vec<Written>;
    /// Removes the marks of an update that did not take effect.
    async fn remove_marks(&self, update: &Update<'_>);
    /// The stage of this name in a workflow.
    async fn stage(&self, workflow: &WorkflowId, name: &str) -> Result<StageId, Error>;
    /// Whether an action of ours that comes before this one made this change after the decision saw the ticket.
    async fn is_of_earlier_action(
        &self,
        planned: &PlannedAction,
        mark: &ChangeMark,
    ) -> Result<bool, ActionError>;
    /// What a look did not show was there when the response had come.
    fn look_was_too_early(&self);
}
