//! When a clock fires: an expression of EventBridge Scheduler, in a time zone. Pure: the time is an argument. The expression is evaluated
//! here too, to say which firings were missed and which one is next; AWS alone decides when a message is sent.

mod cron;
mod field;
mod invalid;

pub use invalid::InvalidExpression;

use crate::clock::Timestamp;
use crate::model::reminder::Zone;
use cron::Cron;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// More firings than this are not counted.
pub const MAX_COUNTED: u32 = 1_000;

/// A schedule: an expression and the time zone in which it is meant.
///
/// ```
/// use automations::clock::Timestamp;
/// use automations::model::reminder::Zone;
/// use automations::model::schedule::Schedule;
///
/// let mondays = Schedule { expression: "cron(0 8 ? * MON *)".parse()?, zone: Zone::Sydney };
/// let friday: Timestamp = "2026-11-27T00:00:00Z".parse()?;
/// assert_eq!(mondays.next_after(friday), Some("2026-11-29T21:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// When.
    #[serde(rename = "schedule")]
    pub expression: Expression,
    /// Where.
    pub zone: Zone,
}

/// `rate(…)` or `cron(…)`, as EventBridge Scheduler takes them (Amazon EventBridge Scheduler User Guide, "Schedule types").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    text: String,
    parsed: Parsed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parsed {
    Rate(Duration),
    Cron(Box<Cron>),
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    fn from_str(text: &str) -> Result<Self, InvalidExpression> {
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let parsed = match (inside("rate"), inside("cron")) {
            (Some(rate), _) => Parsed::Rate(interval(rate).ok_or(InvalidExpression::Rate)?),
            (None, Some(cron)) => Parsed::Cron(Box::new(cron.parse()?)),
            (None, None) => return Err(InvalidExpression::Form),
        };
        Ok(Self { text: text.to_owned(), parsed })
    }
}

/// `5 minutes`. Of one, the unit is in the singular, as in AWS's guide.
fn interval(text: &str) -> Option<Duration> {
    let (value, unit) = text.split_once(' ')?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let minutes = match (value, unit) {
        (1, "minute") | (2.., "minutes") => 1,
        (1, "hour") | (2.., "hours") => 60,
        (1, "day") | (2.., "days") => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(value.checked_mul(minutes)?.checked_mul(60)?))
}

impl TryFrom<String> for Expression {
    type Error = InvalidExpression;

    fn try_from(text: String) -> Result<Self, InvalidExpression> {
        text.parse()
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expression, self.zone)
    }
}

impl Schedule {
    /// The first firing after this time. For a rate, this time has to be that of a firing: a rate counts from when AWS made the schedule.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        match &self.expression.parsed {
            Parsed::Rate(interval) => Some(time.later(*interval)),
            Parsed::Cron(cron) => cron.next_after(time, self.zone),
        }
    }

    /// The first firing after this time, which is none of a firing; none for a rate.
    pub fn next_after_first(&self, time: Timestamp) -> Option<Timestamp> {
        match &self.expression.parsed {
            Parsed::Rate(_) => None,
            Parsed::Cron(cron) => cron.next_after(time, self.zone),
        }
    }

    /// The newest firing until now, if one was at `fired`. Without that, a rate's is now.
    pub fn newest(&self, fired: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let computed = match (&self.expression.parsed, fired) {
            (Parsed::Rate(interval), Some(fired)) => {
                let passed = now.since(fired);
                let whole = passed.as_millis().checked_div(interval.as_millis()).unwrap_or_default();
                let whole = u32::try_from(whole).unwrap_or_default();
                Some(fired.later(interval.saturating_mul(whole)))
            }
            (Parsed::Rate(_), None) => Some(now),
            (Parsed::Cron(cron), _) => cron.last_until(now, self.zone),
        };
        computed.max(fired).unwrap_or(now)
    }

    /// The number of firings between two, both left out; at most [`MAX_COUNTED`].
    pub fn between(&self, one: Timestamp, other: Timestamp) -> u32 {
        let (mut count, mut at): (u32, _) = (0, self.next_after(one));
        while let Some(next) = at.filter(|next| *next < other && count < MAX_COUNTED) {
            (count, at) = (count.saturating_add(1), self.next_after(next));
        }
        count
    }
}

#[cfg(test)]
mod tests;
