//! The time zones of Australia and New Zealand. Their rules are compiled in, one by one: a function that computes no local time
//! does not contain them.

use crate::clock::Timestamp;
use crate::model::date::Date;
use jiff::tz::{TimeZone, get};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// A time zone, by its name in the IANA Time Zone Database.
///
/// ```
/// use automations::model::reminder::Zone;
///
/// assert_eq!("Australia/Brisbane".parse(), Ok(Zone::Brisbane));
/// assert!("Europe/London".parse::<Zone>().is_err());
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
    strum::EnumIter,
)]
pub enum Zone {
    /// South Australia.
    #[serde(rename = "Australia/Adelaide")]
    #[strum(serialize = "Australia/Adelaide")]
    Adelaide,
    /// Queensland, which has no daylight saving.
    #[serde(rename = "Australia/Brisbane")]
    #[strum(serialize = "Australia/Brisbane")]
    Brisbane,
    /// The part of New South Wales that keeps South Australia's time.
    #[serde(rename = "Australia/Broken_Hill")]
    #[strum(serialize = "Australia/Broken_Hill")]
    BrokenHill,
    /// The Northern Territory.
    #[serde(rename = "Australia/Darwin")]
    #[strum(serialize = "Australia/Darwin")]
    Darwin,
    /// Tasmania.
    #[serde(rename = "Australia/Hobart")]
    #[strum(serialize = "Australia/Hobart")]
    Hobart,
    /// Lord Howe Island, where daylight saving is half an hour.
    #[serde(rename = "Australia/Lord_Howe")]
    #[strum(serialize = "Australia/Lord_Howe")]
    LordHowe,
    /// Victoria.
    #[serde(rename = "Australia/Melbourne")]
    #[strum(serialize = "Australia/Melbourne")]
    Melbourne,
    /// Western Australia.
    #[serde(rename = "Australia/Perth")]
    #[strum(serialize = "Australia/Perth")]
    Perth,
    /// New South Wales and the Australian Capital Territory.
    #[serde(rename = "Australia/Sydney")]
    #[strum(serialize = "Australia/Sydney")]
    Sydney,
    /// New Zealand.
    #[serde(rename = "Pacific/Auckland")]
    #[strum(serialize = "Pacific/Auckland")]
    Auckland,
    /// The Chatham Islands.
    #[serde(rename = "Pacific/Chatham")]
    #[strum(serialize = "Pacific/Chatham")]
    Chatham,
}

impl Zone {
    /// The date there at this time; none after the year 9999.
    ///
    /// ```
    /// use automations::model::reminder::Zone;
    ///
    /// let evening = "2026-11-25T13:30:00Z".parse()?;
    /// assert_eq!(Zone::Sydney.date_of(evening), Some("2026-11-26".parse()?));
    /// assert_eq!(Zone::Brisbane.date_of(evening), Some("2026-11-25".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn date_of(self, time: Timestamp) -> Option<Date> {
        Date::of_time(time, rules(self))
    }
}

/// The rules of a time zone. Not a method, as the macro's code would be one of a type that is read from JSON.
pub(crate) fn rules(zone: Zone) -> &'static TimeZone {
    static ADELAIDE: TimeZone = get!("Australia/Adelaide");
    static BRISBANE: TimeZone = get!("Australia/Brisbane");
    static BROKEN_HILL: TimeZone = get!("Australia/Broken_Hill");
    static DARWIN: TimeZone = get!("Australia/Darwin");
    static HOBART: TimeZone = get!("Australia/Hobart");
    static LORD_HOWE: TimeZone = get!("Australia/Lord_Howe");
    static MELBOURNE: TimeZone = get!("Australia/Melbourne");
    static PERTH: TimeZone = get!("Australia/Perth");
    static SYDNEY: TimeZone = get!("Australia/Sydney");
    static AUCKLAND: TimeZone = get!("Pacific/Auckland");
    static CHATHAM: TimeZone = get!("Pacific/Chatham");
    match zone {
        Zone::Adelaide => &ADELAIDE,
        Zone::Brisbane => &BRISBANE,
        Zone::BrokenHill => &BROKEN_HILL,
        Zone::Darwin => &DARWIN,
        Zone::Hobart => &HOBART,
        Zone::LordHowe => &LORD_HOWE,
        Zone::Melbourne => &MELBOURNE,
        Zone::Perth => &PERTH,
        Zone::Sydney => &SYDNEY,
        Zone::Auckland => &AUCKLAND,
        Zone::Chatham => &CHATHAM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator as _;

    #[test]
    fn a_zones_name_is_that_of_its_rules_and_the_same_in_json() {
        for zone in Zone::iter() {
            assert_eq!(rules(zone).iana_name(), Some(zone.to_string().as_str()));
            assert_eq!(serde_json::to_value(zone).unwrap(), zone.to_string());
        }
    }
}
