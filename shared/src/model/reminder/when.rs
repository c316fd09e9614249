//! When a reminder is due: pure, the time of the event and the ticket's fields are arguments.

use super::holidays::{Region, holidays_left};
use super::time_of_day::TimeOfDay;
use super::zone::{Zone, rules};
use crate::clock::Timestamp;
use crate::id::FieldName;
use crate::model::date::Date;
use crate::model::ticket::Ticket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a reminder is due.
///
/// ```
/// use automations::model::reminder::{Day, Region, When, Zone};
///
/// let in_90_days = When::after_days(90);
/// let before_settlement: When = Day::of_field(&"settlement".parse()?, Zone::Sydney).plus_days(-7).into();
/// let soon: When = Day::of_event(Zone::Melbourne).plus_business_days(3, Region::AuVic).at("14:30".parse()?).into();
/// assert_eq!(before_settlement.field().map(|field| field.as_str()), Some("settlement"));
/// # assert!(in_90_days.field().is_none() && soon.field().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// This many minutes after the event that it was decided on.
    AfterMinutes(u32),
    /// At a time of a day.
    OnDay(Day),
}

/// A time of a day in a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Day {
    /// The day from which the offset is counted.
    pub from: Start,
    /// The time from that day to the reminder's.
    #[serde(default)]
    pub offset: Offset,
    /// The time of day there: 09:00 unless another is given. If clocks skip it on that day, it is as much later; if they show it
    /// twice, it is the first.
    #[serde(default)]
    pub at: TimeOfDay,
    /// The time zone.
    pub zone: Zone,
}

/// The day from which an offset is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The day of the event that it was decided on, in the time zone.
    Event,
    /// This day.
    Date(Date),
    /// The date in a field that the template's parameter `TicketFields` names and that is not private. If the date moves, the
    /// reminder moves; while the field is empty, the reminder waits for a date.
    Field(FieldName),
}

/// From one day to another, back if it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Offset {
    /// Calendar days.
    Days(i16),
    /// Months: from the 31st to the last day of a month that is shorter.
    Months(i16),
    /// Days that are neither of a weekend nor public holidays. With 0, the day itself or else the next business day.
    BusinessDays {
        /// The number.
        count: i16,
        /// Whose public holidays.
        region: Region,
    },
}

impl Default for Offset {
    fn default() -> Self {
        Self::Days(0)
    }
}

impl When {
    /// This many minutes after the event.
    pub fn after_minutes(minutes: u32) -> Self {
        Self::AfterMinutes(minutes)
    }

    /// This many hours after the event.
    pub fn after_hours(hours: u16) -> Self {
        Self::AfterMinutes(u32::from(hours).saturating_mul(60))
    }

    /// This many times 24 hours after the event.
    pub fn after_days(days: u16) -> Self {
        Self::AfterMinutes(u32::from(days).saturating_mul(24 * 60))
    }

    /// The point in time; none while the field that it is counted from has no date.
    pub fn resolve(&self, event_at: Timestamp, ticket: Option<&Ticket>) -> Option<Timestamp> {
        match self {
            Self::AfterMinutes(minutes) => Some(event_at.later(Duration::from_mins((*minutes).into()))),
            Self::OnDay(day) => day.resolve(event_at, ticket),
        }
    }

    /// The field that it is counted from.
    pub fn field(&self) -> Option<&FieldName> {
        match self {
            Self::OnDay(Day { from: Start::Field(field), .. }) => Some(field),
            Self::OnDay(Day { from: Start::Event | Start::Date(_), .. }) | Self::AfterMinutes(_) => None,
        }
    }

    /// Whether it counts business days until a day around which public holidays are not known, or will soon not be.
    pub fn outlasts_holidays(&self, due_at: Timestamp) -> bool {
        match self {
            Self::OnDay(Day { offset: Offset::BusinessDays { .. }, zone, .. }) => {
                Date::of_time(due_at, rules(*zone)).and_then(holidays_left).is_some()
            }
            Self::OnDay(Day { offset: Offset::Days(_) | Offset::Months(_), .. }) | Self::AfterMinutes(_) => {
                false
            }
        }
    }
}

impl From<Day> for When {
    fn from(day: Day) -> Self {
        Self::OnDay(day)
    }
}

impl Day {
    /// The day of the event, at 9:00.
    pub fn of_event(zone: Zone) -> Self {
        Self::new(Start::Event, zone)
    }

    /// This day, at 9:00.
    pub fn of_date(date: Date, zone: Zone) -> Self {
        Self::new(Start::Date(date), zone)
    }

    /// The date in this field of the ticket, at 9:00.
    pub fn of_field(field: &FieldName, zone: Zone) -> Self {
        Self::new(Start::Field(field.clone()), zone)
    }

    /// This many days later; earlier if it is negative.
    #[must_use]
    pub fn plus_days(self, days: i16) -> Self {
        Self { offset: Offset::Days(days), ..self }
    }

    /// This many months later; earlier if it is negative.
    #[must_use]
    pub fn plus_months(self, months: i16) -> Self {
        Self { offset: Offset::Months(months), ..self }
    }

    /// This many business days later; earlier if it is negative.
    #[must_use]
    pub fn plus_business_days(self, count: i16, region: Region) -> Self {
        Self { offset: Offset::BusinessDays { count, region }, ..self }
    }

    /// At this time of day.
    #[must_use]
    pub fn at(self, at: TimeOfDay) -> Self {
        Self { at, ..self }
    }

    fn new(from: Start, zone: Zone) -> Self {
        Self { from, offset: Offset::default(), at: TimeOfDay::default(), zone }
    }

    fn resolve(&self, event_at: Timestamp, ticket: Option<&Ticket>) -> Option<Timestamp> {
        let local = rules(self.zone);
        let from = match &self.from {
            Start::Event => Date::of_time(event_at, local)?,
            Start::Date(date) => *date,
            Start::Field(field) => ticket?.date(field.as_str())?,
        };
        self.offset.after(from)?.at(self.at.into(), local)
    }
}

impl Offset {
    fn after(self, day: Date) -> Option<Date> {
        match self {
            Self::Days(days) => day.plus_days(days.into()),
            Self::Months(months) => day.plus_months(months.into()),
            Self::BusinessDays { count, region } => business_days(day, count, region),
        }
    }
}

/// The same time of day this many business days later; none after the year 9999.
pub(crate) fn business_days_after(
    time: Timestamp,
    count: u16,
    zone: Zone,
    region: Region,
) -> Option<Timestamp> {
    let local = rules(zone);
    let day = business_days(Date::of_time(time, local)?, i16::try_from(count).ok()?, region)?;
    day.at(Date::time_of(time, local)?, local)
}

fn business_days(from: Date, count: i16, region: Region) -> Option<Date> {
    let is_business_day = |day: Date| !day.is_weekend() && region.holiday(day).is_none();
    let step = if count < 0 { -1 } else { 1 };
    let (mut day, mut left) = (from, count.unsigned_abs());
    while left > 0 {
        day = day.plus_days(step)?;
        if is_business_day(day) {
            left = left.saturating_sub(1);
        }
    }
    while !is_business_day(day) {
        day = day.plus_days(step)?;
    }
    Some(day)
}

#[cfg(test)]
mod tests;
