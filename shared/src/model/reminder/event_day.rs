//! The day of an event, by which a handler counts days. Here, as an event knows no time zones.

use super::zone::Zone;
use crate::model::date::Date;
use crate::model::event::{Event, EventKind};
use std::time::Duration;

impl Event {
    /// Its day in this time zone: when the change was found, and of a reminder when it is due, or as much later as it is late. On a
    /// developer's stack with a faster clock, a reminder comes before its day.
    ///
    /// ```
    /// use automations::model::reminder::Zone;
    /// use automations::testing::stage_changed;
    ///
    /// let event = stage_changed("Approved", "Settled");
    /// assert_eq!(event.date(Zone::Sydney), Zone::Sydney.date_of(event.observed_at));
    /// ```
    pub fn date(&self, zone: Zone) -> Option<Date> {
        zone.date_of(match &self.kind {
            EventKind::ReminderDue { due_at, late_by, .. } => due_at.later(Duration::from_secs(*late_by)),
            _ => self.observed_at,
        })
    }
}
