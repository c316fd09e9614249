//! Whether each reminder that was set came once. Each has a key of its own, with the version that its handler decided on, so that none
//! replaces another; and none has a condition, so that none lapses.

use automations::{Event, EventKind};
use std::collections::BTreeMap;

/// The name of a reminder that a handler sets on an event of this version; as in tests/chaos/act-on-stage.
pub(crate) fn key(name: &str, version: u64) -> String {
    format!("{name}-{version}")
}

/// What became of the reminders of a ticket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Events of reminders.
    pub(crate) due: usize,
    /// Reminders that were set and have no event.
    pub(crate) lost: Vec<String>,
    /// Reminders that have several events.
    pub(crate) doubled: Vec<String>,
}

/// Compares the reminders that were set with the ticket's journal.
pub(crate) fn judge(set: &[String], journal: &[Event]) -> Judged {
    let mut events: BTreeMap<&str, usize> = BTreeMap::new();
    for event in journal {
        if let EventKind::ReminderDue { key, .. } = &event.kind {
            *events.entry(key.as_str()).or_default() += 1;
        }
    }
    let lost = set.iter().filter(|key| !events.contains_key(key.as_str()));
    let doubled = events.iter().filter(|(_, count)| **count > 1);
    Judged {
        due: events.values().sum(),
        lost: lost.map(|key| format!("reminder {key} was set and never due")).collect(),
        doubled: doubled.map(|(key, count)| format!("reminder {key} was due {count} times")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::a_ticket;

    fn due(key: &str) -> Event {
        a_ticket().has_reminder_due(key)
    }

    #[test]
    fn a_reminder_that_came_once_is_neither_lost_nor_doubled() {
        let set = [key("soon", 2), key("soon", 5)];
        let journal = [due("soon-2"), a_ticket().moves_to("Approved"), due("soon-5")];
        assert_eq!(judge(&set, &journal), Judged { due: 2, ..Judged::default() });
        // One whose action was dead-lettered after its reminder was set.
        assert_eq!(judge(&set[..1], &journal), Judged { due: 2, ..Judged::default() });
    }

    #[test]
    fn a_lost_one_and_a_doubled_one_are_found() {
        let set = [key("soon", 2), key("later", 2)];
        let judged = judge(&set, &[due("soon-2"), due("soon-2")]);
        assert_eq!(judged.lost, ["reminder later-2 was set and never due"]);
        assert_eq!((judged.due, judged.doubled), (2, vec!["reminder soon-2 was due 2 times".to_owned()]));
    }
}
