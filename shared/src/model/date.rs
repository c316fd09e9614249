//! A calendar date, without a time of day and a time zone.

use crate::clock::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A number is not a point in time if it is smaller: zero often means that there is no date, and `20261125` is a date in
/// another form. Seconds from November 1966 to March 1973.
const SMALLEST_EPOCH: f64 = 1e8;

/// A number that is smaller counts seconds, another one milliseconds: seconds until the year 5138, milliseconds from March 1973.
const SMALLEST_MILLIS: f64 = 1e11;

/// A calendar date from the year 0 to 9999. As text it is `YYYY-MM-DD`.
///
/// ```
/// use automations::model::date::Date;
///
/// let settlement: Date = "2026-11-25".parse()?;
/// assert!(settlement < "2026-12-01".parse()?);
/// assert_eq!(settlement.to_string(), "2026-11-25");
/// assert!("25/11/2026".parse::<Date>().is_err());
/// # Ok::<(), automations::model::date::InvalidDate>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(jiff::civil::Date);

/// A text is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date; write YYYY-MM-DD, for example 2026-11-25")]
pub struct InvalidDate;

impl Date {
    /// The date that Salestrekker means, of which the form is not known: RFC 3339, `YYYY-MM-DD`, or a number of seconds or
    /// milliseconds since 1970 began, by its magnitude. A text with a time of day has the date that is written in it, whatever
    /// its offset; a number is taken in UTC.
    pub fn of_received(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::of_text(text.trim()),
            Value::Number(number) => Self::of_epoch(number),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The number of days from this date to another one; negative if that is earlier.
    pub fn days_until(self, other: Self) -> i32 {
        self.0.until(other.0).map_or(0, |span| span.get_days())
    }

    /// The date of this time in a time zone.
    pub(crate) fn of_time(time: Timestamp, zone: &TimeZone) -> Option<Self> {
        Self::in_range(local(time, zone)?.date())
    }

    /// The time of day of this time in a time zone.
    pub(crate) fn time_of(time: Timestamp, zone: &TimeZone) -> Option<Time> {
        Some(local(time, zone)?.time())
    }

    /// This time of this day in a time zone. If clocks skip it, as much later; if they show it twice, the first. None before 1970.
    pub(crate) fn at(self, time: Time, zone: &TimeZone) -> Option<Timestamp> {
        let time = zone.to_timestamp(self.0.to_datetime(time)).ok()?;
        u64::try_from(time.as_millisecond()).ok().map(Timestamp::from_millis)
    }

    /// Days later, or earlier if negative; none after the year 9999.
    pub(crate) fn plus_days(self, days: i32) -> Option<Self> {
        self.plus(days.days())
    }

    /// Months later, or earlier if negative, at the last day of a shorter month; none after the year 9999.
    pub(crate) fn plus_months(self, months: i32) -> Option<Self> {
        self.plus(months.months())
    }

    /// Whether it is a Saturday or a Sunday.
    pub(crate) fn is_weekend(self) -> bool {
        matches!(self.0.weekday(), Weekday::Saturday | Weekday::Sunday)
    }

    fn plus(self, span: Span) -> Option<Self> {
        Self::in_range(self.0.checked_add(span).ok()?)
    }

    fn of_text(text: &str) -> Option<Self> {
        if let Ok(date) = text.parse() {
            return Some(date);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Self::of_epoch(&text.parse().ok()?);
        }
        let is_time = text.parse::<jiff::Timestamp>().is_ok() || text.parse::<DateTime>().is_ok();
        text.get(..10).filter(|_| is_time)?.parse().ok()
    }

    fn of_epoch(number: &Number) -> Option<Self> {
        let number = number.as_f64().filter(|number| number.abs() >= SMALLEST_EPOCH)?;
        let millis = if number.abs() < SMALLEST_MILLIS { number * 1_000.0 } else { number };
        let duration = jiff::SignedDuration::try_from_secs_f64(millis / 1_000.0).ok()?;
        let time = jiff::Timestamp::from_duration(duration).ok()?;
        Self::in_range(jiff::tz::Offset::UTC.to_datetime(time).date())
    }

    fn in_range(date: jiff::civil::Date) -> Option<Self> {
        (date.year() >= 0).then_some(Self(date))
    }
}

fn local(time: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(time.as_millis()).ok()?).ok()?;
    Some(zone.to_datetime(time))
}

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let is_form = text.len() == 10
            && text.bytes().enumerate().all(|(position, byte)| match position {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date = text.parse().ok().filter(|_| is_form).and_then(Self::in_range);
        date.ok_or(InvalidDate)
    }
}

impl TryFrom<String> for Date {
    type Error = InvalidDate;

    fn try_from(text: String) -> Result<Self, InvalidDate> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl JsonSchema for Date {
    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date", "description": "A calendar date: YYYY-MM-DD." })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn received(value: &Value) -> Option<String> {
        Date::of_received(value).map(|date| date.to_string())
    }

    #[test]
    fn a_date_is_read_in_each_form_that_the_vendor_may_send() {
        for value in [
            json!("2026-11-25"),
            json!(" 2026-11-25 "),
            json!("2026-11-25T09:30:00Z"),
            json!("2026-11-25T00:00:00+11:00"),
            json!("2026-11-25T23:59:59.999-08:00"),
            json!("2026-11-25T00:00:00"),
            json!(1_795_564_800),
            json!(1_795_564_800.0),
            json!("1795564800"),
            json!(1_795_564_800_000_u64),
            json!("1795651199999"),
        ] {
            assert_eq!(received(&value).as_deref(), Some("2026-11-25"), "{value}");
        }
        assert_eq!(received(&json!(-315_619_200)).as_deref(), Some("1960-01-01"));
    }

    #[test]
    fn what_is_not_surely_a_date_is_none() {
        for value in [
            json!(null),
            json!(true),
            json!([]),
            json!({ "date": "2026-11-25" }),
            json!(""),
            json!("soon"),
            json!("25/11/2026"),
            json!("2026-02-30"),
            json!("2026-11-25 to be confirmed"),
            json!("20261125"),
            json!(20_261_125),
            json!(0),
            json!(1e300),
            json!("2026-11"),
            json!("-"),
        ] {
            assert_eq!(received(&value), None, "{value}");
        }
    }

    #[test]
    fn days_between_two_dates_have_a_sign() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(date("2026-11-25").days_until(date("2027-01-01")), 37);
        assert_eq!(date("2026-11-25").days_until(date("2026-11-24")), -1);
    }

    proptest! {
        #[test]
        fn any_value_is_a_date_that_reads_as_itself_or_none(text in ".{0,30}", number in any::<f64>()) {
            for value in [json!(text), json!(number)] {
                if let Some(date) = Date::of_received(&value) {
                    prop_assert_eq!(date.to_string().parse(), Ok(date));
                }
            }
        }

        #[test]
        fn seconds_and_milliseconds_of_one_time_are_one_date(seconds in 100_000_000_i64..9_000_000_000) {
            let millis = seconds.saturating_mul(1_000);
            prop_assert_eq!(Date::of_received(&json!(seconds)), Date::of_received(&json!(millis)));
        }
    }
}
