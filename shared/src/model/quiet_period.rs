//! A handler's quiet period: for how long a ticket is left alone before the handler decides.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The reconciler looks once a minute for what is due.
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(24);
/// A ticket that never rests is decided on after this many quiet periods.
const MOST: u32 = 4;

/// From a minute to 24 hours. As text, it is `5m` or `2h`.
///
/// ```
/// use automations::model::quiet_period::QuietPeriod;
///
/// let period: QuietPeriod = "5m".parse()?;
/// assert_eq!((period.time().as_secs(), period.longest().as_secs()), (300, 1_200));
/// assert!("0m".parse::<QuietPeriod>().is_err() && "25h".parse::<QuietPeriod>().is_err());
/// # Ok::<(), automations::model::quiet_period::InvalidQuietPeriod>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietPeriod(Duration);

/// A text is not a quiet period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of minutes or hours, from 1m to 24h, such as 5m")]
pub struct InvalidQuietPeriod;

impl QuietPeriod {
    /// A minute.
    pub const SHORTEST: Self = Self(SHORTEST);

    /// For how long the ticket is left alone.
    pub fn time(self) -> Duration {
        self.0
    }

    /// The longest time from the first change to the decision, if the ticket is never left alone.
    pub fn longest(self) -> Duration {
        self.0.saturating_mul(MOST)
    }
}

impl FromStr for QuietPeriod {
    type Err = InvalidQuietPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidQuietPeriod> {
        let units = [('m', 60), ('h', 3_600)];
        let of_unit = |(unit, seconds): (char, u64)| Some((text.strip_suffix(unit)?, seconds));
        let (number, seconds) = units.into_iter().find_map(of_unit).ok_or(InvalidQuietPeriod)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidQuietPeriod);
        }
        let number: u16 = number.parse().map_err(|_not_a_number| InvalidQuietPeriod)?;
        let time = Duration::from_secs(u64::from(number).saturating_mul(seconds));
        if (SHORTEST..=LONGEST).contains(&time) { Ok(Self(time)) } else { Err(InvalidQuietPeriod) }
    }
}

impl fmt::Display for QuietPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0.as_secs() / 60)
    }
}

impl TryFrom<String> for QuietPeriod {
    type Error = InvalidQuietPeriod;

    fn try_from(text: String) -> Result<Self, InvalidQuietPeriod> {
        text.parse()
    }
}

impl From<QuietPeriod> for String {
    fn from(period: QuietPeriod) -> Self {
        period.to_string()
    }
}

impl JsonSchema for QuietPeriod {
    fn schema_name() -> Cow<'static, str> {
        "QuietPeriod".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A number of minutes or hours, from 1m to 24h." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quiet_period_is_from_a_minute_to_a_day() {
        let minutes = |text: &str| text.parse::<QuietPeriod>().map(|period| period.time().as_secs() / 60);
        for (text, expected) in
            [("1m", 1), ("5m", 5), ("90m", 90), ("2h", 120), ("24h", 1_440), ("1440m", 1_440)]
        {
            assert_eq!(minutes(text), Ok(expected), "{text}");
        }
        for text in [
            "", "5", "m", "0m", "0h", "25h", "1441m", "90s", "1d", "+5m", "-5m", "5 m", "5m ", "99999h",
            "none",
        ] {
            assert_eq!(minutes(text), Err(InvalidQuietPeriod), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_period_that_is_read_back_or_an_error(text in "[0-9]{0,6}[mhd]?|\\PC{0,8}") {
            if let Ok(period) = text.parse::<QuietPeriod>() {
                prop_assert_eq!(period.to_string().parse::<QuietPeriod>(), Ok(period));
            }
        }
    }
}
