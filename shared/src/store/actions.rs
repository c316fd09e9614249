//! What is done: the record that keeps an action from being done twice.
//!
//! | state | means |
//! |---|---|
//! | `claimed` | somebody performs it, until the lease ends; with `sent`, something that must not happen twice may have happened |
//! | `done` | it was done; `result` says what came of it |
//! | `parked` | it may or may not have taken effect; a person decides |
//!
//! A lease's end is compared here, with the clock of whoever asks: DynamoDB's time to live removes items days late.

use super::transaction::Unit;
use super::{Error, Item, Store, decode, key, number, text, unavailable};
use crate::clock::Timestamp;
use crate::id::{ActionId, ContactId, OrganisationId, TicketId};
use crate::json;
use crate::model::action::PlannedAction;
use crate::model::own_changes::Attribution;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::{Deserialize, Serialize};

/// An action that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The action as it was decided.
    pub decided: PlannedAction,
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub done_at: Timestamp,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The ticket was changed.
    Changed,
    /// The ticket was already as wanted; nothing was sent.
    NoOp,
    /// The organisation is read-only: nothing was sent, and nothing will be for this action.
    DryRun,
    /// A handler's own mutation, or a notice, was sent and not refused.
    Sent,
    /// A contact and a ticket for it were created.
    LeadCreated {
        /// The contact's id.
        contact: ContactId,
        /// The ticket's id.
        ticket: TicketId,
    },
    /// A ticket was created.
    Created {
        /// Its id.
        ticket: TicketId,
    },
}

/// Who performs an action, and until when nobody else may.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// The invocation's id.
    pub owner: &'a str,
    /// When it asks.
    pub now: Timestamp,
    /// When its invocation is over, whatever happens to it.
    pub until: Timestamp,
}

/// What became of the wish to perform an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the claimant's until the lease ends.
    Granted {
        /// An earlier claimant was lost after it had begun to send what must not happen twice.
        on_unknown_outcome: bool,
    },
    /// It was done before.
    Done,
    /// It is left to a person.
    Parked,
    /// Somebody else performs it.
    Held {
        /// Until then at most.
        until: Timestamp,
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
        let item = self.action(organisation, action).await?;
        item.filter(|item| state(item) == Some("done")).map(|item| decode(&item, "result")).transpose()
    }

    /// Claims an action, where nobody performs it and it is not over.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Claim, Error> {
        let Claimant { owner, now, until } = claimant;
        let request = self.client.update_item().table_name(&self.table);
        let answer = request
            .set_key(Some(action_key(organisation, action)))
            .update_expression("SET #state = :claimed, #owner = :owner, lease = :until")
            .condition_expression("attribute_not_exists(pk) OR (#state = :claimed AND lease <= :now)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":until", number(until.as_millis()))
            .expression_attribute_values(":now", number(now.as_millis()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let on_unknown_outcome = answer.attributes.is_some_and(|before| before.contains_key("sent"));
                Ok(Claim::Granted { on_unknown_outcome })
            }
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => {
                    self.why_not(organisation, action, claimant).await
                }
                _ => Err(unavailable(&error)),
            },
        }
    }

    /// Says that what must not happen twice is about to be sent: from now on, losing the claimant leaves a doubt.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] where the claim is another's by now, so that nothing may be sent; else [`Error`].
    pub async fn sending(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<(), Error> {
        self.change(
            organisation,
            action,
            claimant,
            "SET sent = :true",
            Some((":true", AttributeValue::Bool(true))),
        )
        .await
    }

    /// Gives a claim back: the action was not done, and anybody may try again.
    ///
    /// # Errors
    /// [`Error`]; the lease ends by itself.
    pub async fn release(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<(), Error> {
        let release = ("SET lease = :zero REMOVE sent", Some((":zero", number(0))));
        self.change(organisation, action, claimant, release.0, release.1).await
    }

    /// Leaves an action to a person: it may or may not have taken effect.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] where the claim is another's by now; else [`Error`].
    pub async fn park(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<(), Error> {
        let park = ("SET #state = :parked", Some((":parked", text("parked"))));
        self.change(organisation, action, claimant, park.0, park.1).await
    }

    /// Takes a parked action back from the person to whom it was left: it is to be done (again).
    ///
    /// # Errors
    /// [`Error`]; one that is not parked is left as it is.
    pub async fn unpark(&self, organisation: &OrganisationId, action: &ActionId) -> Result<(), Error> {
        let request = self.client.update_item().table_name(&self.table);
        let answer = request
            .set_key(Some(action_key(organisation, action)))
            .update_expression("SET #state = :claimed, lease = :zero REMOVE sent")
            .condition_expression("#state = :parked")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":parked", text("parked"))
            .expression_attribute_values(":zero", number(0))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(unavailable(&error)),
            },
        }
    }

    /// Records that an action was done, and where it created a ticket, that the ticket is ours: in one transaction.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] where the claim is another's by now; else [`Error`].
    pub async fn record(&self, done: &Done, claimant: Claimant<'_>) -> Result<(), Error> {
        let PlannedAction { id, organisation, .. } = &done.decided;
        let mut result = action_key(organisation, id);
        result.insert("state".to_owned(), text("done"));
        result.insert("result".to_owned(), text(json::to_json(done)));
        result.insert("at".to_owned(), number(done.done_at.as_millis()));
        let result = self
            .put(result)
            .condition_expression("#state = :claimed AND #owner = :owner")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner));
        let result = Unit::default().put(result);
        let all = match &done.outcome {
            Outcome::Created { ticket } | Outcome::LeadCreated { ticket, .. } => {
                let left = Attribution { chain: done.decided.links(), at: done.done_at };
                result.update(self.created(organisation, ticket, &left))
            }
            Outcome::Changed | Outcome::NoOp | Outcome::DryRun | Outcome::Sent => result,
        };
        Ok(self.transact(all).await?)
    }

    /// Changes a record whose claim is still the claimant's.
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
            .condition_expression("#state = :claimed AND #owner = :owner")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner));
        if let Some((name, value)) = value {
            request = request.expression_attribute_values(name, value);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => {
                    Err(Error::VersionConflict)
                }
                _ => Err(unavailable(&error)),
            },
        }
    }

    async fn why_not(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Claim, Error> {
        let Some(item) = self.action(organisation, action).await? else { return Err(Error::VersionConflict) };
        match state(&item) {
            Some("done") => Ok(Claim::Done),
            Some("parked") => Ok(Claim::Parked),
            // Our own: the answer to the claim was lost, and the SDK asked again.
            Some("claimed") if field(&item, "owner") == Some(claimant.owner) => {
                Ok(Claim::Granted { on_unknown_outcome: item.contains_key("sent") })
            }
            Some("claimed") => {
                let lease = item.get("lease").and_then(|lease| lease.as_n().ok()?.parse().ok());
                let lease = lease.ok_or(Error::Unusable { attribute: "lease", decode_error: None })?;
                Ok(Claim::Held { until: Timestamp::from_millis(lease) })
            }
            _ => Err(Error::Unusable { attribute: "state", decode_error: None }),
        }
    }

    pub(super) async fn action(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
    ) -> Result<Option<Item>, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = request.set_key(Some(action_key(organisation, action))).send().await;
        Ok(answer.map_err(|error| unavailable(&error))?.item)
    }
}

fn action_key(organisation: &OrganisationId, action: &ActionId) -> Item {
    key(format!("ACTION#{organisation}#{action}"), "RESULT")
}

fn state(item: &Item) -> Option<&str> {
    field(item, "state")
}

pub(super) fn field<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
