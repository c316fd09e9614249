//! The reminders of tickets: those that are due become events of the ticket's next version, lapse, or wait again; and if a date of a
//! ticket moves, its reminders move.

use crate::enricher::{Enricher, RequestedTicket, Result};
use automations::aws::batch::MessageError;
use automations::clock::Timestamp;
use automations::futures::{StreamExt as _, TryStreamExt as _, stream};
use automations::id::{OrganisationId, TicketId};
use automations::model::diff::Change;
use automations::model::reminder::{Reminder, Verdict, apply};
use automations::store::{Known, ReminderEnd, ReminderState, StoredReminder};
use automations::telemetry::EventName;
use automations::{EventKind, Ticket, tracing};
use std::collections::{BTreeMap, HashMap};

/// The reminders of this number of tickets are read at once.
const READS_AT_ONCE: usize = 8;

/// What a batch has to do with reminders.
#[derive(Debug, Default)]
pub(crate) struct Reminders {
    /// Those of the tickets of which the reconciler found one due.
    stored: HashMap<TicketId, Vec<StoredReminder>>,
    /// Those that end with their ticket's next version.
    due: HashMap<TicketId, Vec<Reminder>>,
    /// Those that lapsed or that are due at another time than is stored, with the ticket's version that says so.
    others: HashMap<TicketId, (u64, Vec<(StoredReminder, Verdict)>)>,
    /// Tickets of which a field changed, as they are now: their reminders may have to move.
    changed: HashMap<TicketId, Ticket>,
}

impl Reminders {
    /// Adds the events of due reminders to what a check of a ticket found. A ticket that is not known yet has them in its second
    /// version.
    pub(crate) fn apply(
        &mut self,
        id: &TicketId,
        known: Option<&Known>,
        found: Option<Change>,
        now: Timestamp,
    ) -> Option<Change> {
        let before = known.map(|known| &known.snapshot);
        let current = found.as_ref().map(|change| &change.snapshot).or(before).cloned();
        if let (Some(known), Some(current)) = (known, &current)
            && (current.ticket.fields != known.snapshot.ticket.fields || has_changed_field(known))
        {
            self.changed.insert(id.clone(), current.ticket.clone());
        }
        let Some(stored) = self.stored.get(id) else { return found };
        if before.is_none() && found.is_some() {
            return found;
        }
        let judged = stored.iter().filter_map(|stored| {
            let verdict = stored.waiting()?.judge(current.as_ref(), now);
            let is_other = match verdict {
                Verdict::Due(_) => false,
                Verdict::Lapsed(_) => true,
                Verdict::Waits(due_at) => stored.state != ReminderState::Waits(due_at),
            };
            is_other.then(|| (stored.clone(), verdict))
        });
        let version = current.as_ref().map_or(0, |current| current.ticket.version);
        self.others.insert(id.clone(), (version, judged.collect()));
        let waiting: Vec<Reminder> = stored.iter().filter_map(StoredReminder::waiting).cloned().collect();
        let (found, due) = apply(&waiting, before, found, now);
        self.due.insert(id.clone(), due.into_iter().cloned().collect());
        found
    }

    /// The reminders that end with this ticket's next version.
    pub(crate) fn due(&self, id: &TicketId) -> &[Reminder] {
        self.due.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Enricher {
    /// Reads the reminders of the tickets of which one is due.
    pub(crate) async fn reminders(
        &self,
        organisation: &OrganisationId,
        tickets: &BTreeMap<TicketId, RequestedTicket>,
    ) -> Result<Reminders> {
        let wanted = tickets.iter().filter(|(_, requested)| requested.reminder);
        let reads = wanted.map(async |(id, _)| {
            let stored = self.store.reminders(organisation, id).await?;
            Ok::<_, MessageError>((id.clone(), stored))
        });
        let stored = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(Reminders { stored, ..Reminders::default() })
    }

    /// Ends the reminders of a ticket that lapsed, and moves those that are due at another time. After its version was stored, and
    /// before its outbox is emptied: a reminder that is set from then on is computed from the new version, and after a crash the
    /// outbox says that a field changed.
    pub(crate) async fn settle_reminders(
        &self,
        organisation: &OrganisationId,
        id: &TicketId,
        reminders: &Reminders,
        now: Timestamp,
    ) -> Result<()> {
        if let Some((version, others)) = reminders.others.get(id) {
            for (stored, verdict) in others {
                self.settle(organisation, (stored, *verdict), *version, now).await?;
            }
        }
        let Some(ticket) = reminders.changed.get(id) else { return Ok(()) };
        for stored in self.store.reminders(organisation, id).await? {
            if let Some(verdict) = moved(&stored, ticket) {
                self.settle(organisation, (&stored, verdict), ticket.version, now).await?;
            }
        }
        Ok(())
    }

    async fn settle(
        &self,
        organisation: &OrganisationId,
        (stored, verdict): (&StoredReminder, Verdict),
        version: u64,
        now: Timestamp,
    ) -> Result<()> {
        let (event_name, text, because, due_at) = match verdict {
            Verdict::Due(_) => return Ok(()),
            Verdict::Lapsed(lapse) => {
                let end = (ReminderEnd::Lapsed(lapse), now);
                if !self.store.end_reminder(organisation, stored, end).await? {
                    return Ok(());
                }
                (EventName::ReminderLapsed, "a reminder lapsed", Some(<&str>::from(lapse)), None)
            }
            Verdict::Waits(due_at) => {
                if !self.store.move_reminder(organisation, stored, (due_at, version)).await? {
                    return Ok(());
                }
                (EventName::ReminderMoved, "a reminder is due at another time", None, due_at)
            }
        };
        tracing::info!(
            event_name = event_name.as_str(),
            organisation = organisation.as_str(),
            ticket.id = stored.ticket.as_str(),
            key = stored.key().as_str(),
            because,
            due_at = due_at.map(|due_at| due_at.to_string()),
            "{text}"
        );
        Ok(())
    }
}

/// That a reminder waits for another time than is stored, as a ticket's date says.
fn moved(stored: &StoredReminder, ticket: &Ticket) -> Option<Verdict> {
    let reminder = stored.waiting().filter(|reminder| reminder.when.field().is_some())?;
    let due_at = reminder.due_at(Some(ticket));
    (stored.state != ReminderState::Waits(due_at)).then_some(Verdict::Waits(due_at))
}

/// Whether a changed field is in the outbox: then its reminders were perhaps not moved yet.
fn has_changed_field(known: &Known) -> bool {
    known.outbox.iter().any(|event| matches!(event.kind, EventKind::FieldChanged { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::model::check_schedule::CheckSchedule;
    use automations::model::diff::change;
    use automations::model::reminder::{Day, Lapse, OnlyWhile, When, Zone};
    use automations::model::snapshot::Seen;
    use automations::model::speed::Speed;
    use automations::model::stage_age::StageAgeThresholds;
    use automations::testing::{Draft, a_ticket};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn stored(key: &str, when: impl Into<When>, due_at: Option<&str>) -> StoredReminder {
        let only_while = OnlyWhile { stage: Some("Settled".to_owned()), ..OnlyWhile::default() };
        let reminder = Reminder {
            key: key.parse().unwrap(),
            when: when.into(),
            only_while,
            event_at: at("2026-11-01T00:00:00Z"),
            set_at: at("2026-11-01T00:00:01Z"),
            set_by: "h".to_owned(),
            action: "e.h.0".parse().unwrap(),
            speed: Speed::default(),
        };
        let state = ReminderState::Waits(due_at.map(at));
        StoredReminder { ticket: a_ticket().ticket().id, reminder, state }
    }

    fn before_settlement() -> Day {
        Day::of_field(&"settlement".parse().unwrap(), Zone::Brisbane).plus_days(-7)
    }

    fn seen(draft: Draft) -> Seen {
        Seen::without_fields(draft.ticket(), "d")
    }

    fn known(draft: Draft) -> Known {
        let snapshot = change(None, Some(seen(draft)), false).unwrap().snapshot;
        let none = StageAgeThresholds::default();
        let schedule = CheckSchedule::planned(&snapshot, &none, at("2026-11-01T00:00:00Z"));
        Known { snapshot, outbox: vec![], schedule }
    }

    /// What a check makes of these reminders of a ticket that was known like this and is now like that.
    fn checked(
        all: Vec<StoredReminder>,
        known: Option<&Known>,
        now: Option<Draft>,
    ) -> (Reminders, Option<Change>) {
        let id = a_ticket().ticket().id;
        let mut reminders = Reminders { stored: HashMap::from([(id.clone(), all)]), ..Reminders::default() };
        let found = change(known.map(|known| &known.snapshot), now.map(seen), false);
        let found = reminders.apply(&id, known, found, at("2026-11-26T00:00:00Z"));
        (reminders, found)
    }

    fn kinds(found: Option<&Change>) -> Vec<&str> {
        found.into_iter().flat_map(|change| &change.kind).map(EventKind::name).collect()
    }

    #[test]
    fn a_due_reminder_is_an_event_of_the_next_version_and_ends_with_it() {
        let all = vec![stored("one", When::after_days(2), None), stored("two", When::after_days(90), None)];
        let known = known(a_ticket().in_stage("Settled"));
        let (reminders, found) = checked(all, Some(&known), Some(a_ticket().in_stage("Settled")));
        assert_eq!(kinds(found.as_ref()), ["ticket.reminder_due"]);
        assert_eq!(found.unwrap().snapshot.ticket.version, 2);
        let id = known.snapshot.ticket.id;
        assert_eq!(reminders.due(&id).iter().map(|due| due.key.as_str()).collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn a_reminder_of_a_ticket_that_left_lapses_without_an_event_of_its_own() {
        let known = known(a_ticket().in_stage("Settled"));
        let all = vec![stored("one", When::after_days(2), None)];
        let (reminders, found) = checked(all, Some(&known), Some(a_ticket().in_stage("Lead")));
        assert_eq!(kinds(found.as_ref()), ["ticket.stage_changed"]);
        let id = known.snapshot.ticket.id;
        let [(lapsed, verdict)] = &reminders.others[&id].1[..] else { panic!("{:?}", reminders.others) };
        assert_eq!((lapsed.key().as_str(), *verdict), ("one", Verdict::Lapsed(Lapse::OtherStage)));
        assert!(reminders.due(&id).is_empty());
    }

    #[test]
    fn the_reminders_of_a_ticket_that_does_not_exist_lapse_and_those_of_a_new_one_wait() {
        let all = || vec![stored("one", When::after_days(2), None)];
        let id = a_ticket().ticket().id;
        let (reminders, found) = checked(all(), None, None);
        assert_eq!((found, reminders.others[&id].1[0].1), (None, Verdict::Lapsed(Lapse::TicketGone)));
        let (reminders, found) = checked(all(), None, Some(a_ticket().in_stage("Settled")));
        assert_eq!((kinds(found.as_ref()), reminders.due(&id).len()), (vec!["ticket.first_seen"], 0));
        assert!(reminders.others.is_empty());
    }

    /// A moved date moves its reminders, found by the same check or by a later one.
    #[test]
    fn a_reminder_moves_with_its_date() {
        let with = |date: &str| a_ticket().in_stage("Settled").with_field("settlement", date);
        let known = known(with("2026-12-01"));
        let id = known.snapshot.ticket.id.clone();
        let all = || vec![stored("one", before_settlement(), Some("2026-11-23T23:00:00Z"))];
        let (reminders, found) = checked(all(), Some(&known), Some(with("2026-12-20")));
        let later = Some(at("2026-12-12T23:00:00Z"));
        assert_eq!(kinds(found.as_ref()), ["ticket.field_changed"]);
        assert_eq!((reminders.others[&id].0, reminders.others[&id].1[0].1), (2, Verdict::Waits(later)));
        assert_eq!(moved(&all()[0], &reminders.changed[&id]).unwrap(), Verdict::Waits(later));
        let (reminders, found) = checked(all(), Some(&known), Some(with("2026-12-01")));
        assert_eq!(kinds(found.as_ref()), ["ticket.reminder_due"]);
        assert!(reminders.changed.is_empty() && reminders.others[&id].1.is_empty());
    }

    /// A crash after the version was stored and before its reminders moved.
    #[test]
    fn a_changed_field_in_the_outbox_says_that_reminders_may_have_to_move() {
        let with = |date: &str| a_ticket().in_stage("Settled").with_field("settlement", date);
        let mut known = known(with("2026-12-20"));
        known.outbox = vec![with("2026-12-01").field_becomes("settlement", "2026-12-20")];
        let (reminders, found) = checked(vec![], Some(&known), Some(with("2026-12-20")));
        assert_eq!((found, reminders.changed.len()), (None, 1));
    }

    #[test]
    fn a_reminder_that_depends_on_no_field_or_ended_does_not_move() {
        let ticket = a_ticket().with_field("settlement", "2026-12-20").ticket();
        assert!(moved(&stored("one", When::after_days(2), None), &ticket).is_none());
        let mut ended = stored("one", before_settlement(), None);
        ended.state = ReminderState::Ended(ReminderEnd::Due, at("2026-11-01T00:00:00Z"));
        assert!(moved(&ended, &ticket).is_none());
    }
}
