//! Until when a handler's decision is put off.

use crate::clock::Timestamp;
use crate::model::collect::Collect;
use crate::model::quiet_period::QuietPeriod;
use crate::model::speed::Speed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Until when: as the handler's entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The ticket was left alone for this time.
    QuietPeriod(QuietPeriod),
    /// A time of day, for all tickets of an owner or of the organisation.
    Collect(Collect),
}

impl Until {
    /// When that is, if nothing else comes, and when it is at the latest.
    pub fn times(self, now: Timestamp, speed: Speed) -> (Timestamp, Timestamp) {
        match self {
            Self::QuietPeriod(period) => {
                let end = |time| speed.end(now, now.later(time));
                (end(period.time()), end(period.longest()))
            }
            Self::Collect(collect) => {
                let due_at = speed.end(now, collect.next(now));
                (due_at, due_at)
            }
        }
    }
}

/// The value of an entry's key `QuietPeriod` or `Collect`: none, if its text is `none`.
///
/// ```
/// use automations::model::quiet_period::QuietPeriod;
/// use automations::model::until::OfEntry;
///
/// assert_eq!("none".parse(), Ok(OfEntry::<QuietPeriod>(None)));
/// assert_eq!("5m".parse(), Ok(OfEntry("5m".parse::<QuietPeriod>().ok())));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfEntry<T>(pub Option<T>);

impl<T> Default for OfEntry<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: FromStr> FromStr for OfEntry<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}
