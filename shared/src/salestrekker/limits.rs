//! What a function grants one API: time, size, rate_limit.

use serde::Deserialize;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// The bounds of every exchange with Salestrekker, each with a default, so that the variable `API_LIMITS` names only
/// what an operator changes. A zero or an unknown name is refused when the function starts.
///
/// ```
/// use automations::salestrekker::Limits;
///
/// let limits: Limits = serde_json::from_str(r#"{"requests_per_second": 2}"#)?;
/// assert_eq!((limits.requests_per_second.get(), limits.ids_per_request.get()), (2, 25));
/// assert!(serde_json::from_str::<Limits>(r#"{"requests_per_secnd": 2}"#).is_err());
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Milliseconds until a connection stands.
    pub connect_ms: NonZeroU64,
    /// Milliseconds from sending a request to the last byte of its answer: what trickles ends here too.
    pub request_ms: NonZeroU64,
    /// Milliseconds for a request with its repetitions and pauses. The invocation's deadline may end it sooner.
    pub operation_ms: NonZeroU64,
    /// So often a request that may be repeated is repeated.
    pub retries: u32,
    /// So many ids go into one request of a batch.
    pub ids_per_request: NonZeroUsize,
    /// So many requests of one batch are on their way at once.
    pub concurrent_requests: NonZeroUsize,
    /// Requests a second that one instance of a function sends in one organisation's name. The vendor publishes no
    /// limit (salestrekker-facts.md, section 7).
    pub requests_per_second: NonZeroU32,
    /// So many may be sent at once after a pause.
    pub burst: NonZeroU32,
    /// An answer of more bytes, after decompression, is not read to its end: 25 full tickets are far below a mebibyte.
    pub max_response_bytes: NonZeroUsize,
    /// An answer whose lists and objects stand deeper in each other is not read. The deepest known stands 8 deep; past
    /// 127 the reader of JSON refuses by itself.
    pub max_response_depth: NonZeroUsize,
    /// Seconds for which the name of a workflow, a stage or a label may be out of date.
    pub name_cache_seconds: NonZeroU64,
    /// So many workflows, and so many organisations' labels, are remembered.
    pub name_cache_entries: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        const fn long(number: u64) -> NonZeroU64 {
            NonZeroU64::MIN.saturating_add(number.saturating_sub(1))
        }
        const fn size(number: usize) -> NonZeroUsize {
            NonZeroUsize::MIN.saturating_add(number.saturating_sub(1))
        }
        const fn count(number: u32) -> NonZeroU32 {
            NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
        }
        Self {
            connect_ms: long(3_000),
            request_ms: long(15_000),
            operation_ms: long(40_000),
            retries: 2,
            ids_per_request: size(25),
            concurrent_requests: size(4),
            requests_per_second: count(10),
            burst: count(20),
            max_response_bytes: size(16 * 1024 * 1024),
            max_response_depth: size(64),
            name_cache_seconds: long(600),
            name_cache_entries: size(1_000),
        }
    }
}

impl Limits {
    pub(super) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms.get())
    }

    pub(super) fn request(&self) -> Duration {
        Duration::from_millis(self.request_ms.get())
    }

    pub(super) fn operation(&self) -> Duration {
        Duration::from_millis(self.operation_ms.get())
    }

    pub(super) fn names(&self) -> Duration {
        Duration::from_secs(self.name_cache_seconds.get())
    }
}
