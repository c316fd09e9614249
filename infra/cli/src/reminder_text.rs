//! What became of a reminder, in words.

use automations::store::{ReminderEnd, ReminderState, StoredReminder};

/// What became of a reminder, in words.
pub(crate) fn state(stored: &StoredReminder) -> String {
    match (stored.state, stored.reminder.when.field()) {
        (ReminderState::Waits(None), Some(field)) => format!("waits for a date in {field}"),
        (ReminderState::Waits(_), _) => "waits".to_owned(),
        (ReminderState::Ended(ReminderEnd::Due, at), _) => format!("was due; its event is of {at}"),
        (ReminderState::Ended(ReminderEnd::Lapsed(lapse), at), _) => format!("lapsed at {at}: {lapse}"),
        (ReminderState::Ended(ReminderEnd::Cancelled, at), _) => format!("cancelled at {at}"),
    }
}
