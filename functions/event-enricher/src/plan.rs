//! What one check of a ticket leads to: pure.

use crate::enricher::RequestedTicket;
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::model::check_schedule::{CheckSchedule, Rhythm};
use automations::model::diff::Change;
use automations::model::event::Cause;
use automations::model::own_changes::OwnChanges;
use automations::model::snapshot::Snapshot;
use automations::model::stage_age::StageAgeThresholds;
use automations::store::{Known, Rebuild};
use automations::{Event, EventKind};

/// What to store, and what to publish afterwards.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The new version and its events, if something changed.
    pub(crate) change: Option<(Snapshot, Vec<Event>)>,
    /// All events to publish, oldest first: those that an earlier check stored and perhaps did not publish, then the new ones.
    pub(crate) outbox: Vec<Event>,
    /// The version whose outbox this is.
    pub(crate) version: u64,
    /// When the ticket is checked, if there is nothing else to store and the table says otherwise: of a ticket that an earlier version of
    /// the program stored, or that soon passes a stage-age threshold. Else a check that finds nothing writes nothing.
    pub(crate) rescheduled: Option<CheckSchedule>,
    /// The unreadable snapshot that this one replaces.
    pub(crate) rebuild: Option<Rebuild>,
}

impl Plan {
    /// The plan for a ticket whose snapshot cannot be read. What was found is stored, with a version above all earlier ones; as
    /// it is not known what changed, it makes no event. Its stay in its stage begins now.
    pub(crate) fn rebuilt(mut self, rebuild: Rebuild, now: Timestamp) -> Self {
        if let Some((snapshot, events)) = &mut self.change {
            snapshot.ticket.version = rebuild.version;
            events.clear();
        }
        self.outbox = stored_before(rebuild.outbox.clone(), now);
        Self { version: rebuild.version, rebuild: Some(rebuild), ..self }
    }
}

/// The plan for a ticket and the change that was found; `None` if there is no such ticket.
pub(crate) fn plan(
    organisation: &OrganisationId,
    known: Option<Known>,
    found: Option<Change>,
    requested: &RequestedTicket,
    own_changes: &OwnChanges,
    thresholds: &StageAgeThresholds,
    now: Timestamp,
) -> Option<Plan> {
    let before = known.as_ref().map(|known| &known.snapshot);
    let found = found.map(|found| if own_changes.created() { found.of_new_ticket() } else { found });
    let found = thresholds.apply(before, found, now);
    let seen_until = known.as_ref().map_or(Timestamp::from_millis(0), |known| seen_until(known, now));
    let events = |kind: Vec<EventKind>| -> Vec<Event> {
        let events = kind.into_iter().filter_map(|kind| {
            let cause = cause_of(&kind, own_changes, seen_until, &requested.cause);
            Event::of_change(organisation, now, &cause, kind)
        });
        events.collect()
    };
    let change = found.map(|change| (change.snapshot, events(change.kind)));
    let version = match (&change, &known) {
        (Some((snapshot, _)), _) => snapshot.ticket.version,
        (None, Some(known)) => known.snapshot.ticket.version,
        (None, None) => return None,
    };
    let rescheduled = known.as_ref().filter(|known| change.is_none() && known.outbox.is_empty());
    let rescheduled = rescheduled.and_then(|known| {
        let planned = CheckSchedule::planned(&known.snapshot, thresholds, now);
        (!planned.is_like(&known.schedule))
            .then_some(CheckSchedule { stored_at: known.schedule.stored_at, ..planned })
    });
    let mut outbox = stored_before(known.map(|known| known.outbox).unwrap_or_default(), now);
    outbox.extend(change.iter().flat_map(|(_, events)| events.iter().cloned()));
    Some(Plan { change, outbox, version, rescheduled, rebuild: None })
}

/// The outbox of an earlier check, to be published now.
fn stored_before(mut outbox: Vec<Event>, now: Timestamp) -> Vec<Event> {
    for event in &mut outbox {
        event.resend_after_deduplication(now);
    }
    outbox
}

/// A change of ours from before this time was found by an earlier check: the same change now is a person's. That is the time of the
/// version; and as a check that finds nothing leaves no trace, the time after which there surely was one.
fn seen_until(known: &Known, now: Timestamp) -> Timestamp {
    let within = Rhythm::of(&known.snapshot).surely_checked_within();
    known.schedule.stored_at.max(now.earlier(within))
}

/// An action of ours if it made this change since then, else what led to the check.
fn cause_of(kind: &EventKind, own: &OwnChanges, seen_until: Timestamp, check: &Cause) -> Cause {
    let chain = own.chain_of(kind, seen_until).map(<[_]>::to_vec);
    chain.map_or_else(|| check.clone(), |chain| Cause::Action { hint: check.hint().clone(), chain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::ActionId;
    use automations::model::diff::change;
    use automations::model::own_changes::{Attribution, ChangeMark};
    use automations::model::resent::Resent;
    use automations::model::snapshot::Seen;
    use automations::testing;
    use std::time::Duration;

    fn north() -> OrganisationId {
        OrganisationId::parse("north").unwrap()
    }

    fn cause() -> Cause {
        testing::stage_changed("a", "b").cause
    }

    fn requested() -> RequestedTicket {
        RequestedTicket { cause: cause(), is_new: false, reminder: false }
    }

    fn seen(stage: &str) -> Seen {
        let event = testing::stage_changed("Lead", stage);
        Seen::without_fields(event.ticket().unwrap().clone(), "d")
    }

    fn known(stage: &str, outbox: Vec<Event>) -> Known {
        let snapshot = change(None, Some(seen(stage)), false).unwrap().snapshot;
        let (none, then) = (StageAgeThresholds::default(), Timestamp::from_millis(0));
        let schedule = CheckSchedule::planned(&snapshot, &none, then);
        Known { snapshot, outbox, schedule }
    }

    /// The plan after a check at `now` that found the ticket like this.
    fn checked(
        known: Option<Known>,
        seen: Option<Seen>,
        own: &OwnChanges,
        thresholds: &StageAgeThresholds,
        now: Timestamp,
    ) -> Option<Plan> {
        let found = change(known.as_ref().map(|known| &known.snapshot), seen, false);
        plan(&north(), known, found, &requested(), own, thresholds, now)
    }

    fn planned(known: Option<Known>, seen: Option<Seen>) -> Option<Plan> {
        let none = StageAgeThresholds::default();
        checked(known, seen, &OwnChanges::default(), &none, Timestamp::from_millis(5))
    }

    fn kinds(plan: &Plan) -> Vec<&str> {
        plan.outbox.iter().map(|event| event.kind.name()).collect()
    }

    #[test]
    fn a_duplicate_webhook_makes_no_event() {
        let plan = planned(Some(known("Approved", vec![])), Some(seen("Approved"))).unwrap();
        assert_eq!((plan.change, plan.outbox), (None, vec![]));
    }

    #[test]
    fn what_was_stored_and_not_published_goes_out_first_on_the_next_visit() {
        let old = testing::stage_changed("Lead", "Approved");
        let plan = planned(Some(known("Approved", vec![old.clone()])), Some(seen("Settled"))).unwrap();
        assert_eq!(kinds(&plan), ["ticket.stage_changed", "ticket.stage_changed"]);
        assert_eq!((&plan.outbox[0], plan.version), (&old, 2));
        let quiet = planned(Some(known("Approved", vec![old.clone()])), Some(seen("Approved"))).unwrap();
        assert_eq!((quiet.outbox, quiet.version, quiet.change), (vec![old], 1, None));
    }

    /// B9 of the AWS facts: after five minutes SNS would take it for a first one.
    #[test]
    fn what_was_stored_five_minutes_ago_is_published_as_sent_again_and_what_is_new_is_not() {
        let stored = testing::stage_changed("Lead", "Approved");
        let resent = |minutes: u64| -> Vec<_> {
            let now = stored.observed_at.later(Duration::from_mins(minutes));
            let (own, none) = (OwnChanges::default(), StageAgeThresholds::default());
            let known = known("Approved", vec![stored.clone()]);
            let plan = checked(Some(known), Some(seen("Settled")), &own, &none, now).unwrap();
            plan.outbox.iter().map(|event| event.resent).collect()
        };
        assert_eq!(resent(4), [None, None]);
        assert_eq!(resent(5), [Some(Resent::at(stored.observed_at)), None]);
        assert_eq!(resent(60), resent(5), "two attempts have the same deduplication id");
    }

    #[test]
    fn a_check_that_finds_nothing_writes_nothing_however_often_it_comes() {
        let hour = Duration::from_hours(1);
        for hours in 0..100 {
            let now = Timestamp::from_millis(0).later(hour * hours);
            let (own, none) = (OwnChanges::default(), StageAgeThresholds::default());
            let known = known("Approved", vec![]);
            let plan = checked(Some(known), Some(seen("Approved")), &own, &none, now).unwrap();
            assert_eq!(
                (plan.rescheduled, plan.change, plan.outbox),
                (None, None, vec![]),
                "after {hours} hours"
            );
        }
    }

    #[test]
    fn a_ticket_that_an_earlier_version_stored_is_moved_by_its_next_check_or_by_its_next_version() {
        let mut former = known("Approved", vec![]);
        let due = Timestamp::from_millis(3);
        former.schedule = CheckSchedule { stored_at: due, slot: None, extra: Some(due) };
        let rescheduled =
            |known: &Known, stage| planned(Some(known.clone()), Some(seen(stage))).unwrap().rescheduled;
        let moved = rescheduled(&former, "Approved").unwrap();
        assert!(moved.slot.is_some() && moved.extra.is_none() && moved.stored_at == due);
        assert_eq!(rescheduled(&former, "Settled"), None, "the version has the slot");
        former.outbox = vec![testing::stage_changed("a", "b")];
        assert_eq!(rescheduled(&former, "Approved"), None, "the outbox comes first");
        let moved = Known { schedule: moved, outbox: vec![], ..former };
        assert_eq!(rescheduled(&moved, "Approved"), None, "once");
    }

    #[test]
    fn a_ticket_that_is_neither_known_nor_seen_has_no_plan() {
        assert_eq!(planned(None, None), None);
    }

    #[test]
    fn a_ticket_that_an_action_created_is_new_and_one_that_came_back_is_not() {
        let by = Attribution { chain: Vec::new(), at: Timestamp::from_millis(1) };
        let ours = OwnChanges([(ChangeMark::created(), by)].into());
        let check = |known: Option<Known>| {
            let none = StageAgeThresholds::default();
            checked(known, Some(seen("Approved")), &ours, &none, Timestamp::from_millis(5)).unwrap()
        };
        assert_eq!(kinds(&check(None)), ["ticket.created"]);
        let mut gone = known("Approved", vec![]);
        gone.snapshot.gone = true;
        assert_eq!(kinds(&check(Some(gone))), ["ticket.first_seen"]);
    }

    #[test]
    fn a_change_of_ours_carries_the_chain_that_led_to_it_and_others_of_the_same_look_do_not() {
        let chain = vec![ActionId::parse("e.h.0").unwrap(), ActionId::parse("f.h.0").unwrap()];
        let mut after = seen("Settled");
        let stage = ChangeMark::stage(&after.ticket.stage.id);
        after.ticket.owner = None;
        let by = Attribution { chain: chain.clone(), at: Timestamp::from_millis(1) };
        let ours = OwnChanges([(stage, by)].into());
        let (known, none) = (known("Approved", vec![]), StageAgeThresholds::default());
        let plan = checked(Some(known), Some(after), &ours, &none, Timestamp::from_millis(5));
        let outbox = plan.unwrap().outbox;
        let chains: Vec<_> = outbox.iter().map(|event| (event.kind.name(), event.chain())).collect();
        assert_eq!(chains, [("ticket.stage_changed", &chain[..]), ("ticket.owner_changed", &[])]);
        assert_eq!(outbox[0].cause.hint(), cause().hint());
    }

    #[test]
    fn the_same_change_by_a_person_is_a_persons_once_a_version_or_a_whole_round_came_after_ours() {
        let hour = Duration::from_hours(1);
        let at = |hours: u32| Timestamp::from_millis(1).later(hour * hours);
        let chain = |stored: u32, ours: u32, now: u32| {
            let mut known = known("Approved", vec![]);
            known.schedule.stored_at = at(stored);
            let by = Attribution { chain: vec![ActionId::parse("e.h.0").unwrap()], at: at(ours) };
            let own = OwnChanges([(ChangeMark::stage(&seen("Settled").ticket.stage.id), by)].into());
            let none = StageAgeThresholds::default();
            checked(Some(known), Some(seen("Settled")), &own, &none, at(now)).unwrap().outbox[0].chain().len()
        };
        assert_eq!(chain(10, 10, 11), 1);
        assert_eq!(chain(10, 9, 11), 0, "the version shows what was before it");
        assert_eq!(chain(10, 11, 11 + 15 * 24), 1, "no check was sure to come");
        assert_eq!(chain(10, 11, 12 + 15 * 24), 0, "a daily check has found that nothing came of it");
    }

    #[test]
    fn a_mark_that_is_passed_is_an_event_of_the_look_with_its_cause_and_is_not_told_again() {
        let at = |days: u64| Timestamp::from_seconds(days * 86_400);
        let check_at = |known: Known, stage: &str, time: Timestamp| {
            let thresholds = "3,7".parse().unwrap();
            let own = OwnChanges::default();
            checked(Some(known), Some(seen(stage)), &own, &thresholds, time).unwrap()
        };
        let check = |known: Known, stage: &str, days: u64| check_at(known, stage, at(days));
        let mut start = known("Approved", vec![]);
        start.snapshot.stage_since = Some(at(0));
        let passed = check(start.clone(), "Approved", 3);
        assert_eq!((kinds(&passed), &passed.outbox[0].cause), (vec!["ticket.stage_aged"], &cause()));
        assert_eq!((passed.version, passed.rescheduled), (2, None));
        let snapshot = passed.change.clone().unwrap().0;
        let again = |time| check_at(Known { snapshot: snapshot.clone(), ..start.clone() }, "Approved", time);
        assert_eq!((again(at(4)).change, again(at(4)).rescheduled), (None, None));
        // No regular check comes before the next one.
        let late = again(at(7).earlier(Duration::from_mins(1)));
        assert_eq!((late.change, late.rescheduled.unwrap().extra), (None, Some(at(7))));
        assert_eq!(kinds(&check(start.clone(), "Settled", 3)), ["ticket.stage_changed"]);
        assert_eq!(
            check(start.clone(), "Approved", 3).outbox[0].id,
            check(start, "Approved", 3).outbox[0].id
        );
    }

    /// F3 of the field faults.
    #[test]
    fn a_rebuilt_snapshot_has_its_version_and_the_salvaged_events_and_none_of_its_own() {
        let old = testing::stage_changed("Lead", "Approved");
        let rebuild: Rebuild = Rebuild::of(8, vec![old.clone()]);
        let plan = planned(None, Some(seen("Settled"))).unwrap().rebuilt(rebuild.clone(), old.observed_at);
        let (snapshot, events) = plan.change.unwrap();
        assert_eq!((snapshot.ticket.version, plan.version, events), (8, 8, vec![]));
        assert_eq!((plan.outbox, plan.rebuild), (vec![old], Some(rebuild)));
        assert_eq!(snapshot.stage_since, Some(Timestamp::from_millis(5)));
    }

    #[test]
    fn the_same_change_found_twice_has_the_same_event_ids() {
        let ids = || -> Vec<_> {
            let plan = planned(Some(known("Approved", vec![])), Some(seen("Settled"))).unwrap();
            plan.outbox.into_iter().map(|event| event.id).collect()
        };
        assert_eq!(ids(), ids());
    }
}
