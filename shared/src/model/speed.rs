//! How fast waits pass: as fast as time, except on a developer's local stack.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::str::FromStr;

/// How much faster waits for reminders and stage ages pass than time. As text it is the time that passes in a second: `1h/s`.
///
/// ```
/// use automations::model::speed::Speed;
///
/// let speed: Speed = "1h/s".parse()?;
/// let [begin, end] = ["2026-11-01T00:00:00Z".parse()?, "2026-11-02T00:00:00Z".parse()?];
/// assert_eq!(speed.end(begin, end).to_string(), "2026-11-01T00:00:24.000Z");
/// assert_eq!(Speed::default().end(begin, end), end);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Speed(NonZeroU32);

/// A text is not a speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the time that passes in a second, such as 30m/s, 1h/s or 7d/s")]
pub struct InvalidSpeed;

impl Default for Speed {
    /// That of time.
    fn default() -> Self {
        Self(NonZeroU32::MIN)
    }
}

impl Speed {
    /// Whether waits pass as fast as time.
    pub fn is_real(&self) -> bool {
        *self == Self::default()
    }

    /// When a wait ends that begins at `begin` and would end at `end`. What would end before it begins ends then.
    #[must_use]
    pub fn end(self, begin: Timestamp, end: Timestamp) -> Timestamp {
        let wait = end.since(begin);
        if wait.is_zero() { end } else { begin.later(wait.checked_div(self.0.get()).unwrap_or(wait)) }
    }
}

impl FromStr for Speed {
    type Err = InvalidSpeed;

    fn from_str(text: &str) -> Result<Self, InvalidSpeed> {
        let time = text.strip_suffix("/s").ok_or(InvalidSpeed)?;
        let units = [('m', 60), ('h', 3_600), ('d', 86_400)];
        let of_unit = |(unit, seconds): (char, u32)| Some((time.strip_suffix(unit)?, seconds));
        let (number, seconds) = units.into_iter().find_map(of_unit).ok_or(InvalidSpeed)?;
        let number: u16 = number.parse().map_err(|_not_a_number| InvalidSpeed)?;
        NonZeroU32::new(u32::from(number).saturating_mul(seconds)).map(Self).ok_or(InvalidSpeed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_speed_is_a_number_of_minutes_hours_or_days_in_a_second() {
        let begin = Timestamp::from_seconds(0);
        let second = |text: &str, seconds: u64| {
            text.parse::<Speed>().unwrap().end(begin, Timestamp::from_seconds(seconds)).as_seconds()
        };
        assert_eq!((second("1m/s", 60), second("1h/s", 3_600), second("7d/s", 7 * 86_400)), (1, 1, 1));
        for text in ["", "1h", "h/s", "0h/s", "-1h/s", "1s/s", "1h/s ", "70000d/s"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_past_stays_past() {
        let [early, late] = [1_000, 2_000].map(Timestamp::from_seconds);
        assert_eq!("1h/s".parse::<Speed>().unwrap().end(late, early), early);
    }

    proptest! {
        /// Waits end in the order in which they would, and none before it begins.
        #[test]
        fn a_speed_keeps_the_order_of_waits(begin in 0_u64..1 << 41, waits in [0_u64..1 << 38, 0_u64..1 << 38], hours in 1_u16..) {
            let speed: Speed = format!("{hours}h/s").parse().unwrap();
            let begin = Timestamp::from_millis(begin);
            let of = |wait: u64| begin.later(std::time::Duration::from_millis(wait));
            let [one, other] = waits.map(|wait| speed.end(begin, of(wait)));
            prop_assert!(begin <= one && one <= of(waits[0]));
            prop_assert_eq!(waits[0].min(waits[1]) == waits[0] || waits[0] == waits[1], one <= other || waits[0] == waits[1]);
        }
    }
}
