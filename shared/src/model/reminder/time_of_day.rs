//! A time of day, to the minute.

use jiff::civil::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A time of day from 00:00 to 23:59; 09:00 by default.
///
/// ```
/// use automations::model::reminder::TimeOfDay;
///
/// assert_eq!("14:30".parse::<TimeOfDay>()?.to_string(), "14:30");
/// assert!("24:00".parse::<TimeOfDay>().is_err() && "9:00".parse::<TimeOfDay>().is_err());
/// # Ok::<(), automations::model::reminder::InvalidTimeOfDay>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(Time);

/// A text is not a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day; write HH:MM, for example 09:00")]
pub struct InvalidTimeOfDay;

impl Default for TimeOfDay {
    fn default() -> Self {
        Self(Time::constant(9, 0, 0, 0))
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOfDay> {
        let (hour, minute) = text.split_once(':').ok_or(InvalidTimeOfDay)?;
        let number = |text: &str| -> Option<i8> {
            let is_form = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_form)
        };
        let (hour, minute) = number(hour).zip(number(minute)).ok_or(InvalidTimeOfDay)?;
        Time::new(hour, minute, 0, 0).map(Self).map_err(|_out_of_range| InvalidTimeOfDay)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = InvalidTimeOfDay;

    fn try_from(text: String) -> Result<Self, InvalidTimeOfDay> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl From<TimeOfDay> for Time {
    fn from(time: TimeOfDay) -> Self {
        time.0
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
            "description": "A time of day: HH:MM.",
        })
    }
}
