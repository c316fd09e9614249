//! The records that keep an action from being performed twice.
//!
//! | state | means |
//! |---|---|
//! | none | nothing was performed; or an edit was, and its invocation crashed: what may be done twice is recorded without a claim |
//! | `claimed` | an invocation performs it until its lease ends; with `send_started`, something that must not happen twice may have happened |
//! | `done` | it was performed; `result` has the outcome |
//! | `parked` | it may or may not have taken effect; a person decides |
//!
//! The end of a lease is compared with the claimant's clock: DynamoDB's time to live deletes items days late.

use super::keys::{ItemKind, key};
use super::outcome::Outcome;
use super::{Error, Item, Store, decode, number, text, unavailable, unless_condition_failed, unusable};
use crate::clock::Timestamp;
use crate::id::{ActionId, EventId, OrganisationId};
use crate::model::action::{Action, PlannedAction};
use crate::model::until::Until;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::{Deserialize, Serialize};

/// An action that was performed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The action, without personal data.
    pub planned: PlannedAction,
    /// Its outcome.
    pub outcome: Outcome,
    /// When it was performed.
    pub done_at: Timestamp,
}

impl Done {
    /// If it put a decision off: the event that is decided on if its own was the newest one when the wait ended.
    pub fn decided_later(&self) -> Option<EventId> {
        let Outcome::Deferred { .. } = self.outcome else { return None };
        let PlannedAction { event, handler, action, .. } = &self.planned;
        let is_list = matches!(action, Action::Defer { until: Until::Collect(_), .. });
        Some(if is_list {
            EventId::of_collection(event, handler)
        } else {
            EventId::of_quiet_period(event, handler)
        })
    }
}

/// The invocation that performs an action, and the end of its lease.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// The invocation's id.
    pub owner: &'a str,
    /// The time of the claim.
    pub now: Timestamp,
    /// The invocation's deadline, at which the lease ends.
    pub until: Timestamp,
}

/// The result of claiming an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nothing is stored of it, and it may be performed without a claim: see [`Store::unclaimed_each`].
    Unclaimed,
    /// The claimant may perform it until the lease ends.
    Granted {
        /// An earlier claimant crashed after it began to send something that must not happen twice.
        outcome_unknown: bool,
        /// No invocation had claimed it before.
        is_first: bool,
    },
    /// It is done already.
    Done,
    /// It may or may not have taken effect; a person decides.
    Parked,
    /// Another invocation performs it.
    Held {
        /// When that invocation's lease ends.
        until: Timestamp,
    },
}

/// How an invocation may record an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Nothing was stored of it when it was asked for; it is recorded if that is still so.
    Unclaimed,
    /// It is claimed.
    Claimed {
        /// No invocation had claimed it before.
        is_first: bool,
    },
}

/// The condition that the claimant still holds the claim.
pub(super) const STILL_CLAIMED: &str = "#state = :claimed AND #owner = :owner";

impl Store {
    /// The record of an action, if it is done.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn done(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
    ) -> Result<Option<Done>, Error> {
        let item = self.action(organisation, action).await?;
        item.filter(|item| state(item) == Some("done")).map(|item| decode(&item, "result")).transpose()
    }

    /// Claims an action, unless it is done, parked, or held by another invocation.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Claim, Error> {
        let free = "attribute_not_exists(pk) OR (#state = :claimed AND lease <= :now)";
        match self.claim_if(free, organisation, action, claimant).await? {
            Some(claim) => Ok(claim),
            None => self.existing_claim(organisation, action, claimant).await,
        }
    }

    /// Claims an action that was only recorded: see [`Outcome::is_only_recorded`]. Any other is [`Claim::Done`] for this purpose,
    /// one without a record too.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_not_performed(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Claim, Error> {
        let only_recorded = "attribute_exists(only_recorded) AND (#state <> :claimed OR lease <= :now)";
        if let Some(claim) = self.claim_if(only_recorded, organisation, action, claimant).await? {
            return Ok(claim);
        }
        let item = self.action(organisation, action).await?;
        if item.is_none_or(|item| !item.contains_key("only_recorded")) {
            return Ok(Claim::Done);
        }
        self.existing_claim(organisation, action, claimant).await
    }

    /// Claims an action on this condition; `None` if it does not hold.
    async fn claim_if(
        &self,
        condition: &str,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Option<Claim>, Error> {
        let Claimant { owner, now, until } = claimant;
        let request = self.client.update_item().table_name(&self.table);
        let response = request
            .set_key(Some(action_key(organisation, action)))
            .update_expression("SET #state = :claimed, #owner = :owner, lease = :until")
            .condition_expression(condition)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":until", number(until.as_millis()))
            .expression_attribute_values(":now", number(now.as_millis()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        let granted = unless_condition_failed(response)?.map(|response| {
            let before = response.attributes.unwrap_or_default();
            Claim::Granted {
                outcome_unknown: before.contains_key("send_started"),
                is_first: before.is_empty(),
            }
        });
        Ok(granted)
    }

    /// Records that something is about to be sent that must not happen twice: if the claimant crashes from now on, the outcome
    /// is unknown.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another invocation holds the claim, so that nothing may be sent; else [`Error`].
    pub async fn record_send_started(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<(), Error> {
        self.change(
            organisation,
            action,
            claimant,
            "SET send_started = :true",
            Some((":true", AttributeValue::Bool(true))),
        )
        .await
    }

    /// Releases a claim: the action was not performed and may be claimed again at once.
    ///
    /// # Errors
    /// [`Error`]; the lease ends by itself.
    pub async fn release(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<(), Error> {
        let release = ("SET lease = :zero REMOVE send_started", Some((":zero", number(0))));
        self.change(organisation, action, claimant, release.0, release.1).await
    }

    /// Parks an action, which may or may not have taken effect: nothing performs it until a person decides.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another invocation holds the claim; else [`Error`].
    pub async fn park(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<(), Error> {
        let park = ("SET #state = :parked", Some((":parked", text("parked"))));
        self.change(organisation, action, claimant, park.0, park.1).await
    }

    /// Ends the parking of an action: it is to be performed, perhaps a second time.
    ///
    /// # Errors
    /// [`Error`]. An action that is not parked is not changed.
    pub async fn unpark(&self, organisation: &OrganisationId, action: &ActionId) -> Result<(), Error> {
        let request = self.client.update_item().table_name(&self.table);
        let response = request
            .set_key(Some(action_key(organisation, action)))
            .update_expression("SET #state = :claimed, lease = :zero REMOVE send_started")
            .condition_expression("#state = :parked")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":parked", text("parked"))
            .expression_attribute_values(":zero", number(0))
            .send()
            .await;
        unless_condition_failed(response).map(drop)
    }

    /// Changes a record, on condition that the claimant still holds the claim.
    pub(super) async fn change(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
        change: &str,
        value: Option<(&str, AttributeValue)>,
    ) -> Result<(), Error> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(action_key(organisation, action)))
            .update_expression(change)
            .condition_expression(STILL_CLAIMED)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner));
        if let Some((name, value)) = value {
            request = request.expression_attribute_values(name, value);
        }
        unless_condition_failed(request.send().await)?.map(drop).ok_or(Error::VersionConflict)
    }

    async fn existing_claim(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Claim, Error> {
        let Some(item) = self.action(organisation, action).await? else { return Err(Error::VersionConflict) };
        match state(&item) {
            Some("done") => Ok(Claim::Done),
            Some("parked") => Ok(Claim::Parked),
            // Our own: the response to the claim was lost, and the SDK retried.
            Some("claimed") if field(&item, "owner") == Some(claimant.owner) => {
                Ok(Claim::Granted { outcome_unknown: item.contains_key("send_started"), is_first: false })
            }
            Some("claimed") => {
                let lease = item.get("lease").and_then(|lease| lease.as_n().ok()?.parse().ok());
                let lease = lease.ok_or_else(|| unusable(&item, "lease", None))?;
                Ok(Claim::Held { until: Timestamp::from_millis(lease) })
            }
            _ => Err(unusable(&item, "state", None)),
        }
    }

    pub(super) async fn action(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
    ) -> Result<Option<Item>, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let response = request.set_key(Some(action_key(organisation, action))).send().await;
        Ok(response.map_err(|error| unavailable(&error))?.item)
    }
}

pub(super) fn action_key(organisation: &OrganisationId, action: &ActionId) -> Item {
    key(organisation, ItemKind::Action(action.clone()))
}

pub(super) fn state(item: &Item) -> Option<&str> {
    field(item, "state")
}

pub(super) fn field<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
