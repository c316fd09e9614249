//! What one look at a ticket leads to: pure.

use crate::RequestedTicket;
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::model::check_schedule::CheckSchedule;
use automations::model::diff::{Seen, Snapshot, change};
use automations::model::event::Cause;
use automations::model::own_changes::OwnChanges;
use automations::model::stage_age::StageAgeThresholds;
use automations::store::Known;
use automations::{Event, EventKind};

/// What to store, and what to publish afterwards.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The new version, where something changed.
    pub(crate) change: Option<(Snapshot, Vec<Event>)>,
    /// Everything to publish, oldest first: what an earlier visit stored and perhaps did not publish, then the change.
    pub(crate) outbox: Vec<Event>,
    /// The version whose outbox this is.
    pub(crate) version: u64,
    /// When to look again, where this look was due and there is nothing else to store.
    pub(crate) verified: Option<CheckSchedule>,
}

/// The plan for a ticket that is known or seen; `None` for one that is neither.
pub(crate) fn plan(
    organisation: &OrganisationId,
    known: Option<Known>,
    seen: Option<Seen>,
    named: &RequestedTicket,
    ours: &OwnChanges,
    thresholds: &StageAgeThresholds,
    now: Timestamp,
) -> Option<Plan> {
    let before = known.as_ref().map(|known| &known.snapshot);
    let found = thresholds.look(before, change(before, seen, named.is_new || ours.created()), now);
    let last_look = known.as_ref().map_or(Timestamp::from_millis(0), |known| known.watch.verified);
    let events = |kind: Vec<EventKind>| -> Vec<Event> {
        let events = kind.into_iter().filter_map(|kind| {
            let cause = cause_of(&kind, ours, last_look, &named.cause);
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
    let verified = known
        .as_ref()
        .filter(|known| change.is_none() && known.outbox.is_empty() && known.watch.is_due(now))
        .map(|known| known.watch.unchanged(&known.snapshot, thresholds, now));
    let mut outbox = known.map(|known| known.outbox).unwrap_or_default();
    outbox.extend(change.iter().flat_map(|(_, events)| events.iter().cloned()));
    Some(Plan { change, outbox, version, verified })
}

/// An action of ours where it left this trace since the last look, else what made us look.
fn cause_of(kind: &EventKind, ours: &OwnChanges, last_look: Timestamp, look: &Cause) -> Cause {
    let chain = ours.chain_of(kind, last_look).map(<[_]>::to_vec);
    chain.map_or_else(|| look.clone(), |chain| Cause::Action { hint: look.hint().clone(), chain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::ActionId;
    use automations::model::own_changes::{Attribution, ChangeMark};
    use automations::testing;
    use std::time::Duration;

    fn north() -> OrganisationId {
        OrganisationId::parse("north").unwrap()
    }

    fn cause() -> Cause {
        testing::stage_changed("a", "b").cause
    }

    fn named() -> RequestedTicket {
        RequestedTicket { cause: cause(), is_new: false }
    }

    fn seen(stage: &str) -> Seen {
        let event = testing::stage_changed("Lead", stage);
        Seen { ticket: event.ticket().unwrap().clone(), name_digest: "d".into() }
    }

    fn known(stage: &str, outbox: Vec<Event>) -> Known {
        let snapshot = change(None, Some(seen(stage)), false).unwrap().snapshot;
        Known { snapshot, outbox, watch: CheckSchedule::published(Timestamp::from_millis(0)) }
    }

    fn planned(known: Option<Known>, seen: Option<Seen>) -> Option<Plan> {
        plan(
            &north(),
            known,
            seen,
            &named(),
            &OwnChanges::default(),
            &StageAgeThresholds::default(),
            Timestamp::from_millis(5),
        )
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

    #[test]
    fn only_a_look_that_was_due_and_found_nothing_is_noted() {
        let due = |now: u64, stage: &str, outbox: Vec<Event>| {
            let now = Timestamp::from_millis(now);
            let known = Some(known("Approved", outbox));
            let (ours, thresholds) = (OwnChanges::default(), StageAgeThresholds::default());
            plan(&north(), known, Some(seen(stage)), &named(), &ours, &thresholds, now).unwrap().verified
        };
        let hour = 3_600_000;
        assert!(
            due(hour, "Approved", vec![]).is_some_and(|watch| watch.due == Timestamp::from_millis(3 * hour))
        );
        assert_eq!(due(hour - 1, "Approved", vec![]), None, "a duplicate webhook costs no write");
        assert_eq!(due(hour, "Settled", vec![]), None);
        assert_eq!(due(hour, "Approved", vec![testing::stage_changed("a", "b")]), None);
    }

    #[test]
    fn a_ticket_that_is_neither_known_nor_seen_has_no_plan() {
        assert_eq!(planned(None, None), None);
    }

    #[test]
    fn a_change_of_ours_carries_the_chain_that_led_to_it_and_others_of_the_same_look_do_not() {
        let chain = vec![ActionId::parse("e.h.0").unwrap(), ActionId::parse("f.h.0").unwrap()];
        let mut after = seen("Settled");
        let stage = ChangeMark::stage(&after.ticket.stage.id);
        after.ticket.owner = None;
        let left = Attribution { chain: chain.clone(), at: Timestamp::from_millis(1) };
        let ours = OwnChanges([(stage, left)].into());
        let plan = plan(
            &north(),
            Some(known("Approved", vec![])),
            Some(after),
            &named(),
            &ours,
            &StageAgeThresholds::default(),
            Timestamp::from_millis(5),
        );
        let outbox = plan.unwrap().outbox;
        let chains: Vec<_> = outbox.iter().map(|event| (event.kind.name(), event.chain())).collect();
        assert_eq!(chains, [("ticket.stage_changed", &chain[..]), ("ticket.owner_changed", &[])]);
        assert_eq!(outbox[0].cause.hint(), cause().hint());
    }

    #[test]
    fn a_mark_that_is_passed_is_an_event_of_the_look_with_its_cause_and_is_not_told_again() {
        let at = |days: u64| Timestamp::from_seconds(days * 86_400);
        let look = |known: Known, stage: &str, days: u64| {
            let thresholds = "3,7".parse().unwrap();
            plan(
                &north(),
                Some(known),
                Some(seen(stage)),
                &named(),
                &OwnChanges::default(),
                &thresholds,
                at(days),
            )
            .unwrap()
        };
        let mut start = known("Approved", vec![]);
        start.snapshot.stage_since = Some(at(0));
        let passed = look(start.clone(), "Approved", 3);
        assert_eq!((kinds(&passed), &passed.outbox[0].cause), (vec!["ticket.stage_aged"], &cause()));
        assert_eq!((passed.version, passed.verified), (2, None));
        let snapshot = passed.change.clone().unwrap().0;
        let again = look(Known { snapshot, outbox: vec![], ..start.clone() }, "Approved", 4);
        assert_eq!((again.change, again.verified.unwrap().due), (None, at(4).later(Duration::from_hours(2))));
        assert_eq!(kinds(&look(start.clone(), "Settled", 3)), ["ticket.stage_changed"]);
        assert_eq!(look(start.clone(), "Approved", 3).outbox[0].id, look(start, "Approved", 3).outbox[0].id);
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
