//! The reminders of tickets: an item for each, beside the ticket's snapshot. While it waits for its time, it is in the index `due`
//! with that time as `next_check`, so that a sweep finds it and reads none that is not due. Its end is kept until another one of its
//! key is set.

use super::actions::{Claimant, STILL_CLAIMED, action_key, field};
use super::due_index::{integer, shard};
use super::keys::{ItemKey, ItemKind, key, reminders_of};
use super::outcome::Outcome;
use super::schedule::IS_DUE;
use super::transaction::WriteUnit;
use super::{Error, Item, Store, decode, number, text, unless_condition_failed, unusable};
use crate::clock::Timestamp;
use crate::id::{ActionId, OrganisationId, ReminderKey, TicketId};
use crate::json;
use crate::model::reminder::{Lapse, Reminder};
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use strum::{EnumString, IntoStaticStr};

/// The condition that it is still the same reminder, and waits.
const STILL_WAITS: &str = "set_by_action = :action AND #state = :waits";
/// The step that an action records together with what it made of a reminder.
const STEP: &str = "reminder";

/// A reminder as it is in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReminder {
    /// The ticket.
    pub ticket: TicketId,
    /// The reminder.
    pub reminder: Reminder,
    /// What became of it.
    pub state: ReminderState,
}

/// What became of a reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderState {
    /// It waits for this time; none if it waits for a date.
    Waits(Option<Timestamp>),
    /// It ended.
    Ended(ReminderEnd, Timestamp),
}

/// How a reminder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderEnd {
    /// It was due, and its event was stored.
    Due,
    /// It was due, and the ticket was not as it asks.
    Lapsed(Lapse),
    /// An action or an operator cancelled it.
    Cancelled,
}

/// A reminder to be set by an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewReminder<'a> {
    /// The ticket.
    pub(super) ticket: &'a TicketId,
    /// The reminder.
    pub(super) reminder: &'a Reminder,
    /// When it is due; none while it waits for a date.
    pub(super) due_at: Option<Timestamp>,
    /// The ticket's version that the time was computed from; none if it does not depend on the ticket.
    pub(super) of_version: Option<u64>,
}

#[derive(Clone, Copy, IntoStaticStr, EnumString)]
#[strum(serialize_all = "snake_case")]
enum State {
    Waits,
    Due,
    Lapsed,
    Cancelled,
}

impl Store {
    /// The reminders of a ticket, those that ended too, by their keys; read consistently. One that cannot be read is logged and left
    /// out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminders(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
    ) -> Result<Vec<StoredReminder>, Error> {
        self.readable(reminders_of(organisation, ticket), StoredReminder::of).await
    }

    /// What this action made of a reminder already, if an earlier attempt did.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn reminder_step(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
    ) -> Result<Option<Outcome>, Error> {
        let Some(done) = self.step(organisation, action, STEP).await? else { return Ok(None) };
        let unusable = |error| Error::Unusable {
            key: action.to_string(),
            attribute: "step_reminder",
            decode_error: Some(error),
        };
        json::from_json(done.as_bytes()).map(Some).map_err(unusable)
    }

    /// Sets a reminder for a claimed action, in one transaction with the step that says so: an action that is performed again finds
    /// the step. If the time depends on the ticket, on condition that the ticket still has that version.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if it has another one, or another invocation holds the claim; else [`Error`]. Nothing is written
    /// then.
    pub(super) async fn set_reminder(
        &self,
        organisation: &OrganisationId,
        new: NewReminder<'_>,
        claimant: Claimant<'_>,
    ) -> Result<Outcome, Error> {
        let NewReminder { ticket, reminder, due_at, of_version } = new;
        let mut item = key(organisation, ItemKind::Reminder(ticket.clone(), reminder.key.clone()));
        item.insert("reminder".to_owned(), text(json::to_json(reminder)));
        item.insert("set_by_action".to_owned(), text(reminder.action.as_str()));
        item.insert("state".to_owned(), text(<&str>::from(State::Waits)));
        if let Some(due_at) = due_at {
            item.insert("due_shard".to_owned(), text(shard(ticket)));
            item.insert("next_check".to_owned(), number(due_at.as_millis()));
        }
        if let Some(version) = of_version {
            item.insert("of_version".to_owned(), number(version));
        }
        let outcome = Outcome::ReminderSet { due_at };
        let step = self.reminder_done(organisation, &reminder.action, &outcome, claimant);
        let mut unit = WriteUnit::default().update(step).put(self.put(item));
        if let Some(version) = of_version {
            unit = unit.update(self.touch_version(organisation, ticket, version));
        }
        self.transact(unit).await?;
        Ok(outcome)
    }

    /// Cancels a reminder for a claimed action, in one transaction with the step that says so.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if it no longer waits, or another invocation holds the claim; else [`Error`]. Nothing is written
    /// then.
    pub(super) async fn forget_reminder(
        &self,
        organisation: &OrganisationId,
        stored: &StoredReminder,
        (action, claimant): (&ActionId, Claimant<'_>),
    ) -> Result<Outcome, Error> {
        let outcome = Outcome::ReminderCancelled;
        let end = (ReminderEnd::Cancelled, claimant.now);
        let unit = WriteUnit::default()
            .update(self.reminder_done(organisation, action, &outcome, claimant))
            .update(self.end_of_reminder(organisation, &stored.ticket, &stored.reminder, end));
        self.transact(unit).await?;
        Ok(outcome)
    }

    /// Ends a reminder that waits, without an event. Returns whether it still was this one and waited.
    ///
    /// # Errors
    /// [`Error`]; it still waits.
    pub async fn end_reminder(
        &self,
        organisation: &OrganisationId,
        stored: &StoredReminder,
        end: (ReminderEnd, Timestamp),
    ) -> Result<bool, Error> {
        self.update_reminder(self.end_of_reminder(organisation, &stored.ticket, &stored.reminder, end)).await
    }

    /// Moves a reminder that waits to another time, or to none, which was computed from this version of its ticket. Does nothing if it
    /// no longer waits, or if its time is of a newer version.
    ///
    /// # Errors
    /// [`Error`]; it is not moved.
    pub async fn move_reminder(
        &self,
        organisation: &OrganisationId,
        stored: &StoredReminder,
        (due_at, of_version): (Option<Timestamp>, u64),
    ) -> Result<bool, Error> {
        let update = self
            .reminder_that_waits(organisation, &stored.ticket, &stored.reminder)
            .condition_expression(format!(
                "{STILL_WAITS} AND (attribute_not_exists(of_version) OR of_version <= :version)"
            ))
            .expression_attribute_values(":version", number(of_version));
        let update = match due_at {
            Some(due_at) => update
                .update_expression("SET of_version = :version, due_shard = :shard, next_check = :due_at")
                .expression_attribute_values(":shard", text(shard(&stored.ticket)))
                .expression_attribute_values(":due_at", number(due_at.as_millis())),
            None => update.update_expression("SET of_version = :version REMOVE due_shard, next_check"),
        };
        self.update_reminder(update).await
    }

    /// Postpones a reminder that is due, as its ticket could not be checked. Does nothing if it no longer is.
    pub(super) async fn postpone_reminder(
        &self,
        organisation: &OrganisationId,
        stored: &StoredReminder,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let update = self
            .reminder_that_waits(organisation, &stored.ticket, &stored.reminder)
            .condition_expression(format!("{STILL_WAITS} AND {IS_DUE}"))
            .update_expression("SET next_check = :until")
            .expression_attribute_values(":now", number(now.as_millis()))
            .expression_attribute_values(":until", number(until.as_millis()));
        self.update_reminder(update).await.map(drop)
    }

    /// The end of a reminder as a part of a transaction, on condition that it still is this one and waits.
    pub(super) fn end_of_reminder(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        reminder: &Reminder,
        (end, at): (ReminderEnd, Timestamp),
    ) -> UpdateBuilder {
        let (state, because) = match end {
            ReminderEnd::Due => (State::Due, None),
            ReminderEnd::Lapsed(lapse) => (State::Lapsed, Some(lapse)),
            ReminderEnd::Cancelled => (State::Cancelled, None),
        };
        let because = because.map_or("", <&str>::from);
        self.reminder_that_waits(organisation, ticket, reminder)
            .update_expression(
                "SET #state = :end, ended_at = :at, because = :because REMOVE due_shard, next_check",
            )
            .expression_attribute_values(":end", text(<&str>::from(state)))
            .expression_attribute_values(":at", number(at.as_millis()))
            .expression_attribute_values(":because", text(because))
    }

    fn reminder_that_waits(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        reminder: &Reminder,
    ) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(organisation, ItemKind::Reminder(ticket.clone(), reminder.key.clone()))))
            .condition_expression(STILL_WAITS)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":action", text(reminder.action.as_str()))
            .expression_attribute_values(":waits", text(<&str>::from(State::Waits)))
    }

    /// The step of a claimed action that its reminder is set or cancelled.
    fn reminder_done(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        outcome: &Outcome,
        claimant: Claimant<'_>,
    ) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(action_key(organisation, action)))
            .update_expression(format!("SET step_{STEP} = :outcome"))
            .condition_expression(STILL_CLAIMED)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner))
            .expression_attribute_values(":outcome", text(json::to_json(outcome)))
    }

    /// A write that fails if the ticket has another version, and changes nothing that is read. So a reminder is either there before the
    /// next version, whose writer finds it, or is not set.
    fn touch_version(&self, organisation: &OrganisationId, ticket: &TicketId, version: u64) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(organisation, ItemKind::Snapshot(ticket.clone()))))
            .update_expression("SET reminded_version = :version")
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version))
    }

    async fn update_reminder(&self, update: UpdateBuilder) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let response = request
            .set_key(update.get_key().clone())
            .set_condition_expression(update.get_condition_expression().clone())
            .set_update_expression(update.get_update_expression().clone())
            .set_expression_attribute_names(update.get_expression_attribute_names().clone())
            .set_expression_attribute_values(update.get_expression_attribute_values().clone())
            .send()
            .await;
        Ok(unless_condition_failed(response)?.is_some())
    }
}

impl StoredReminder {
    /// The reminder in an item.
    ///
    /// # Errors
    /// [`Error::Unusable`].
    pub fn of(item: &Item) -> Result<Self, Error> {
        let Some(ItemKind::Reminder(ticket, own)) = ItemKey::of(item).map(|key| key.kind) else {
            return Err(unusable(item, "sk", None));
        };
        let reminder: Reminder = decode(item, "reminder")?;
        if reminder.key != own || field(item, "set_by_action") != Some(reminder.action.as_str()) {
            return Err(unusable(item, "reminder", None));
        }
        let state = field(item, "state").and_then(|state| state.parse().ok());
        let ended =
            |end| integer(item, "ended_at").map(|at| ReminderState::Ended(end, Timestamp::from_millis(at)));
        let state = match state.ok_or_else(|| unusable(item, "state", None))? {
            State::Waits => {
                let due_at =
                    item.contains_key("next_check").then(|| integer(item, "next_check")).transpose()?;
                ReminderState::Waits(due_at.map(Timestamp::from_millis))
            }
            State::Due => ended(ReminderEnd::Due)?,
            State::Cancelled => ended(ReminderEnd::Cancelled)?,
            State::Lapsed => {
                let lapse = field(item, "because").and_then(|because| because.parse().ok());
                ended(ReminderEnd::Lapsed(lapse.ok_or_else(|| unusable(item, "because", None))?))?
            }
        };
        Ok(Self { ticket, reminder, state })
    }

    /// The reminder, if it waits.
    pub fn waiting(&self) -> Option<&Reminder> {
        match self.state {
            ReminderState::Waits(_) => Some(&self.reminder),
            ReminderState::Ended(..) => None,
        }
    }

    /// When it is due, if it waits for a time.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            ReminderState::Waits(due_at) => due_at,
            ReminderState::Ended(..) => None,
        }
    }

    /// Its key.
    pub fn key(&self) -> &ReminderKey {
        &self.reminder.key
    }
}

#[cfg(test)]
mod tests;
