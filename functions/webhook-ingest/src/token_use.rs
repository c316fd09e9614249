//! Which version of a webhook token is in use: noted once a minute, so that who closes a rotation can look.

use automations::clock::Timestamp;
use automations::failure::Failure as _;
use automations::id::OrganisationId;
use automations::reason::Reason;
use automations::store::Store;
use automations::telemetry::EventName;
use automations::tracing;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A version is noted at most so often by one instance.
const APART: Duration = Duration::from_mins(1);
/// A webhook does not wait for its note longer than this.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many are remembered; past it, all are forgotten and noted again.
const MOST: usize = 1_000;

/// Where it is noted.
#[derive(Debug)]
pub struct Seen {
    store: Store,
    noted: Mutex<HashMap<(OrganisationId, String), Timestamp>>,
}

impl Seen {
    /// Notes go into this table.
    pub fn new(store: Store) -> Self {
        Self { store, noted: Mutex::default() }
    }

    /// Notes that a webhook came with this version of the token. A note that fails is logged: the webhook is worth more.
    pub(crate) async fn note(&self, organisation: &OrganisationId, version: &str, now: Timestamp) {
        if !self.is_due(organisation, version, now) {
            return;
        }
        let note = self.store.saw_token(organisation, version, now);
        let reason = match tokio::time::timeout(PATIENCE, note).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.reason(),
            Err(_) => Reason::TimedOut,
        };
        let event_name = EventName::WebhookTokenUseNotRecorded.as_str();
        tracing::warn!(event_name, reason = reason.as_str(), "the use of the webhook token was not recorded");
    }

    fn is_due(&self, organisation: &OrganisationId, version: &str, now: Timestamp) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= MOST {
            noted.clear();
        }
        let key = (organisation.clone(), version.to_owned());
        let is_due = noted.get(&key).is_none_or(|before| now.since(*before) >= APART);
        if is_due {
            noted.insert(key, now);
        }
        is_due
    }
}
