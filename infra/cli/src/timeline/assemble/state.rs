//! What is so now: reminders, and the next check.

use super::Assembly;
use crate::reminder_text;
use crate::timeline::model::Step;
use automations::Event;
use automations::store::{ReminderEnd, ReminderState};

/// For so long after a change it is not said that nothing came after it.
const ON_ITS_WAY: std::time::Duration = std::time::Duration::from_mins(1);

impl Assembly<'_> {
    /// The reminders: of one that ended at its end, of one that waits after everything that happened.
    pub(super) fn reminders(&mut self) {
        for stored in &self.kept.reminders {
            let at = match stored.state {
                ReminderState::Waits(_) => None,
                ReminderState::Ended(ReminderEnd::Due, _) => continue,
                ReminderState::Ended(ReminderEnd::Lapsed(_) | ReminderEnd::Cancelled, at) => Some(at),
            };
            let step = Step::Reminder {
                key: stored.key().clone(),
                set_by: stored.reminder.set_by.clone(),
                due_at: stored.due_at(),
                text: reminder_text::state(stored),
            };
            self.draft.first(at.unwrap_or(self.kept.now), at, step);
        }
    }

    /// When the ticket is compared next, if nothing is on its way.
    pub(super) fn last_check(&mut self) {
        let Some(check) = &self.kept.last_check else { return };
        let changed_at = self.kept.events.iter().map(|event| event.observed_at).max();
        let is_of_last_version =
            self.kept.events.iter().filter_map(Event::ticket).all(|ticket| ticket.version <= check.version);
        // What just changed is still on its way.
        let is_later = changed_at.is_none_or(|changed| self.kept.now.since(changed) > ON_ITS_WAY);
        if is_of_last_version && is_later {
            let step =
                Step::NextCheck { version: check.version, next_check: check.next, is_gone: check.is_gone };
            self.draft.first(self.kept.now, None, step);
        }
    }
}
