//! Sets and cancels reminders for claimed actions, each once.

use super::reminders::{NewReminder, StoredReminder};
use super::{Claimant, Error, Outcome, Store};
use crate::id::{ActionId, OrganisationId, ReminderKey, TicketId};
use crate::model::reminder::{IfSet, Reminder};
use crate::model::ticket::Ticket;

/// A ticket may get a new version this often while its reminder is set; then the action is retried later.
const MAX_TRIES: u32 = 3;

impl Store {
    /// Sets a reminder for the claimed action that it names, unless an earlier attempt did, or the ticket has one that is to be kept. The
    /// date of a field is that of the ticket's snapshot: if that is replaced meanwhile, the new one is read.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if the ticket changes all the time, or another invocation holds the claim; else [`Error`]. Nothing is
    /// set then.
    pub async fn remind(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        (reminder, if_set): (&Reminder, IfSet),
        claimant: Claimant<'_>,
    ) -> Result<Outcome, Error> {
        let mut tries = 0_u32;
        loop {
            // After a lost response, the step is there.
            if let Some(done) = self.reminder_step(organisation, &reminder.action).await? {
                return Ok(done);
            }
            if if_set == IfSet::Keep && self.waiting(organisation, ticket, &reminder.key).await?.is_some() {
                return Ok(Outcome::NoOp);
            }
            let known = match reminder.when.field() {
                Some(_) => self.ticket(organisation, ticket).await?,
                None => None,
            };
            let due_at = reminder.due_at(known.as_ref());
            let of_version = known.as_ref().map(|ticket| ticket.version);
            let new = NewReminder { ticket, reminder, due_at, of_version };
            tries = tries.saturating_add(1);
            match self.set_reminder(organisation, new, claimant).await {
                Err(Error::VersionConflict) if tries < MAX_TRIES => {}
                set => return set,
            }
        }
    }

    /// Cancels a reminder of a ticket for a claimed action, unless an earlier attempt did, or none of this key waits.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if it was just due, or another invocation holds the claim; else [`Error`]. Nothing is cancelled then.
    pub async fn forget(
        &self,
        organisation: &OrganisationId,
        (ticket, key): (&TicketId, &ReminderKey),
        action: &ActionId,
        claimant: Claimant<'_>,
    ) -> Result<Outcome, Error> {
        if let Some(done) = self.reminder_step(organisation, action).await? {
            return Ok(done);
        }
        match self.waiting(organisation, ticket, key).await? {
            Some(stored) => self.forget_reminder(organisation, &stored, (action, claimant)).await,
            None => Ok(Outcome::NoOp),
        }
    }

    /// The ticket's reminder of this key, if it waits.
    async fn waiting(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        key: &ReminderKey,
    ) -> Result<Option<StoredReminder>, Error> {
        let all = self.reminders(organisation, ticket).await?;
        Ok(all.into_iter().find(|stored| stored.key() == key && stored.waiting().is_some()))
    }

    /// A ticket as it was last read; none if it is not known.
    async fn ticket(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
    ) -> Result<Option<Ticket>, Error> {
        let mut known = self.known(organisation, std::slice::from_ref(ticket)).await?;
        let known = known.remove(ticket).transpose().map_err(|damaged| damaged.error)?;
        Ok(known.map(|known| known.snapshot.ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use crate::json::to_json;
    use crate::model::diff::change;
    use crate::model::reminder::{Day, OnlyWhile, When, Zone};
    use crate::model::snapshot::Seen;
    use crate::model::speed::Speed;
    use crate::testing::a_ticket;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    fn reminder(when: impl Into<When>) -> Reminder {
        Reminder {
            key: "review".parse().unwrap(),
            when: when.into(),
            only_while: OnlyWhile::default(),
            event_at: Timestamp::from_millis(0),
            set_at: Timestamp::from_millis(2),
            set_by: "h".to_owned(),
            action: "e.h.1".parse().unwrap(),
            speed: Speed::default(),
        }
    }

    fn before_settlement() -> Day {
        Day::of_field(&"settlement".parse().unwrap(), Zone::Brisbane).plus_days(-7)
    }

    /// The ticket's snapshot, in this version, with this date.
    fn snapshot(version: u64, date: &str) -> Value {
        let seen = Seen::without_fields(a_ticket().with_field("settlement", date).ticket(), "d");
        let mut snapshot = change(None, Some(seen), false).unwrap().snapshot;
        snapshot.ticket.version = version;
        json!({
            "pk": { "S": "TICKET#north#ticket-1" }, "sk": { "S": "SNAPSHOT" }, "version": { "N": version.to_string() },
            "snapshot": { "S": to_json(&snapshot) }, "outbox": { "S": "[]" }, "stored_at": { "N": "1" },
        })
    }

    /// A reminder of another action that waits.
    fn waiting() -> Value {
        let other = Reminder { action: "e.h.0".parse().unwrap(), ..reminder(When::after_days(9)) };
        json!({
            "pk": { "S": "TICKET#north#ticket-1" }, "sk": { "S": "REMINDER#review" }, "state": { "S": "waits" },
            "set_by_action": { "S": "e.h.0" }, "reminder": { "S": to_json(&other) },
        })
    }

    /// A table with these items, whose ticket gets another version this often while a transaction is on its way; and the
    /// transactions.
    struct Table {
        step: Option<Outcome>,
        stored: Vec<Value>,
        conflicts: usize,
    }

    impl Table {
        fn store(self) -> (Store, Arc<Mutex<Vec<Value>>>) {
            let writes: Arc<Mutex<Vec<Value>>> = Arc::default();
            let seen = Arc::clone(&writes);
            let config = aws::stub::config_with_responses(move |request: &Value| {
                let mut writes = seen.lock().unwrap();
                if let Some(items) = request.get("TransactItems") {
                    writes.push(items.clone());
                    if writes.len() > self.conflicts {
                        return (200, json!({}));
                    }
                    let codes =
                        ["None", "None", "ConditionalCheckFailed"].map(|code| json!({ "Code": code }));
                    let codes = &codes[3_usize.saturating_sub(items.as_array().unwrap().len())..];
                    return (
                        400,
                        json!({ "__type": "TransactionCanceledException", "CancellationReasons": codes }),
                    );
                }
                if request.get("RequestItems").is_some() {
                    let version = writes.len().saturating_add(4);
                    let date = format!("2026-12-{:02}", version.saturating_add(10));
                    let item = snapshot(u64::try_from(version).unwrap(), &date);
                    return (200, json!({ "Responses": { "t": [item] } }));
                }
                if request.get("KeyConditionExpression").is_some() {
                    return (200, json!({ "Items": self.stored }));
                }
                let step = self.step.as_ref().map(|step| json!({ "step_reminder": { "S": to_json(step) } }));
                (200, json!({ "Item": step }))
            });
            (Store::new(aws::dynamodb(&config), "t".to_owned()), writes)
        }

        async fn remind(self, reminder: Reminder, if_set: IfSet) -> (Result<Outcome, Error>, Vec<Value>) {
            let (store, writes) = self.store();
            let (north, ticket) = ("north".parse().unwrap(), "ticket-1".parse().unwrap());
            let outcome = store.remind(&north, &ticket, (&reminder, if_set), claimant()).await;
            let writes = writes.lock().unwrap().clone();
            (outcome, writes)
        }
    }

    fn claimant() -> Claimant<'static> {
        Claimant { owner: "i", now: Timestamp::from_millis(3), until: Timestamp::from_millis(9) }
    }

    fn empty() -> Table {
        Table { step: None, stored: vec![], conflicts: 0 }
    }

    fn day(number: u64) -> Timestamp {
        Timestamp::from_seconds(number.saturating_mul(86_400))
    }

    /// An attempt that crashed after it had set the reminder, which may have been due meanwhile.
    #[tokio::test]
    async fn a_reminder_that_an_earlier_attempt_set_is_not_set_again() {
        let step = Outcome::ReminderSet { due_at: Some(day(1)) };
        let table = Table { step: Some(step.clone()), ..empty() };
        let (outcome, writes) = table.remind(reminder(When::after_days(2)), IfSet::Replace).await;
        assert_eq!((outcome, writes.len()), (Ok(step.clone()), 0));
        let (store, writes) =
            Table { step: Some(step.clone()), stored: vec![waiting()], conflicts: 0 }.store();
        let (north, ticket, key) =
            ("north".parse().unwrap(), "ticket-1".parse().unwrap(), "review".parse().unwrap());
        let forgotten = store.forget(&north, (&ticket, &key), &"e.h.1".parse().unwrap(), claimant()).await;
        assert_eq!((forgotten, writes.lock().unwrap().len()), (Ok(step), 0));
    }

    #[tokio::test]
    async fn one_that_waits_is_replaced_or_kept_as_the_new_one_says() {
        let with = || Table { stored: vec![waiting()], ..empty() };
        let (kept, writes) = with().remind(reminder(When::after_days(2)), IfSet::Keep).await;
        assert_eq!((kept, writes.len()), (Ok(Outcome::NoOp), 0));
        let set = Ok(Outcome::ReminderSet { due_at: Some(day(2)) });
        let (replaced, writes) = with().remind(reminder(When::after_days(2)), IfSet::Replace).await;
        assert_eq!((replaced, writes.len()), (set.clone(), 1));
        let (first, writes) = empty().remind(reminder(When::after_days(2)), IfSet::Keep).await;
        assert_eq!((first, writes.len()), (set, 1));
    }

    #[tokio::test]
    async fn a_date_that_moves_while_its_reminder_is_set_is_read_again_and_not_for_ever() {
        let table = Table { conflicts: 1, ..empty() };
        let (outcome, writes) = table.remind(reminder(before_settlement()), IfSet::Replace).await;
        let due_at = "2026-12-07T23:00:00Z".parse().ok();
        assert_eq!(outcome, Ok(Outcome::ReminderSet { due_at }), "a week before the 15th, not the 14th");
        let versions: Vec<_> = writes
            .iter()
            .map(|items| items[2]["Update"]["ExpressionAttributeValues"][":version"]["N"].clone())
            .collect();
        assert_eq!(versions, ["4", "5"]);
        let table = Table { conflicts: 9, ..empty() };
        let (outcome, writes) = table.remind(reminder(before_settlement()), IfSet::Replace).await;
        assert_eq!((outcome, writes.len()), (Err(Error::VersionConflict), 3));
    }

    #[tokio::test]
    async fn only_a_reminder_that_waits_is_cancelled() {
        let (north, ticket, key) =
            ("north".parse().unwrap(), "ticket-1".parse().unwrap(), "review".parse().unwrap());
        for (stored, expected, count) in
            [(vec![waiting()], Outcome::ReminderCancelled, 1), (vec![], Outcome::NoOp, 0)]
        {
            let (store, writes) = Table { stored, ..empty() }.store();
            let outcome = store.forget(&north, (&ticket, &key), &"e.h.1".parse().unwrap(), claimant()).await;
            assert_eq!((outcome, writes.lock().unwrap().len()), (Ok(expected), count));
        }
    }
}
