//! Decisions that wait for the end of a handler's quiet period: an item for each handler and ticket, beside the ticket's snapshot; and what
//! handlers collect: an item for each handler and owner, or organisation, among the organisation's own. While something waits, it is in the index `due` with its time as `next_check`. Each write is on condition that no other came before.
//!
//! Of a replay with consent, such as `--reprocess`, they wait in an item of its own: old events and new ones are not one.

use super::actions::{Claimant, STILL_CLAIMED, action_key};
use super::due_index::{integer, shard, shard_of};
use super::keys::{ItemKey, ItemKind, collections_of, deferrals_of, key};
use super::outcome::Outcome;
use super::packed::pack;
use super::transaction::WriteUnit;
use super::{Error, Item, Store, decode, number, text, unavailable, unless_condition_failed, unusable};
use crate::clock::Timestamp;
use crate::id::{ActionId, OrganisationId, OwnerId, TicketId};
use crate::json;
use crate::model::deferral::Deferral;
use crate::model::event::Event;
use crate::model::resent::Resent;
use crate::model::speed::Speed;
use crate::model::until::Until;
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};

/// The item may be written by others this often while a decision is put off; then the action is retried later.
const MAX_TRIES: u32 = 3;
/// That no other write came before.
const UNCHANGED: &str = "revision = :revision";
const NEW: &str = "attribute_not_exists(pk)";

/// What a handler has to decide about a ticket, as it is in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeferral {
    /// The ticket; none if it is of several.
    pub ticket: Option<TicketId>,
    /// The handler's name, of what it collected with the owner, and of a replay also with its time.
    of: String,
    /// The number of writes.
    revision: u64,
    /// What waits.
    pub deferral: Deferral,
}

/// A decision that an action puts off.
#[derive(Debug, Clone, Copy)]
pub struct NewDeferral<'a> {
    /// The ticket.
    pub ticket: &'a TicketId,
    /// The handler.
    pub handler: &'a str,
    /// On this event.
    pub event: &'a Event,
    /// Until when, and how fast that passes.
    pub until: (Until, Speed),
    /// The action.
    pub action: &'a ActionId,
}

impl Store {
    /// Puts a decision off for a claimed action, in one transaction with the step that says so, unless an earlier attempt did.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if others write the item all the time, or another invocation holds the claim; else [`Error`]. Nothing
    /// is written then.
    pub async fn defer(
        &self,
        organisation: &OrganisationId,
        new: NewDeferral<'_>,
        claimant: Claimant<'_>,
    ) -> Result<Outcome, Error> {
        let (until, _) = new.until;
        let (ticket, of) = match until {
            Until::QuietPeriod(_) => (Some(new.ticket), new.handler.to_owned()),
            Until::Collect(collect) => {
                let owner = collect.owner_of(new.event);
                (None, format!("{}#{}", new.handler, owner.as_ref().map_or("", OwnerId::as_str)))
            }
        };
        // As the event was replayed. What a redrive of this action may do says nothing of the item.
        let replayed_at = new.event.resent.filter(is_with_consent).map(|resent| resent.at.as_millis());
        let (of, step) = match replayed_at {
            None => (of, "deferred".to_owned()),
            Some(at) => (format!("{of}#{at}"), format!("deferred_{at}")),
        };
        let mut tries = 0_u32;
        loop {
            // After a lost response, the step is there.
            if let Some(done) = self.step(organisation, new.action, &step).await? {
                return json::from_json(done.as_bytes()).map_err(|error| Error::Unusable {
                    key: new.action.to_string(),
                    attribute: "step_deferred",
                    decode_error: Some(error),
                });
            }
            let stored = self.deferral(organisation, (ticket, &of)).await?;
            let mut stored = stored
                .unwrap_or_else(|| StoredDeferral::new(ticket.cloned(), of.clone(), Deferral::default()));
            let until = stored.deferral.add(new.handler, new.event, new.until, claimant.now);
            let outcome = Outcome::Deferred { until };
            let unit = WriteUnit::default()
                .update(self.deferred_step(organisation, new.action, (&step, &outcome), claimant))
                .put(self.put_deferral(organisation, &stored));
            tries = tries.saturating_add(1);
            match self.transact(unit).await.map_err(Error::from) {
                Ok(()) => return Ok(outcome),
                Err(Error::VersionConflict) if tries < MAX_TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What handlers have to decide about a ticket, read consistently. An item that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn deferrals(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
    ) -> Result<Vec<StoredDeferral>, Error> {
        self.readable(deferrals_of(organisation, ticket), StoredDeferral::of).await
    }

    /// What handlers have collected in an organisation, read as [`Store::deferrals`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn collections(&self, organisation: &OrganisationId) -> Result<Vec<StoredDeferral>, Error> {
        self.readable(collections_of(organisation), StoredDeferral::of).await
    }

    /// Replaces what a handler has to decide, in the table and in the argument.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if it was written since it was read; else [`Error`]. Nothing is written then.
    pub async fn replace_deferral(
        &self,
        organisation: &OrganisationId,
        stored: &mut StoredDeferral,
    ) -> Result<(), Error> {
        let put = self.put_deferral(organisation, stored);
        let request = self.client.put_item().table_name(&self.table);
        let response = request
            .set_item(put.get_item().clone())
            .set_condition_expression(put.get_condition_expression().clone())
            .set_expression_attribute_values(put.get_expression_attribute_values().clone())
            .send()
            .await;
        unless_condition_failed(response)?.ok_or(Error::VersionConflict)?;
        stored.revision = stored.revision.saturating_add(1);
        Ok(())
    }

    async fn deferral(
        &self,
        organisation: &OrganisationId,
        (ticket, of): (Option<&TicketId>, &str),
    ) -> Result<Option<StoredDeferral>, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let key = key(organisation, kind(ticket, of));
        let response = request.set_key(Some(key)).send().await.map_err(|error| unavailable(&error))?;
        response.item.as_ref().map(StoredDeferral::of).transpose()
    }

    /// The next write of an item.
    fn put_deferral(&self, organisation: &OrganisationId, stored: &StoredDeferral) -> PutBuilder {
        let StoredDeferral { ticket, of, revision, deferral } = stored;
        let mut item = key(organisation, kind(ticket.as_ref(), of));
        item.insert("deferral".to_owned(), pack(json::to_json(deferral)));
        item.insert("revision".to_owned(), number(revision.saturating_add(1)));
        if let Some(due_at) = deferral.due_at() {
            let shard = ticket.as_ref().map_or_else(|| shard_of(of), shard);
            item.insert("due_shard".to_owned(), text(shard));
            item.insert("next_check".to_owned(), number(due_at.as_millis()));
        }
        let put = self.put(item);
        if *revision == 0 {
            return put.condition_expression(NEW);
        }
        put.condition_expression(UNCHANGED).expression_attribute_values(":revision", number(*revision))
    }

    /// The step of a claimed action that its decision is put off.
    fn deferred_step(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        (step, outcome): (&str, &Outcome),
        claimant: Claimant<'_>,
    ) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(action_key(organisation, action)))
            .update_expression(format!("SET step_{step} = :outcome"))
            .condition_expression(STILL_CLAIMED)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner))
            .expression_attribute_values(":outcome", text(json::to_json(outcome)))
    }
}

impl StoredDeferral {
    /// One that is not in the table yet: of this handler, and for a replay also its time.
    pub fn new(ticket: Option<TicketId>, of: String, deferral: Deferral) -> Self {
        Self { ticket, of, revision: 0, deferral }
    }

    /// What is in an item.
    ///
    /// # Errors
    /// [`Error::Unusable`].
    pub fn of(item: &Item) -> Result<Self, Error> {
        let kind = ItemKey::of(item).map(|key| key.kind);
        let (ticket, of) = if let Some(ItemKind::Deferred(ticket, of)) = kind {
            (Some(ticket), of)
        } else if let Some(ItemKind::Collected(of)) = kind {
            (None, of)
        } else {
            return Err(unusable(item, "sk", None));
        };
        let (revision, deferral) = (integer(item, "revision")?, decode(item, "deferral")?);
        Ok(Self { ticket, of, revision, deferral })
    }

    /// The handler.
    pub fn handler(&self) -> &str {
        self.of.split('#').next().unwrap_or_default()
    }

    /// When there is something to do; none if nothing waits.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.deferral.due_at()
    }
}

fn kind(ticket: Option<&TicketId>, of: &str) -> ItemKind {
    match ticket {
        Some(ticket) => ItemKind::Deferred(ticket.clone(), of.to_owned()),
        None => ItemKind::Collected(of.to_owned()),
    }
}

/// Whether an operator wants more of it than that nothing is lost.
fn is_with_consent(resent: &Resent) -> bool {
    resent.reprocess || resent.not_performed || resent.out_of_order
}

#[cfg(test)]
mod tests;
