//! DynamoDB: one table that remembers what was seen and what was done.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | `TICKET#{organisation}#{ticket}` | `SNAPSHOT` | the ticket as it was last seen, its version, and the outbox: events not yet published |
//! | | | (with `sweep` and `due`, the keys of the index by which the reconciler finds it; with `unpublished`, the number of events in the outbox, and `unpublished_since` where there are any) |
//! | the same | `JOURNAL#{version}` | the events of that version, for good (with `told_on` and `at`, the keys of the index by day) |
//! | the same | `OURS` | what actions of ours left at the ticket; see `trace.rs` |
//! | `ACTION#{organisation}#{action}` | `RESULT` | an action that is performed, was done or is left to a person; see `actions.rs` |
//! | `INBOUND#{organisation}#{kind}#{digest}` | `RECEIVED` | a post through an inbound webhook, so that it is told once; see `posts.rs` |
//! | | | (with `expires`, after which DynamoDB deletes it) |
//! | `ORGANISATION#{organisation}` | `TOKEN#{version}` | when a webhook came with this version of the webhook token, within a minute |
//! | | | (with `expires`, too; nothing else goes by itself, see docs/privacy.md) |

mod actions;
mod change_marks;
mod due_index;
mod inbound_receipts;
mod journal;
mod snapshots;
mod steps;
mod token_usage;
mod transaction;

pub use actions::{Claim, Claimant, Done, Outcome};
pub use due_index::{Due, SHARDS, Unpublished};
pub use snapshots::{Known, Version};
pub use token_usage::Sighting;

use crate::failure::{Failure, Remedy};
use crate::json;
use crate::reason::Reason;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use std::collections::HashMap;

/// `BatchGetItem` takes this many keys (Amazon DynamoDB API Reference).
const KEYS_PER_REQUEST: usize = 100;
/// So often what DynamoDB left out of an answer is asked for again before the batch is retried as a whole.
const MAX_ROUNDS: usize = 5;

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// Why the table did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else wrote meanwhile; look again.
    #[error("the item is another's by now: a newer snapshot, or somebody else's claim")]
    VersionConflict,
    /// No answer, or too many requests.
    #[error("DynamoDB does not answer now")]
    Unavailable,
    /// A refusal for what the request is.
    #[error("DynamoDB refuses the request; see the table and the function's role in template.yaml")]
    Refused,
    /// An item does not hold what it should.
    #[error("an item of the table is not usable: its {attribute}")]
    Unusable {
        /// The attribute.
        attribute: &'static str,
        /// Where it does not fit.
        #[source]
        decode_error: Option<json::DecodeError>,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::VersionConflict => Remedy::Retry { after: Some(std::time::Duration::ZERO) },
            Self::Unavailable | Self::Refused => Remedy::Retry { after: None },
            Self::Unusable { .. } => Remedy::DeadLetter,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::VersionConflict => Reason::VersionConflict,
            Self::Unavailable => Reason::TableUnavailable,
            Self::Refused => Reason::TableRejected,
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
        let Ok(wanted) = wanted else { return Err(Error::Refused) };
        let mut wanted = Some(HashMap::from([(self.table.clone(), wanted)]));
        for _ in 0..MAX_ROUNDS {
            let Some(request) = wanted.take() else { break };
            let answer = self.client.batch_get_item().set_request_items(Some(request)).send().await;
            let answer = answer.map_err(|error| unavailable(&error))?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.filter(|keys| !keys.is_empty());
        }
        if wanted.is_some() {
            return Err(Error::Unavailable);
        }
        Ok(items)
    }
}

fn key(pk: String, sk: impl Into<String>) -> Item {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk.into()))])
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The value that the JSON in an item's attribute is.
fn decode<T: serde::de::DeserializeOwned>(item: &Item, attribute: &'static str) -> Result<T, Error> {
    let text = item.get(attribute).and_then(|value| value.as_s().ok());
    let text = text.ok_or(Error::Unusable { attribute, decode_error: None })?;
    json::from_json(text.as_bytes())
        .map_err(|decode_error| Error::Unusable { attribute, decode_error: Some(decode_error) })
}

fn unavailable<E>(error: &SdkError<E>) -> Error {
    if crate::aws::is_refusal(error) { Error::Refused } else { Error::Unavailable }
}
