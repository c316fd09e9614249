//! The six fields of `cron(…)`, as AWS evaluates them: a local time that clocks skip has no firing, one that they show twice has one
//! (Amazon EventBridge Scheduler User Guide, "Schedule types", "Daylight savings time").

use super::field::{Field, Range};
use super::invalid::InvalidExpression;
use crate::clock::Timestamp;
use crate::model::reminder::{Zone, rules};
use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::AmbiguousOffset;
use std::str::FromStr;

const MINUTES: Range = Range { numbers: 0..=59, names: &[] };
const HOURS: Range = Range { numbers: 0..=23, names: &[] };
const DAYS: Range = Range { numbers: 1..=31, names: &[] };
const MONTHS: Range = Range {
    numbers: 1..=12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/// Sunday is 1.
const WEEKDAYS: Range = Range { numbers: 1..=7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };
const YEARS: Range = Range { numbers: 1970..=2199, names: &[] };

/// The days of eight years and a few: 29 February is at most so far away, of a weekday 40 years.
const MAX_DAYS: usize = 41 * 366;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Field,
    hours: Field,
    days: Days,
    months: Field,
    years: Field,
}

/// The days of a month, or of the week: the other field is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(Field),
    LastOfMonth,
    /// The day from Monday to Friday that is nearest to this one, in the same month.
    WeekdayNearest(i16),
    OfWeek(Field),
    /// The last one of this weekday in the month.
    LastOfWeekday(i16),
    /// The nth one of this weekday in the month.
    NthOfWeekday(i16, i16),
}

impl FromStr for Cron {
    type Err = InvalidExpression;

    fn from_str(text: &str) -> Result<Self, InvalidExpression> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else {
            return Err(InvalidExpression::Form);
        };
        let field =
            |name, text, range: &Range| Field::parse(text, range).ok_or(InvalidExpression::Field(name));
        let cron = Self {
            minutes: field("minutes", minutes, &MINUTES)?,
            hours: field("hours", hours, &HOURS)?,
            days: match (day_of_month, day_of_week) {
                ("?", "?") => return Err(InvalidExpression::Days),
                (text, "?") => of_month(text).ok_or(InvalidExpression::Field("day-of-month"))?,
                ("?", text) => of_week(text).ok_or(InvalidExpression::Field("day-of-week"))?,
                _ => return Err(InvalidExpression::Days),
            },
            months: field("month", month, &MONTHS)?,
            years: field("year", year, &YEARS)?,
        };
        let first = date(cron.years.first().unwrap_or(1970), 1, 1);
        let end = date(cron.years.last().unwrap_or(2199), 12, 31);
        let mut days = first.series(jiff::Span::new().days(1)).take(MAX_DAYS).take_while(|day| *day <= end);
        if days.any(|day| cron.is_on(day)) { Ok(cron) } else { Err(InvalidExpression::Never) }
    }
}

fn of_month(text: &str) -> Option<Days> {
    if text == "L" {
        return Some(Days::LastOfMonth);
    }
    match text.strip_suffix('W') {
        Some(day) => Some(Days::WeekdayNearest(DAYS.number(day)?)),
        None => Some(Days::OfMonth(Field::parse(text, &DAYS)?)),
    }
}

fn of_week(text: &str) -> Option<Days> {
    if let Some((weekday, nth)) = text.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return Some(Days::NthOfWeekday(WEEKDAYS.number(weekday)?, nth));
    }
    match text.strip_suffix('L') {
        Some("") => Some(Days::OfWeek(Field::parse("SAT", &WEEKDAYS)?)), // the last day of the week
        Some(weekday) => Some(Days::LastOfWeekday(WEEKDAYS.number(weekday)?)),
        None => Some(Days::OfWeek(Field::parse(text, &WEEKDAYS)?)),
    }
}

impl Cron {
    /// The first firing after this time; none if there is none in 41 years.
    pub(super) fn next_after(&self, time: Timestamp, zone: Zone) -> Option<Timestamp> {
        let start = local(time, zone)?;
        let days =
            start.date().series(jiff::Span::new().days(1)).take(MAX_DAYS).filter(|day| self.is_on(*day));
        let firings = days.flat_map(|day| self.times(day)).skip_while(|at| *at < start);
        firings.filter_map(|at| instant(at, zone)).find(|at| *at > time)
    }

    /// The last firing that is not after this time.
    pub(super) fn last_until(&self, time: Timestamp, zone: Zone) -> Option<Timestamp> {
        let start = local(time, zone)?.date();
        let days = start.series(jiff::Span::new().days(-1)).take(MAX_DAYS).filter(|day| self.is_on(*day));
        let firings = days.flat_map(|day| self.times(day).rev());
        firings.filter_map(|at| instant(at, zone)).find(|at| *at <= time)
    }

    fn times(&self, day: Date) -> impl DoubleEndedIterator<Item = DateTime> {
        self.hours.numbers().flat_map(move |hour| {
            self.minutes.numbers().filter_map(move |minute| {
                Some(day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0))
            })
        })
    }

    fn is_on(&self, day: Date) -> bool {
        let weekday = |day: Date| i16::from(day.weekday().to_sunday_one_offset());
        self.years.has(day.year())
            && self.months.has(day.month().into())
            && match &self.days {
                Days::OfMonth(days) => days.has(day.day().into()),
                Days::LastOfMonth => day == day.last_of_month(),
                Days::WeekdayNearest(wanted) => {
                    let last = i16::from(day.days_in_month());
                    i8::try_from((*wanted).min(last)).is_ok_and(|wanted| day == nearest_weekday(day, wanted))
                }
                Days::OfWeek(days) => days.has(weekday(day)),
                Days::LastOfWeekday(wanted) => {
                    weekday(day) == *wanted
                        && day.nth_weekday_of_month(-1, day.weekday()).is_ok_and(|last| last == day)
                }
                Days::NthOfWeekday(wanted, nth) => {
                    let nth = i8::try_from(*nth).unwrap_or_default();
                    weekday(day) == *wanted
                        && day.nth_weekday_of_month(nth, day.weekday()).is_ok_and(|nth| nth == day)
                }
            }
    }
}

/// The day from Monday to Friday that is nearest to this day of this month, within the month.
fn nearest_weekday(month: Date, day: i8) -> Date {
    let wanted = month.first_of_month().checked_add(jiff::Span::new().days(day.saturating_sub(1)));
    let Ok(wanted) = wanted else { return month };
    let by: i8 = match wanted.weekday() {
        Weekday::Saturday if wanted.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if wanted == wanted.last_of_month() => -2,
        Weekday::Sunday => 1,
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday | Weekday::Friday => 0,
    };
    wanted.checked_add(jiff::Span::new().days(by)).unwrap_or(wanted)
}

fn local(time: Timestamp, zone: Zone) -> Option<DateTime> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(time.as_millis()).ok()?).ok()?;
    Some(rules(zone).to_datetime(time))
}

/// When the clocks of a zone show this time, for the first time; none if they skip it.
fn instant(at: DateTime, zone: Zone) -> Option<Timestamp> {
    let offset = match rules(zone).to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset,
        AmbiguousOffset::Gap { .. } => return None,
    };
    let millis = offset.to_timestamp(at).ok()?.as_millisecond();
    u64::try_from(millis).ok().map(Timestamp::from_millis)
}
