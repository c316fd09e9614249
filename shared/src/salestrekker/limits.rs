//! The limits of a function's requests to one API: time, size, rate.

use serde::Deserialize;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// The limits of every request to Salestrekker. Each has a default, so that the variable `API_LIMITS` holds only what an
/// operator changes. With a zero or an unknown name the function does not start.
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
    /// Timeout for a connection, in milliseconds; default 3,000.
    pub connect_ms: NonZeroU64,
    /// Timeout for one request, from sending it to the last byte of its response, in milliseconds; default
    /// 15,000.
    pub request_ms: NonZeroU64,
    /// Timeout for a request with its retries and pauses, in milliseconds; default 40,000. The invocation's
    /// deadline may end it sooner.
    pub operation_ms: NonZeroU64,
    /// How often a request that is safe to retry is retried; default 2.
    pub retries: u32,
    /// Ids in one request of a batch; default 25.
    pub ids_per_request: NonZeroUsize,
    /// Requests of one batch that are in flight at the same time; default 4.
    pub concurrent_requests: NonZeroUsize,
    /// Requests a second that one instance of a function sends for one organisation; default 10. The vendor
    /// publishes no limit (salestrekker-facts.md, section 7).
    pub requests_per_second: NonZeroU32,
    /// Requests that may be sent at once after a pause; default 20.
    pub burst: NonZeroU32,
    /// Size of a response in bytes, after decompression; a larger one is not read to its end. Default 16 MiB:
    /// 25 full tickets are far below 1 MiB.
    pub max_response_bytes: NonZeroUsize,
    /// Nested lists and objects in a response; a deeper one is not read. Default 64: the deepest known
    /// response has 8, and the JSON parser itself stops at 127.
    pub max_response_depth: NonZeroUsize,
    /// How long the name of a workflow, a stage or a label is cached, in seconds; default 600.
    pub name_cache_seconds: NonZeroU64,
    /// Workflows, and organisations' label lists, that are cached; default 1,000 of each.
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
