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
    recent: TtlCache<(OrganisationId, String), ()>,
}

impl TokenUseRecorder {
    /// A recorder that writes to this table.
    pub fn new(store: Store) -> Self {
        Self { store, recent: TtlCache::new(MAX_REMEMBERED) }
    }

    /// Records that a webhook had this version of the token. A failure is only logged: it must not reject the webhook.
    pub(crate) async fn record(&self, organisation: &OrganisationId, version: &str, now: Timestamp) {
        let key = (organisation.clone(), version.to_owned());
        if self.recent.get(&key).is_some() {
            return;
        }
        self.recent.put(key, (), INTERVAL);
        let record = self.store.record_token_use(organisation, version, now);
        let reason = match tokio::time::timeout(TIMEOUT, record).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.reason(),
            Err(_) => Reason::TimedOut,
        };
        let event_name = EventName::WebhookTokenUseNotRecorded.as_str();
        tracing::warn!(event_name, reason = reason.as_str(), "the use of the webhook token was not recorded");
    }
}
