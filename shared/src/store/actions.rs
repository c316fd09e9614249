//! What was done: the record that keeps an action from being done twice.

use super::snapshots::origin;
use super::{Error, Item, Store, json, key, number, text, unavailable};
use crate::action::Decided;
use crate::clock::Moment;
use crate::id::{ActionId, OrganisationId, TicketId};
use crate::wire;
use serde::{Deserialize, Serialize};

/// An action that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The action as it was decided.
    pub decided: Decided,
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub done_at: Moment,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The ticket was changed.
    Changed,
    /// The ticket was already as wanted; nothing was sent.
    AlreadySo,
    /// A handler's own mutation was sent, and not refused.
    Sent,
    /// A ticket was created.
    Created {
        /// Its id.
        ticket: TicketId,
    },
}

impl Store {
    /// The record of an action, where it was done before.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn done(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
    ) -> Result<Option<Done>, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = request.set_key(Some(result_key(organisation, action))).send().await;
        let item: Option<Item> = answer.map_err(|error| unavailable(&error))?.item;
        item.map(|item| json(&item, "result")).transpose()
    }

    /// Records that an action was done, and where it created a ticket, that the ticket is ours: in one transaction.
    ///
    /// # Errors
    /// [`Error::Overtaken`] where it was recorded before; else [`Error`].
    pub async fn record(&self, done: &Done) -> Result<(), Error> {
        let Decided { id, organisation, .. } = &done.decided;
        let mut result = result_key(organisation, id);
        result.insert("result".to_owned(), text(wire::to_json(done)));
        result.insert("at".to_owned(), number(done.done_at.as_millis()));
        let result = self.put(result).condition_expression("attribute_not_exists(pk)");
        match &done.outcome {
            Outcome::Created { ticket } => {
                let origin = self.put(origin(organisation, ticket, text(id.as_str())));
                self.transact([result, origin]).await
            }
            Outcome::Changed | Outcome::AlreadySo | Outcome::Sent => self.transact([result]).await,
        }
    }
}

fn result_key(organisation: &OrganisationId, action: &ActionId) -> Item {
    key(format!("ACTION#{organisation}#{action}"), "RESULT")
}
