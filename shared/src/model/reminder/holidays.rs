//! Public holidays: `holidays.txt` beside this file, with its source and its years.

use crate::model::date::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use strum::{EnumString, IntoStaticStr};

/// The rows: date, regions, name. Until [`KNOWN_UNTIL`].
const ROWS: &str = include_str!("holidays.txt");
/// The last day whose holidays are known. Until the file is continued, later days are holidays only at weekends.
pub const KNOWN_UNTIL: &str = "2027-12-31";
/// From this many days before [`KNOWN_UNTIL`], a reminder that counts business days leads to a warning.
const WARNING_DAYS: i32 = 180;

/// A state of Australia or a region of New Zealand, by its public holidays.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    EnumString,
    IntoStaticStr,
    strum::EnumIter,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Region {
    /// The Australian Capital Territory.
    AuAct,
    /// New South Wales.
    AuNsw,
    /// The Northern Territory.
    AuNt,
    /// Queensland.
    AuQld,
    /// South Australia.
    AuSa,
    /// Tasmania.
    AuTas,
    /// Victoria.
    AuVic,
    /// Western Australia.
    AuWa,
    /// Auckland, and the regions that keep its anniversary.
    NzAuckland,
    /// Canterbury, without South Canterbury.
    NzCanterbury,
    /// The Chatham Islands.
    NzChathamIslands,
    /// Hawke's Bay.
    NzHawkesBay,
    /// Marlborough.
    NzMarlborough,
    /// Nelson.
    NzNelson,
    /// Otago.
    NzOtago,
    /// South Canterbury.
    NzSouthCanterbury,
    /// Southland.
    NzSouthland,
    /// Taranaki.
    NzTaranaki,
    /// Wellington.
    NzWellington,
    /// Westland.
    NzWestland,
}

impl Region {
    /// The name of the public holiday on this day, if it is one that falls on a weekday.
    ///
    /// ```
    /// use automations::model::reminder::Region;
    ///
    /// let [cup, day] = ["2026-11-03".parse()?, "2026-11-04".parse()?];
    /// assert_eq!(Region::AuVic.holiday(cup), Some("Melbourne Cup Day"));
    /// assert!(Region::AuNsw.holiday(cup).is_none() && Region::AuVic.holiday(day).is_none());
    /// # Ok::<(), automations::model::date::InvalidDate>(())
    /// ```
    pub fn holiday(self, day: Date) -> Option<&'static str> {
        static DAYS: LazyLock<BTreeMap<Date, Vec<Row>>> = LazyLock::new(rows);
        let own: &str = self.into();
        let country = own.split('-').next().unwrap_or_default();
        let holds = |row: &&Row| row.regions.split(',').any(|region| region == own || region == country);
        DAYS.get(&day)?.iter().find(holds).map(|row| row.name)
    }
}

struct Row {
    regions: &'static str,
    name: &'static str,
}

fn rows() -> BTreeMap<Date, Vec<Row>> {
    let mut days: BTreeMap<Date, Vec<Row>> = BTreeMap::new();
    for line in ROWS.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(3, ' ');
        if let (Some(date), Some(regions), Some(name)) = (parts.next(), parts.next(), parts.next())
            && let Ok(date) = date.parse()
        {
            days.entry(date).or_default().push(Row { regions, name });
        }
    }
    days
}

/// The days for which holidays are known after this one, if they are fewer than half a year's; negative if they are not known
/// any more.
pub fn holidays_left(day: Date) -> Option<i32> {
    let left = day.days_until(KNOWN_UNTIL.parse().ok()?);
    (left < WARNING_DAYS).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use strum::IntoEnumIterator as _;

    #[test]
    fn every_row_is_read_and_is_on_a_weekday_of_known_regions() {
        let lines: Vec<&str> = ROWS.lines().filter(|line| !line.starts_with('#')).collect();
        let days = rows();
        assert_eq!(days.values().map(Vec::len).sum::<usize>(), lines.len());
        let known: BTreeSet<&str> = Region::iter().map(Into::into).chain(["au", "nz"]).collect();
        for (day, rows) in &days {
            assert!(!day.is_weekend(), "{day}");
            for region in rows.iter().flat_map(|row| row.regions.split(',')) {
                assert!(known.contains(region), "{day}: {region}");
            }
        }
        let years: BTreeSet<String> = days.keys().map(|day| day.to_string()[..4].to_owned()).collect();
        assert_eq!(years.last().map(String::as_str), KNOWN_UNTIL.get(..4));
        assert!(ROWS.contains(&format!("from 2026-01-01 to {KNOWN_UNTIL}")));
    }

    /// Easter is computed here by the anonymous Gregorian algorithm, so that a wrong row is found.
    #[test]
    fn every_region_has_good_friday_easter_monday_and_christmas_of_each_year() {
        for (year, friday, monday) in [(2026, "04-03", "04-06"), (2027, "03-26", "03-29")] {
            let [golden, century, of_century] = [year % 19, year / 100, year % 100];
            let correction = (century - (century + 8) / 25 + 1) / 3;
            let epact = (19 * golden + century - century / 4 - correction + 15) % 30;
            let shift = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
            let late = (golden + 11 * epact + 22 * shift) / 451;
            let sum = epact + shift - 7 * late + 114;
            let sunday: Date = format!("{year}-{:02}-{:02}", sum / 31, sum % 31 + 1).parse().unwrap();
            let [friday, monday] =
                [friday, monday].map(|day| format!("{year}-{day}").parse::<Date>().unwrap());
            assert_eq!((friday.days_until(sunday), sunday.days_until(monday)), (2, 1));
            for region in Region::iter() {
                assert_eq!(region.holiday(friday), Some("Good Friday"), "{region:?}");
                assert_eq!(region.holiday(monday), Some("Easter Monday"), "{region:?}");
                let christmas =
                    ["12-25", "12-26", "12-27"].map(|day| format!("{year}-{day}").parse().unwrap());
                assert!(christmas.iter().any(|day| region.holiday(*day) == Some("Christmas Day")));
            }
        }
    }

    #[test]
    fn the_end_of_the_file_is_said_half_a_year_before() {
        let at = |day: &str| holidays_left(day.parse().unwrap());
        assert_eq!((at("2027-07-04"), at("2027-07-05"), at("2028-01-03")), (None, Some(179), Some(-3)));
    }
}
