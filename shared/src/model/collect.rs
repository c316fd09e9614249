//! When a handler decides on all that was collected: at a time of day.

use crate::clock::Timestamp;
use crate::id::OwnerId;
use crate::model::date::Date;
use crate::model::event::Event;
use crate::model::reminder::{TimeOfDay, Zone, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use strum::{Display, EnumString};

const DAY: Duration = Duration::from_hours(24);

/// What is collected, and until when. As text: `owner 17:00 Australia/Sydney`.
///
/// ```
/// use automations::model::collect::Collect;
///
/// let collect: Collect = "owner 17:00 Australia/Sydney".parse()?;
/// let morning = "2026-11-25T22:00:00Z".parse()?;
/// assert_eq!(collect.next(morning), "2026-11-26T06:00:00Z".parse()?);
/// assert!("owner 17:00".parse::<Collect>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Collect {
    /// One list for whom.
    pub by: CollectBy,
    at: TimeOfDay,
    zone: Zone,
}

/// For whom there is a list of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum CollectBy {
    /// For each owner of tickets.
    Owner,
    /// For the organisation.
    Organisation,
}

/// A text does not say what is collected, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `owner` or `organisation`, a time and a zone of Australia or New Zealand, such as: owner 17:00 Australia/Sydney"
)]
pub struct InvalidCollect;

impl Collect {
    /// The first time after `now` at which it is this time of day there. A time that clocks skip is as much later, and one that they show
    /// twice is the first.
    pub fn next(self, now: Timestamp) -> Timestamp {
        // From the day before on: clocks may have been set back since. By dates, as a day in which clocks change has not 24 hours.
        let first = self.zone.date_of(now.earlier(DAY));
        let times = (0..4).filter_map(|days| self.on(first?.plus_days(days)?));
        let next = times.into_iter().find(|due_at| *due_at > now);
        // None is after the year 9999.
        next.unwrap_or_else(|| now.later(DAY))
    }

    /// The owner in whose list an event is; none if there is one list for all, or if the ticket has no owner.
    pub(crate) fn owner_of(self, event: &Event) -> Option<OwnerId> {
        match self.by {
            CollectBy::Owner => event.ticket()?.owner.clone(),
            CollectBy::Organisation => None,
        }
    }

    fn on(self, date: Date) -> Option<Timestamp> {
        date.at(self.at.into(), rules(self.zone))
    }
}

impl FromStr for Collect {
    type Err = InvalidCollect;

    fn from_str(text: &str) -> Result<Self, InvalidCollect> {
        let parts: Vec<&str> = text.split(' ').collect();
        let [by, at, zone] = parts[..] else { return Err(InvalidCollect) };
        let by = by.parse().map_err(|_unknown| InvalidCollect)?;
        let at = at.parse().map_err(|_not_a_time| InvalidCollect)?;
        let zone = zone.parse().map_err(|_unknown| InvalidCollect)?;
        Ok(Self { by, at, zone })
    }
}

impl fmt::Display for Collect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, at, zone } = self;
        write!(f, "{by} {at} {zone}")
    }
}

impl TryFrom<String> for Collect {
    type Error = InvalidCollect;

    fn try_from(text: String) -> Result<Self, InvalidCollect> {
        text.parse()
    }
}

impl From<Collect> for String {
    fn from(collect: Collect) -> Self {
        collect.to_string()
    }
}

impl JsonSchema for Collect {
    fn schema_name() -> Cow<'static, str> {
        "Collect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "For whom, until when: owner or organisation, HH:MM, and a time zone.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn next(text: &str, now: &str) -> String {
        let collect: Collect = text.parse().unwrap();
        collect.next(now.parse().unwrap()).to_string()
    }

    #[test]
    fn a_list_ends_at_the_same_time_of_day_when_clocks_change_and_where_they_do_not() {
        for (zone, now, expected) in [
            // Sydney is at +11:00 until 2027-04-04 at 3:00, and at +10:00 until 2027-10-03 at 2:00.
            ("Australia/Sydney", "2027-04-03T05:59:59Z", "2027-04-03T06:00:00.000Z"),
            ("Australia/Sydney", "2027-04-03T06:00:00Z", "2027-04-04T07:00:00.000Z"),
            ("Australia/Sydney", "2027-10-02T07:00:00Z", "2027-10-03T06:00:00.000Z"),
            ("Australia/Brisbane", "2027-04-03T07:00:00Z", "2027-04-04T07:00:00.000Z"),
            ("Australia/Brisbane", "2027-10-02T07:00:00Z", "2027-10-03T07:00:00.000Z"),
        ] {
            assert_eq!(next(&format!("owner 17:00 {zone}"), now), expected, "{zone} {now}");
        }
    }

    #[test]
    fn a_time_that_clocks_skip_or_show_twice_is_one_time() {
        let at = "owner 02:30 Australia/Sydney";
        assert_eq!(next(at, "2027-10-02T10:00:00Z"), "2027-10-02T16:30:00.000Z", "half past three");
        // From 23:00 on the day before, 24 hours later is the day after the one in which clocks are set forward.
        assert_eq!(next("owner 01:01 Australia/Sydney", "2025-10-04T13:00:00Z"), "2025-10-04T15:01:00.000Z");
        assert_eq!(next(at, "2027-10-02T16:30:00Z"), "2027-10-03T15:30:00.000Z");
        assert_eq!(next(at, "2027-04-03T10:00:00Z"), "2027-04-03T15:30:00.000Z", "the first");
        assert_eq!(next(at, "2027-04-03T15:30:00Z"), "2027-04-04T16:30:00.000Z", "not the second");
    }

    #[test]
    fn what_is_not_complete_is_refused() {
        for text in [
            "",
            "none",
            "owner",
            "owner 17:00",
            "team 17:00 Australia/Sydney",
            "owner 5pm Australia/Sydney",
            "owner 24:00 Australia/Sydney",
            "owner 17:00 Europe/London",
            "owner  17:00 Australia/Sydney",
        ] {
            assert_eq!(text.parse::<Collect>(), Err(InvalidCollect), "{text:?}");
        }
        let text = "organisation 09:30 Australia/Brisbane";
        assert_eq!(text.parse::<Collect>().unwrap().to_string(), text);
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_at_most_25_hours(seconds in 1_700_000_000_u64..2_000_000_000, hour in 0_u8..24, minute in 0_u8..60) {
            let now = Timestamp::from_seconds(seconds);
            for zone in ["Australia/Sydney", "Australia/Brisbane", "Australia/Lord_Howe", "Pacific/Chatham"] {
                let collect: Collect = format!("owner {hour:02}:{minute:02} {zone}").parse().unwrap();
                let next = collect.next(now);
                prop_assert!(next > now && next.since(now) <= Duration::from_hours(25), "{now} {next} {collect}");
            }
        }
    }
}
