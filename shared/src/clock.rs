//! The one place that reads the time. Everything else takes it as an argument.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, in whole milliseconds since 1970 began in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// The moment this many milliseconds after 1970 began.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The moment this many seconds after 1970 began.
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Milliseconds since 1970 began.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970 began: the unit of a JWT's `exp` and of DynamoDB's time to live.
    pub fn as_seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// The moment so much later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The moment so much earlier, in 1970 at the earliest.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero where it was not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How long it is until a time of the system's clock; zero where that is past.
pub(crate) fn until(time: SystemTime) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    time.duration_since(SystemTime::now()).unwrap_or_default()
}

/// The time now, by the system's clock.
pub fn now() -> Moment {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
