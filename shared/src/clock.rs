//! The only code that reads the clock. Everything else takes the time as an argument.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// A point in time in UTC, in whole milliseconds from 1970 to 9999. As text and in JSON it is RFC 3339, always with three
/// decimals: `2026-11-25T09:30:00.000Z`.
///
/// ```
/// use automations::clock::Timestamp;
///
/// let time: Timestamp = "2026-11-25T19:30:00+10:00".parse()?;
/// assert_eq!(time.to_string(), "2026-11-25T09:30:00.000Z");
/// assert!("yesterday".parse::<Timestamp>().is_err());
/// # Ok::<(), automations::clock::InvalidTimestamp>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// A text is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a timestamp; write RFC 3339, for example 2026-11-25T09:30:00Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The time this many milliseconds after 1970 began; at most the year 9999.
    pub fn from_millis(millis: u64) -> Self {
        let time =
            i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        time.map_or(Self(jiff::Timestamp::MAX), Self)
    }

    /// The time this many seconds after 1970 began; at most the year 9999.
    pub fn from_seconds(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// The time that an HTTP header says (RFC 9110, section 5.6.7); `None` if it is not a date, or before 1970.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        (time >= jiff::Timestamp::UNIX_EPOCH).then_some(Self(time))
    }

    /// Milliseconds since 1970 began: the unit of times in the table, so that DynamoDB can compare them.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millisecond()).unwrap_or_default()
    }

    /// Whole seconds since 1970 began: the unit of a JWT's `exp` and of DynamoDB's time to live.
    pub fn as_seconds(self) -> u64 {
        self.as_millis() / 1_000
    }

    /// This much later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self::from_millis(self.as_millis().saturating_add(millis(by)))
    }

    /// This much earlier, 1970 at the earliest.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self::from_millis(self.as_millis().saturating_sub(millis(by)))
    }

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.as_millis().saturating_sub(earlier.as_millis()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let time: jiff::Timestamp = text.parse().map_err(|_cause| InvalidTimestamp)?;
        u64::try_from(time.as_millisecond()).map(Self::from_millis).map_err(|_before_1970| InvalidTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A point in time in UTC: RFC 3339 with milliseconds.",
        })
    }
}

/// The time from now until this time of the system's clock; zero if that is past.
pub(crate) fn until(time: SystemTime) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the only code that reads the clock")]
    time.duration_since(SystemTime::now()).unwrap_or_default()
}

/// Waits this long: a bounded pause between requests.
pub async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a bounded pause between requests")]
    tokio::time::sleep(time).await;
}

/// The current time.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the only code that reads the clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(millis(since))
}

/// Whole milliseconds of a duration.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_written_with_three_decimals_so_that_texts_sort_as_times_do() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_790_000_000_001).to_string(), "2026-09-21T14:13:20.001Z");
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string().get(..4), Some("9999"));
    }

    #[test]
    fn what_is_before_1970_or_not_a_time_is_refused() {
        for wrong in ["", "1969-12-31T23:59:59Z", "1790000000000", "2026-11-25", "2026-13-01T00:00:00Z"] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(InvalidTimestamp), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_read_back_as_it_was_written(millis in 0..253_402_207_200_000_u64) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(time.as_millis(), millis);
            let text = crate::json::to_json(&time);
            prop_assert_eq!(crate::json::from_json::<Timestamp>(text.as_bytes()).unwrap(), time);
        }
    }
}
