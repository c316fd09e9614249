//! Records which version of a webhook token is in use, at most once a minute, so that a rotation can be finished safely.

use automations::cache::ttl::TtlCache;
use automations::clock::Timestamp;
use automations::failure::Failure as _;
use automations::id::OrganisationId;
use automations::reason::Reason;
use automations::store::Store;
use automations::telemetry::EventName;
use automations::tracing;
use std::time::Duration;

/// One instance records a version at most this often.
const INTERVAL: Duration = Duration::from_mins(1);
/// A webhook waits at most this long for the record.
const TIMEOUT: Duration = Duration::from_secs(1);
/// This many versions are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// Records uses of webhook tokens.
#[derive(Debug)]
pub struct TokenUseRecorder {
    store: Store,
    /// Until when the webhooks with this version are watched, if they are.
    recent: TtlCache<(OrganisationId, String), Option<Timestamp>>,
}

impl TokenUseRecorder {
    /// A recorder that writes to this table.
    pub fn new(store: Store) -> Self {
        Self { store, recent: TtlCache::new(MAX_REMEMBERED) }
    }

    /// Records that a webhook had this version of the token, and returns whether a rehearsal watches the webhooks with it. A
    /// failure is only logged: it must not reject the webhook.
    pub(crate) async fn record(&self, organisation: &OrganisationId, version: &str, now: Timestamp) -> bool {
        let key = (organisation.clone(), version.to_owned());
        let is_watched = |until: Option<Timestamp>| until.is_some_and(|until| now < until);
        if let Some(until) = self.recent.get(&key) {
            return is_watched(until);
        }
        self.recent.put(key.clone(), None, INTERVAL);
        let record = self.store.record_token_use(organisation, version, now);
        let reason = match tokio::time::timeout(TIMEOUT, record).await {
            Ok(Ok(until)) => {
                self.recent.put(key, until, INTERVAL);
                return is_watched(until);
            }
            Ok(Err(error)) => error.reason(),
            Err(_) => Reason::TimedOut,
        };
        let event_name = EventName::WebhookTokenUseNotRecorded.as_str();
        tracing::warn!(event_name, reason = reason.as_str(), "the use of the webhook token was not recorded");
        false
    }
}
