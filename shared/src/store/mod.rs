//! DynamoDB: one table for the last version of each ticket, for its events, and for the actions that were performed.
//!
//! | `pk` | `sk` | content |
//! |---|---|---|
//! | `TICKET#{organisation}#{ticket}` | `SNAPSHOT` | the ticket as it was last read, its version, its check schedule, and the outbox: events not yet published |
//! | | | (without `outbox`, but with `unpublished`, the outbox is beside the snapshot's fields in its JSON; an earlier version of the program has it in the journal entry of this version) |
//! | | | (`unpublished`, the number of events in the outbox, exists if there are any) |
//! | | | (`check_slot` is the key of the index `checks`; `due_shard` and `next_check` are the keys of the index `due`, and exist if a check has a time of its own; see `schedule.rs`) |
//! | the same | `JOURNAL#{version}` | the events of that version, for ever (`journal_day` and `at` are the keys of the index `journal_by_day`) |
//! | the same | `CHANGE_MARKS` | what our actions changed at the ticket; see `own_changes.rs` |
//! | the same | `REMINDER#{key}` | a reminder of the ticket, what became of it, and the keys of the index `due` while it waits; see `reminders.rs` |
//! | the same | `DEFERRED#{handler}` | what a handler with a quiet period has to decide, and the keys of the index `due` while it waits; see `deferrals.rs` |
//! | `ACTION#{organisation}#{action}` | `RESULT` | an action that is being performed, is done or is parked; see `actions.rs` |
//! | `INBOUND#{organisation}#{kind}#{digest}` | `RECEIVED` | a request to an inbound webhook, so that it becomes one event; see `inbound_receipts.rs` |
//! | | | (DynamoDB deletes it after `expires`) |
//! | `LEAD#{organisation}#{digest}` | `CONTACT` | the contact of an earlier lead, by a keyed digest of its e-mail address or telephone number; see `lead_contacts.rs` |
//! | | | (`expires` too) |
//! | `ORGANISATION#{organisation}` | `TOKEN#{version}` | when this version of the webhook token was last used, to the minute |
//! | | | (`watched_until`: until when a rehearsal observes its webhooks; `expires` too) |
//! | the same | `OBSERVED#{time}#{request}` | the shape of a webhook during a rehearsal; see `observed_webhooks.rs` (`expires` too) |
//! | the same | `WEBHOOK_FAILURE` | that a rehearsal wants one webhook answered with 500 |
//! | | | (`expires` too; nothing else is deleted by itself, see docs/privacy.md) |
//! | the same | `HANDLER#{handler}` | the organisation's settings of a handler: values in place of those of its entry, whether it is enabled, whether it is in its dry run; see `handler_settings.rs` |
//! | the same | `COLLECTED#{handler}#{owner}` | what a handler has collected for an owner or the organisation, and the keys of the index `due` while it waits; see `deferrals.rs` |
//! | `PAUSES` | `HANDLER#{handler}`, `ORGANISATION#{organisation}` or `WRITING` | what an operator paused, since when and why; see `pauses.rs` |
//! | `CLOCKS` | `{clock}` | the last firing of a handler's schedule that was published; see `clocks.rs` |
//! | `ALARMS` | `{problem}` | an alarm that sounds, or sounded within an hour, and what people were sent about it; see `problems.rs` |
//! | `OPERATIONS` | `{milliseconds}#{id}` | a command of an operator that changed something; see `operations.rs` (`expires` too) |
//! | `CHECKS` | `CURSOR` | how far the regular checks have come; see `check_rounds.rs` |
//! | `ORGANISATIONS` | `{organisation}` | an organisation whose webhooks are accepted, its inbound webhooks, and when its list query was last asked for; see `listings.rs` |
//!
//! The JSON of `snapshot`, `outbox` and `events` is deflated unless it is short; see `packed.rs`.
//!
//! An item that cannot be read fails alone, and is logged with its key. A snapshot is rebuilt: see `salvage.rs`.

mod action_batches;
mod action_records;
mod actions;
mod change_marks;
mod check_rounds;
mod clocks;
mod deferrals;
mod due_index;
mod due_unpaused;
mod entries;
#[cfg(test)]
mod fake_table;
mod handler_settings;
mod inbound_receipts;
mod items;
mod journal;
mod journal_page;
mod keys;
mod known;
mod lead_contacts;
mod listed_names;
mod listed_tickets;
mod listings;
mod observed_webhooks;
mod operations;
mod outcome;
mod outcome_record;
mod packed;
mod pauses;
mod permitted;
mod problems;
mod remind;
mod reminder_list;
mod reminders;
mod salvage;
mod schedule;
mod send_claims;
mod snapshots;
mod statements;
mod steps;
mod superseded;
#[cfg(test)]
mod sweep_cost;
mod token_usage;
mod transaction;
mod versions;

pub use action_records::ActionRecord;
pub use actions::{Claim, Claimant, Done, Hold};
pub use check_rounds::Candidate;
pub use deferrals::{NewDeferral, StoredDeferral};
pub use due_index::{Due, SHARDS};
pub use entries::JournalEntry;
pub use handler_settings::{HandlerState, OwnSettings};
pub use inbound_receipts::InboundReceipt;
pub use items::StoredItem;
pub use journal::Journal;
pub use journal_page::JournalPage;
pub use keys::{ItemKey, ItemKind};
pub use known::{Damaged, Known, events_in};
pub use listed_names::{ListedNames, REFRESH_INTERVAL};
pub use listed_tickets::{TicketPage, TicketPosition};
pub use listings::Listing;
pub use observed_webhooks::ObservedWebhook;
pub use operations::{Operation, OperationState};
pub use outcome::Outcome;
pub use packed::unpack;
pub use pauses::{
    CACHE_TIME as PAUSES_CACHED_FOR, Pause, PauseState, Paused, Pauses, RETENTION, paused_organisations,
};
pub use problems::{NoticeKind, Problem, StoredProblem, UnsentNotice};
pub use reminders::{ReminderEnd, ReminderState, StoredReminder};
pub use salvage::{Rebuild, Salvaged};
pub use token_usage::TokenUse;
pub use versions::{EntryState, Version};

use crate::aws::ErrorCode;
use crate::clock;
use crate::failure::{Failure, Remedy, chain};
use crate::json;
use crate::reason::Reason;
use crate::telemetry::EventName;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use std::collections::HashMap;
use std::time::Duration;

/// `BatchGetItem` takes this many keys (Amazon DynamoDB API Reference).
const KEYS_PER_REQUEST: usize = 100;
/// A batch read asks at most this often for the keys that DynamoDB left out of a response.
const MAX_ROUNDS: u32 = 5;

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// Why a request to the table failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another invocation stored a newer version, or holds the claim: read again.
    #[error("another invocation stored a newer version of the item, or claimed it")]
    VersionConflict,
    /// No response, or throttled.
    #[error("DynamoDB does not respond, or throttles")]
    Unavailable {
        /// The error code, if there was a response.
        #[source]
        code: Option<ErrorCode>,
    },
    /// The request is refused as it is; a retry does not help.
    #[error("DynamoDB refuses the request; check the table and the function's role in template.yaml")]
    Refused {
        /// The error code, if DynamoDB was asked.
        #[source]
        code: Option<ErrorCode>,
    },
    /// An attribute of an item is missing, or does not have the expected content.
    #[error("the attribute {attribute} of the item {key} in the table is missing or invalid")]
    Unusable {
        /// The item's key, which contains ids only.
        key: String,
        /// The attribute.
        attribute: &'static str,
        /// Where in its JSON, if it is JSON.
        #[source]
        decode_error: Option<json::DecodeError>,
    },
    /// An event in a snapshot's outbox is of a kind that another version of the program stored.
    #[error(
        "the outbox of the item {key} in the table has an event of a kind that this version does not know"
    )]
    UnknownKind {
        /// The item's key, which contains ids only.
        key: String,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::VersionConflict => Remedy::Wait { after: None },
            Self::Unavailable { code } => ErrorCode::remedy(code.as_ref()),
            Self::Refused { .. } => Remedy::Retry { after: None },
            Self::UnknownKind { .. } => Remedy::OtherVersion,
            Self::Unusable { .. } => Remedy::DeadLetter,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::VersionConflict => Reason::VersionConflict,
            Self::Unavailable { .. } => Reason::TableUnavailable,
            Self::Refused { .. } => Reason::TableRejected,
            Self::Unusable { .. } => Reason::TableItemInvalid,
            Self::UnknownKind { .. } => Reason::UnknownKind,
        }
    }
}

type Item = HashMap<String, AttributeValue>;

impl Store {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The items with these keys, read consistently, [`KEYS_PER_REQUEST`] in a request, one request after the other.
    async fn get_all(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        while !keys.is_empty() {
            let rest = keys.split_off(keys.len().min(KEYS_PER_REQUEST));
            items.extend(self.get_some(keys).await?);
            keys = rest;
        }
        Ok(items)
    }

    /// The items with these keys, at most [`KEYS_PER_REQUEST`], read consistently.
    async fn get_some(&self, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let Ok(wanted) = wanted else { return Err(Error::Refused { code: None }) };
        let mut wanted = Some(HashMap::from([(self.table.clone(), wanted)]));
        for round in 0..MAX_ROUNDS {
            let Some(request) = wanted.take() else { break };
            if round > 0 {
                back_off(round).await;
            }
            let response = self.client.batch_get_item().set_request_items(Some(request)).send().await;
            let response = response.map_err(|error| unavailable(&error))?;
            items.extend(response.responses.unwrap_or_default().into_values().flatten());
            wanted = response.unprocessed_keys.filter(|keys| !keys.is_empty());
        }
        if wanted.is_some() {
            return Err(Error::Unavailable { code: None });
        }
        Ok(items)
    }
}

/// Waits before a repetition of a request: AWS "strongly recommend[s] that you use an exponential backoff" for unprocessed keys
/// (Amazon DynamoDB API Reference, `BatchGetItem`).
async fn back_off(round: u32) {
    let fraction = u8::try_from(clock::now().as_millis() % 256).map_or(0.0, |part| f64::from(part) / 256.0);
    clock::pause(pause_before(round, fraction)).await;
}

/// 50 ms, doubled each round from 1, and this fraction of it more, so that those who failed together do not return together.
fn pause_before(round: u32, fraction: f64) -> Duration {
    let base = Duration::from_millis(50).saturating_mul(2_u32.saturating_pow(round.saturating_sub(1)));
    base.saturating_add(base.mul_f64(fraction))
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The value of a JSON attribute, packed or not.
fn decode<T: serde::de::DeserializeOwned>(item: &Item, attribute: &'static str) -> Result<T, Error> {
    let text = item.get(attribute).and_then(unpack);
    let text = text.ok_or_else(|| unusable(item, attribute, None))?;
    json::from_json(text.as_bytes()).map_err(|error| unusable(item, attribute, Some(error)))
}

/// The error of an item whose attribute cannot be used.
fn unusable(item: &Item, attribute: &'static str, decode_error: Option<json::DecodeError>) -> Error {
    Error::Unusable { key: key_text(item), attribute, decode_error }
}

/// An item's key for a log line or an error: ids only.
fn key_text(item: &Item) -> String {
    ["pk", "sk"].map(|name| part(item, name)).join(" ")
}

fn part<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|part| part.as_s().ok()).map_or("?", String::as_str)
}

/// Logs an item that cannot be read, where the others are used without it.
fn report_unreadable(item: &Item, error: &Error) {
    tracing::error!(
        event_name = EventName::TableItemUnreadable.as_str(),
        pk = part(item, "pk"),
        sk = part(item, "sk"),
        reason = error.reason().as_str(),
        error = chain(error),
        "an item of the table cannot be read"
    );
}

/// The response of a conditional write; none if its condition does not hold.
fn unless_condition_failed<T, E: ProvideErrorMetadata>(
    response: Result<T, SdkError<E>>,
) -> Result<Option<T>, Error> {
    match response {
        Ok(response) => Ok(Some(response)),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

fn unavailable<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Error {
    let code = ErrorCode::of(error);
    if crate::aws::is_client_error(error) { Error::Refused { code } } else { Error::Unavailable { code } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    /// The result of reading a table that leaves the key out of this number of responses, and the number of requests.
    async fn read(unprocessed: u32) -> (Result<Vec<Item>, Error>, u32) {
        let requests: Arc<Mutex<u32>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            let mut count = seen.lock().unwrap();
            *count = count.saturating_add(1);
            if *count <= unprocessed {
                return (200, json!({ "UnprocessedKeys": request["RequestItems"] }));
            }
            (200, json!({ "Responses": { "t": [{ "pk": { "S": "a" } }] } }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let key = HashMap::from([("pk".to_owned(), text("a"))]);
        let read = store.get_all(vec![key]).await;
        let requests = *requests.lock().unwrap();
        (read, requests)
    }

    /// C9 of the AWS facts. The pauses are a claim of their own; here, only that each repetition takes one.
    #[tokio::test]
    async fn unprocessed_keys_are_asked_for_again_after_a_pause_and_not_for_ever() {
        let start = std::time::Instant::now();
        let (read_at_last, read_never) = futures::join!(read(MAX_ROUNDS - 1), read(u32::MAX));
        let pauses: Duration = (1..MAX_ROUNDS).map(|round| pause_before(round, 0.0)).sum();
        assert!(start.elapsed() >= pauses);
        assert_eq!((read_at_last.0.unwrap().len(), read_at_last.1), (1, MAX_ROUNDS));
        assert_eq!(read_never, (Err(Error::Unavailable { code: None }), MAX_ROUNDS));
    }

    #[test]
    fn pauses_double_and_differ() {
        let pauses = |fraction| [1, 2, 3, 4].map(|round| pause_before(round, fraction).as_millis());
        assert_eq!((pauses(0.0), pauses(0.5)), ([50, 100, 200, 400], [75, 150, 300, 600]));
    }

    /// F3 of the field faults: the error names the item, so that a person finds it.
    #[test]
    fn an_unreadable_item_is_named_by_its_key_and_no_value_of_it_is_shown() {
        let item = [("pk", "ACTION#north#e.h.0"), ("sk", "RESULT"), ("result", "Jane Citizen")];
        let item: Item = item.map(|(name, value)| (name.to_owned(), text(value))).into();
        let error = decode::<u64>(&item, "result").unwrap_err();
        let shown = chain(&error);
        assert!(shown.contains("ACTION#north#e.h.0 RESULT") && !shown.contains("Jane"), "{shown}");
    }
}
