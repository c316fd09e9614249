use super::*;
use crate::model::diff::change;
use crate::model::snapshot::Seen;
use crate::model::speed::Speed;
use crate::testing::{Draft, a_ticket};
use proptest::prelude::*;
use std::time::Duration;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn reminder(when: impl Into<When>, only_while: OnlyWhile) -> Reminder {
    Reminder {
        key: "review".parse().unwrap(),
        when: when.into(),
        only_while,
        event_at: at("2026-11-25T09:00:00Z"),
        set_at: at("2026-11-25T09:00:02Z"),
        set_by: "h".to_owned(),
        action: "e.h.0".parse().unwrap(),
        speed: Speed::default(),
    }
}

fn found(draft: Draft) -> Snapshot {
    change(None, Some(Seen::without_fields(draft.ticket(), "d")), false).unwrap().snapshot
}

#[test]
fn a_reminder_waits_until_its_time_and_then_says_how_late_it_is() {
    let (reminder, ticket) = (reminder(When::after_hours(1), OnlyWhile::default()), found(a_ticket()));
    let due_at = at("2026-11-25T10:00:00Z");
    let before = due_at.earlier(Duration::from_millis(1));
    assert_eq!(reminder.judge(Some(&ticket), before), Verdict::Waits(Some(due_at)));
    assert_eq!(reminder.judge(Some(&ticket), due_at), Verdict::Due(due_at));
    let late = |by: u64| {
        let now = due_at.later(Duration::from_secs(by));
        let waiting = [reminder.clone()];
        let (change, due) = apply(&waiting, Some(&ticket), None, now);
        let change = change.unwrap();
        assert_eq!((due, change.snapshot.ticket.version), (vec![&reminder], 2));
        let [EventKind::ReminderDue { ticket, key, due_at: at, late_by, set_at, set_by }] = &change.kind[..]
        else {
            panic!("{:?}", change.kind);
        };
        assert_eq!((key.as_str(), *at, set_by.as_str(), ticket.version), ("review", due_at, "h", 2));
        assert_eq!(*set_at, reminder.set_at);
        *late_by
    };
    assert_eq!((late(0), late(30), late(3 * 86_400)), (0, 30, 259_200));
}

/// `cargo xtask dev --clock 1h/s`.
#[test]
fn on_a_faster_clock_a_reminder_comes_earlier_and_says_what_it_was_asked_for() {
    let ticket = found(a_ticket());
    let fast =
        Reminder { speed: "1h/s".parse().unwrap(), ..reminder(When::after_days(90), OnlyWhile::default()) };
    let due_at = at("2026-11-25T09:36:00Z");
    assert_eq!(fast.judge(Some(&ticket), at("2026-11-25T09:35:59Z")), Verdict::Waits(Some(due_at)));
    let (change, _) = apply(std::slice::from_ref(&fast), Some(&ticket), None, at("2026-11-25T09:36:10Z"));
    let [EventKind::ReminderDue { due_at, late_by: 10, .. }] = change.unwrap().kind[..] else {
        panic!("not due")
    };
    assert_eq!(due_at, at("2027-02-23T09:00:00Z"));
    let stored = crate::json::to_json(&fast);
    assert_eq!(crate::json::from_json::<Reminder>(stored.as_bytes()).unwrap(), fast);
    let real = reminder(When::after_days(90), OnlyWhile::default());
    assert!(!crate::json::to_json(&real).contains("speed"), "stored as before");
}

#[test]
fn due_reminders_are_in_the_version_of_the_change_that_was_found_and_the_oldest_is_first() {
    let of = |key: &str, hours: u16| Reminder {
        key: key.parse().unwrap(),
        ..reminder(When::after_hours(hours), OnlyWhile::default())
    };
    let waiting = [of("b", 2), of("c", 30), of("d", 2), of("a", 9)];
    let before = found(a_ticket().in_stage("Lead"));
    let seen = Seen::without_fields(a_ticket().in_stage("Settled").ticket(), "d");
    let moved = change(Some(&before), Some(seen), false);
    let (change, due) = apply(&waiting, Some(&before), moved, at("2026-11-25T20:00:00Z"));
    let change = change.unwrap();
    let kinds: Vec<_> =
        change.kind.iter().map(|kind| (kind.name().to_owned(), kind.subject().into_owned())).collect();
    let of = |name: &str, subject: &str| (name.to_owned(), subject.to_owned());
    let reminders = ["b", "d", "a"].map(|key| of("ticket.reminder_due", key));
    assert_eq!(kinds[0], of("ticket.stage_changed", ""));
    assert_eq!(kinds[1..], reminders);
    assert!(change.kind.iter().all(|kind| kind.ticket().unwrap().version == 2));
    assert_eq!(due.iter().map(|due| due.key.as_str()).collect::<Vec<_>>(), ["b", "d", "a"]);
}

#[test]
fn without_a_due_reminder_a_check_finds_what_it_finds() {
    let (waiting, before) = ([reminder(When::after_days(9), OnlyWhile::default())], found(a_ticket()));
    let (change, due) = apply(&waiting, Some(&before), None, at("2026-11-26T00:00:00Z"));
    assert_eq!((change, due), (None, vec![]));
    let (change, due) = apply(&waiting, None, None, at("2027-11-26T00:00:00Z"));
    assert_eq!((change, due), (None, vec![]), "a ticket that is not known");
}

/// A version's transaction has at most 100 items.
#[test]
fn more_than_forty_due_reminders_are_in_several_versions() {
    let waiting: Vec<Reminder> = (0..50_u16)
        .map(|number| Reminder {
            key: format!("r-{number}").parse().unwrap(),
            ..reminder(When::after_hours(number), OnlyWhile::default())
        })
        .collect();
    let (change, due) = apply(&waiting, Some(&found(a_ticket())), None, at("2027-11-26T00:00:00Z"));
    assert_eq!((change.unwrap().kind.len(), due.len(), due[0].key.as_str()), (40, 40, "r-0"));
}

#[test]
fn a_reminder_lapses_if_the_ticket_is_not_as_it_asks() {
    let now = at("2026-12-25T09:00:00Z");
    let lapse =
        |only_while: OnlyWhile, found: Option<Snapshot>| match reminder(When::after_days(1), only_while)
            .judge(found.as_ref(), now)
        {
            Verdict::Due(_) => None,
            Verdict::Lapsed(lapse) => Some(lapse),
            waits @ Verdict::Waits(_) => panic!("{waits:?}"),
        };
    let ticket = || found(a_ticket().in_workflow("Home loans").in_stage("Settled"));
    let with = |change: fn(&mut OnlyWhile)| {
        let mut only_while = OnlyWhile::default();
        change(&mut only_while);
        only_while
    };
    let off = |mut snapshot: Snapshot| {
        snapshot.ticket.active = Some(false);
        Some(snapshot)
    };
    let gone = Some(Snapshot { gone: true, ..ticket() });
    assert_eq!(lapse(OnlyWhile::default(), None), Some(Lapse::TicketGone));
    assert_eq!(lapse(OnlyWhile::default(), gone), Some(Lapse::TicketGone));
    assert_eq!(lapse(OnlyWhile::default(), off(ticket())), None);
    assert_eq!(lapse(with(|only| only.active = true), off(ticket())), Some(Lapse::TicketInactive));
    assert_eq!(lapse(with(|only| only.active = true), Some(ticket())), None);
    assert_eq!(lapse(with(|only| only.stage = Some("Settled".to_owned())), Some(ticket())), None);
    let in_lead = with(|only| only.stage = Some("Lead".to_owned()));
    assert_eq!(lapse(in_lead, Some(ticket())), Some(Lapse::OtherStage));
    let in_leasing = with(|only| only.workflow = Some("Leasing".to_owned()));
    assert_eq!(lapse(in_leasing, Some(ticket())), Some(Lapse::OtherWorkflow));
}

/// A moved date moves the reminder, even if the row that made it due is of the date before.
#[test]
fn a_reminder_of_a_date_field_is_judged_by_the_date_that_the_ticket_has_now() {
    let when = Day::of_field(&"settlement".parse().unwrap(), Zone::Brisbane).plus_days(-7);
    let reminder = reminder(when, OnlyWhile::default());
    let now = at("2026-12-08T00:00:00Z");
    let judge = |date: &str| reminder.judge(Some(&found(a_ticket().with_field("settlement", date))), now);
    assert!(matches!(judge("2026-12-15"), Verdict::Due(_)));
    assert_eq!(judge("2026-12-20"), Verdict::Waits(Some(at("2026-12-12T23:00:00Z"))));
    assert_eq!(judge("to be confirmed"), Verdict::Waits(None));
}

#[test]
fn a_reminder_is_stored_and_read_back() {
    let only_while = OnlyWhile { stage: Some("Settled".to_owned()), ..OnlyWhile::default() };
    let reminder = reminder(Day::of_event(Zone::Hobart).plus_months(6), only_while);
    let text = crate::json::to_json(&reminder);
    assert_eq!(crate::json::from_json::<Reminder>(text.as_bytes()).unwrap(), reminder);
}

proptest! {
    /// A year of reminders, swept at any times: also after an outage of days, also twice in a minute.
    #[test]
    fn each_reminder_is_due_once_at_the_first_sweep_after_its_time_whenever_sweeps_are(
        hours in proptest::collection::vec(0_u16..8_760, 1..60),
        gaps in proptest::collection::vec(prop_oneof![0_u64..5, 1_000_u64..6_000], 1..200),
    ) {
        let of = |(number, hours): (usize, &u16)| Reminder {
            key: format!("r-{number}").parse().unwrap(),
            ..reminder(When::after_hours(*hours), OnlyWhile::default())
        };
        let all: Vec<Reminder> = hours.iter().enumerate().map(of).collect();
        let (mut waiting, mut snapshot) = (all.clone(), found(a_ticket()));
        let (mut now, mut before) = (all[0].event_at, None);
        let mut published = std::collections::BTreeMap::new();
        let end = now.later(Duration::from_hours(8_761));
        let sweeps = gaps.into_iter().map(Some).chain([None, None]);
        for gap in sweeps {
            now = gap.map_or(end, |minutes| now.later(Duration::from_mins(minutes)).min(end));
            let (change, due) = apply(&waiting, Some(&snapshot), None, now);
            let due: Vec<ReminderKey> = due.into_iter().map(|due| due.key.clone()).collect();
            let events = change.iter().flat_map(|change| &change.kind);
            let mut last = None;
            for event in events {
                let EventKind::ReminderDue { key, due_at, late_by, .. } = event else { panic!("{event:?}") };
                prop_assert!(*due_at <= now && last.is_none_or(|last| last <= *due_at));
                let own = all.iter().find(|reminder| reminder.key == *key).and_then(|own| own.due_at(None));
                prop_assert_eq!((Some(*due_at), *late_by), (own, now.since(*due_at).as_secs()));
                prop_assert!(published.insert(key.clone(), (*due_at, before)).is_none(), "twice: {}", key);
                last = Some(*due_at);
            }
            waiting.retain(|reminder| !due.contains(&reminder.key));
            snapshot = change.map_or(snapshot, |change| change.snapshot);
            // Forty are in a version; the others are due at the next sweep.
            before = (due.len() < MAX_DUE).then_some(now);
        }
        prop_assert_eq!(published.len(), all.len());
        for (due_at, sweep_before) in published.values() {
            prop_assert!(sweep_before.is_none_or(|sweep| sweep < *due_at), "an earlier sweep missed it");
        }
    }
}
