//! `automations reminders`: what handlers want to be reminded of.

use crate::account::Account;
use crate::audit::{Audit, Change, Tally};
use crate::bulk::option;
use crate::exit_code::{Exit, Usage};
use crate::reminder_text::state;
use crate::report::{count, during, print, print_json, say, table};
use crate::time;
use anyhow::Result;
use automations::clock::{self, Timestamp};
use automations::id::{OrganisationId, ReminderKey, TicketId};
use automations::store::{ReminderEnd, ReminderState, Store, StoredReminder};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// List and cancel the reminders that handlers set
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the reminders that wait, those that are due first at the top; of one ticket, also how others ended
    #[command(
        after_help = "Example: automations reminders list --organisation north --due-within 2w --profile prod"
    )]
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Cancel reminders that wait: their events will not be published
    #[command(
        after_help = "Example: automations reminders cancel --organisation north --key review --due-within 1w --yes --profile prod"
    )]
    Cancel {
        #[command(flatten)]
        which: Which,
        /// Cancel them; without this, they are only listed
        #[arg(long)]
        yes: bool,
    },
}

/// Which reminders.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// The organisation
    #[arg(long, value_name = "NAME")]
    pub(crate) organisation: OrganisationId,
    /// Only those of this ticket, by its id in Salestrekker; those that wait for a date too
    #[arg(long, value_name = "TICKET_ID")]
    pub(crate) ticket: Option<TicketId>,
    /// Only those of this key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<ReminderKey>,
    /// Only those that are due within this time, such as 36h or 2w; without a ticket, 30d unless another time is given
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    pub(crate) due_within: Option<String>,
}

/// Without a ticket and a time, reminders that are due until then.
const MONTH: &str = "30d";

/// Runs `automations reminders`.
///
/// # Errors
/// If the table cannot be read or written, or if nothing says which reminders to cancel.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    match arguments.command {
        Command::List { which } => {
            let store = account.target().await?.store();
            let found = during("reading the reminders", which.read(&store, clock::now())).await?;
            show(&found, account.json)?;
        }
        Command::Cancel { which, yes } => {
            if !which.may_cancel() {
                return Err(Usage(
                    "say which reminders to cancel: --ticket TICKET_ID or --key KEY".to_owned(),
                )
                .into());
            }
            let target = account.target().await?;
            let store = target.store();
            let mut found = during("reading the reminders", which.read(&store, clock::now())).await?;
            found.retain(|stored| stored.waiting().is_some());
            if !yes {
                show(&found, account.json)?;
                say("\nnothing was cancelled: add --yes to do it");
                return Ok(Exit::Done);
            }
            let (tally, audit) = (Tally::default(), Audit::of(&target));
            let work = which.cancel_audited(&store, &found, &tally, &audit);
            let cancelled = during("cancelling", work).await?;
            if account.json {
                print_json(&json!({ "cancelled": cancelled }))?;
            } else {
                print(&cancelled_line(cancelled))?;
            }
        }
    }
    Ok(Exit::Done)
}

impl Which {
    /// Those that are in the table.
    ///
    /// # Errors
    /// If a time is not valid, or the table cannot be read.
    pub(crate) async fn read(&self, store: &Store, now: Timestamp) -> Result<Vec<StoredReminder>> {
        let within = self.due_within.as_deref().or(self.ticket.is_none().then_some(MONTH));
        let until = within.map(|within| time::ahead(within, now)).transpose()?;
        let mut found = match (&self.ticket, until) {
            (Some(ticket), _) => store.reminders(&self.organisation, ticket).await?,
            (None, until) => {
                let until = until.map_or_else(|| time::ahead(MONTH, now), Ok)?;
                store.reminders_until(&self.organisation, until).await?
            }
        };
        found.retain(|stored| {
            let is_key = self.key.as_ref().is_none_or(|key| key == stored.key());
            let is_soon = until.is_none_or(|until| stored.due_at().is_some_and(|due_at| due_at <= until));
            is_key && is_soon
        });
        Ok(found)
    }

    /// Whether it says which reminders to cancel: not simply all of an organisation.
    pub(crate) fn may_cancel(&self) -> bool {
        self.ticket.is_some() || self.key.is_some()
    }

    /// Cancels these, recorded; returns the number of those that still waited.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails; `tally` has the number of those that were cancelled.
    pub(crate) async fn cancel_audited(
        &self,
        store: &Store,
        found: &[StoredReminder],
        tally: &Tally,
        audit: &Audit,
    ) -> Result<u64> {
        let work = async {
            for stored in found {
                let end = (ReminderEnd::Cancelled, clock::now());
                if store.end_reminder(&self.organisation, stored, end).await? {
                    tally.add(1);
                }
            }
            Ok(tally.changed())
        };
        audit.record_tally(&self.change(), tally, work).await
    }

    /// The options of a command line.
    pub(crate) fn command_line(&self) -> String {
        let Self { organisation, ticket, key, due_within } = self;
        let words = [
            Some(option("organisation", organisation)),
            ticket.as_ref().map(|ticket| option("ticket", ticket)),
            key.as_ref().map(|key| option("key", key)),
            due_within.as_ref().map(|within| option("due-within", within)),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn change(&self) -> Change {
        Change::by("reminders cancel")
            .of(&self.organisation)
            .limited("ticket", self.ticket.as_ref())
            .limited("key", self.key.as_ref())
            .limited("due-within", self.due_within.as_ref())
    }
}

/// How many were cancelled.
pub(crate) fn cancelled_line(cancelled: u64) -> String {
    format!("{} cancelled", count(cancelled, "reminder", "reminders"))
}

fn show(found: &[StoredReminder], as_json: bool) -> Result<()> {
    if as_json {
        return print_json(&found.iter().map(value).collect::<Vec<_>>());
    }
    if found.is_empty() {
        return print("no reminders");
    }
    let rows: Vec<_> = found.iter().map(row).collect();
    print(&table(["due at", "ticket", "key", "set by", "set at", "state"], &rows))
}

fn row(stored: &StoredReminder) -> [String; 6] {
    let StoredReminder { ticket, reminder, .. } = stored;
    let due_at = stored.due_at().map(|due_at| due_at.to_string()).unwrap_or_default();
    let [set_by, set_at] = [reminder.set_by.clone(), reminder.set_at.to_string()];
    [due_at, ticket.to_string(), reminder.key.to_string(), set_by, set_at, state(stored)]
}

fn value(stored: &StoredReminder) -> Value {
    let (state, at, because) = match stored.state {
        ReminderState::Waits(_) => ("waits", None, None),
        ReminderState::Ended(ReminderEnd::Due, at) => ("due", Some(at), None),
        ReminderState::Ended(ReminderEnd::Lapsed(lapse), at) => ("lapsed", Some(at), Some(lapse.to_string())),
        ReminderState::Ended(ReminderEnd::Cancelled, at) => ("cancelled", Some(at), None),
    };
    json!({
        "ticket": stored.ticket,
        "state": state,
        "due_at": stored.due_at(),
        "ended_at": at,
        "because": because,
        "reminder": stored.reminder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::model::reminder::{Day, Lapse, OnlyWhile, Reminder, When, Zone};
    use automations::model::speed::Speed;

    fn stored(when: impl Into<When>, state: ReminderState) -> StoredReminder {
        let time = Timestamp::from_millis(1_790_000_000_000);
        let reminder = Reminder {
            key: "review".parse().unwrap(),
            when: when.into(),
            only_while: OnlyWhile::default(),
            event_at: time,
            set_at: time,
            set_by: "h".to_owned(),
            action: "e.h.0".parse().unwrap(),
            speed: Speed::default(),
        };
        StoredReminder { ticket: "t-1".parse().unwrap(), reminder, state }
    }

    #[test]
    fn each_state_is_said_in_words_and_in_json() {
        let at = Timestamp::from_millis(1_790_000_000_000);
        let field = Day::of_field(&"settlement".parse().unwrap(), Zone::Sydney);
        let lapsed = ReminderState::Ended(ReminderEnd::Lapsed(Lapse::OtherStage), at);
        for (stored, words, name) in [
            (stored(When::after_days(1), ReminderState::Waits(Some(at))), "waits", "waits"),
            (stored(field, ReminderState::Waits(None)), "waits for a date in settlement", "waits"),
            (
                stored(When::after_days(1), lapsed),
                "lapsed at 2026-09-21T14:13:20.000Z: other_stage",
                "lapsed",
            ),
        ] {
            assert_eq!((state(&stored).as_str(), &value(&stored)["state"]), (words, &json!(name)));
        }
        let row = row(&stored(When::after_days(1), ReminderState::Waits(Some(at))));
        assert_eq!(row[..3], ["2026-09-21T14:13:20.000Z", "t-1", "review"]);
    }
}
