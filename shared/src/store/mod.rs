//! DynamoDB: one table for the last version of each ticket, for its events, and for the actions that were performed.
//!
//! | `pk` | `sk` | content |
//! |---|---|---|
//! | `TICKET#{organisation}#{ticket}` | `SNAPSHOT` | the ticket as it was last read, its version, its check schedule, and the outbox: events not yet published |
//! | | | (`due_shard` and `next_check` are the keys of the index `due`; `unpublished`, the number of events in the outbox, and `unpublished_since` exist if there are any) |
//! | the same | `JOURNAL#{version}` | the events of that version, for ever (`journal_day` and `at` are the keys of the index `journal_by_day`) |
//! | the same | `CHANGE_MARKS` | what our actions changed at the ticket; see `own_changes.rs` |
//! | `ACTION#{organisation}#{action}` | `RESULT` | an action that is being performed, is done or is parked; see `actions.rs` |
//! | `INBOUND#{organisation}#{kind}#{digest}` | `RECEIVED` | a request to an inbound webhook, so that it becomes one event; see `inbound_receipts.rs` |
//! | | | (DynamoDB deletes it after `expires`) |
//! | `ORGANISATION#{organisation}` | `TOKEN#{version}` | when this version of the webhook token was last used, to the minute |
//! | | | (`expires` too; nothing else is deleted by itself, see docs/privacy.md) |

mod actions;
mod change_marks;
mod due_index;
mod inbound_receipts;
mod items;
mod journal;
mod keys;
mod snapshots;
mod steps;
mod token_usage;
mod transaction;

pub use actions::{Claim, Claimant, Done, Outcome};
pub use due_index::{Due, SHARDS, Unpublished};
pub use items::StoredItem;
pub use keys::{ItemKey, ItemKind};
pub use snapshots::{Known, Version};
pub use token_usage::TokenUse;

use crate::aws::ErrorCode;
use crate::clock;
use crate::failure::{Failure, Remedy};
use crate::json;
use crate::reason::Reason;
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
#[derive(Debug, thiserror::Error)]
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
    #[error("the attribute {attribute} of an item in the table is missing or invalid")]
    Unusable {
        /// The attribute.
        attribute: &'static str,
        /// Where in its JSON, if it is JSON.
        #[source]
        decode_error: Option<json::DecodeError>,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::VersionConflict => Remedy::Retry { after: Some(Duration::ZERO) },
            Self::Unavailable { .. } | Self::Refused { .. } => Remedy::Retry { after: None },
            Self::Unusable { .. } => Remedy::DeadLetter,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::VersionConflict => Reason::VersionConflict,
            Self::Unavailable { .. } => Reason::TableUnavailable,
            Self::Refused { .. } => Reason::TableRejected,
            Self::Unusable { .. } => Reason::TableItemInvalid,
        }
    }
}

type Item = HashMap<String, AttributeValue>;

impl Store {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The items with these keys, at most [`KEYS_PER_REQUEST`], read consistently.
    async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
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

/// 50 ms, doubled each round, and up to as much again at random: AWS "strongly recommend[s] that you use an exponential
/// backoff" for unprocessed keys (Amazon DynamoDB API Reference, `BatchGetItem`).
async fn back_off(round: u32) {
    let base = Duration::from_millis(50).saturating_mul(2_u32.saturating_pow(round.saturating_sub(1)));
    let fraction = u8::try_from(clock::now().as_millis() % 256).map_or(0.0, |part| f64::from(part) / 256.0);
    clock::pause(base.saturating_add(base.mul_f64(fraction))).await;
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The value of a JSON attribute.
fn decode<T: serde::de::DeserializeOwned>(item: &Item, attribute: &'static str) -> Result<T, Error> {
    let text = item.get(attribute).and_then(|value| value.as_s().ok());
    let text = text.ok_or(Error::Unusable { attribute, decode_error: None })?;
    json::from_json(text.as_bytes())
        .map_err(|decode_error| Error::Unusable { attribute, decode_error: Some(decode_error) })
}

fn unavailable<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Error {
    let code = ErrorCode::of(error);
    if crate::aws::is_client_error(error) { Error::Refused { code } } else { Error::Unavailable { code } }
}
