use super::*;
use crate::model::diff::change;
use crate::model::event::AgeUnit;
use crate::model::reminder::{Region, Zone, business_days_after};
use crate::model::snapshot::Seen;
use crate::testing::{Draft, a_ticket};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const DAY: u64 = 24 * 3_600_000;
const NONE: [u16; 0] = [];

fn of_days(days: &[u16]) -> StageAgeThresholds {
    let text: Vec<String> = days.iter().map(ToString::to_string).collect();
    text.join(",").parse().unwrap()
}

fn refined(rules: &str) -> StageAgeThresholds {
    "3".parse::<StageAgeThresholds>().unwrap().refined(rules.parse().unwrap())
}

fn millis(text: &str) -> u64 {
    text.parse::<Timestamp>().unwrap().as_millis()
}

/// Checks at `at` a ticket in this stage; returns the thresholds of the events, and stores the snapshot in `before`.
fn check(
    before: &mut Option<Snapshot>,
    stage: &str,
    active: bool,
    thresholds: &StageAgeThresholds,
    at: u64,
) -> Vec<u16> {
    let draft = a_ticket().in_stage(stage);
    let ticket = if active { draft } else { draft.switched_off() }.ticket();
    let seen = Seen::without_fields(ticket, "d");
    let found = change(before.as_ref(), Some(seen), false);
    let Some(change) = thresholds.apply(before.as_ref(), found, Timestamp::from_millis(at)) else {
        return Vec::new();
    };
    let aged = |kind: &EventKind| match kind {
        EventKind::StageAged { days, ticket, .. } => {
            assert_eq!(ticket.version, change.snapshot.ticket.version);
            Some(*days)
        }
        _ => None,
    };
    let announced = change.kind.iter().filter_map(aged).collect();
    *before = Some(change.snapshot);
    announced
}

#[test]
fn a_snapshot_that_does_not_know_since_when_begins_now_and_without_marks_nothing_is_stored() {
    let thresholds: StageAgeThresholds = "3".parse().unwrap();
    let old = change(None, Some(Seen::without_fields(a_ticket().ticket(), "d")), false);
    let old = old.unwrap().snapshot;
    assert_eq!(StageAgeThresholds::default().apply(Some(&old), None, Timestamp::from_millis(1)), None);
    let begun = thresholds.apply(Some(&old), None, Timestamp::from_millis(5)).unwrap();
    assert_eq!((begun.snapshot.stage_since, begun.kind.len()), (Some(Timestamp::from_millis(5)), 0));
    assert_eq!(thresholds.apply(Some(&begun.snapshot), None, Timestamp::from_millis(9)), None, "once");
    let text = crate::json::to_json(&old).replace(r#","stage_since":null,"aged":0"#, "");
    assert_eq!(crate::json::from_json::<Snapshot>(text.as_bytes()).unwrap(), old, "as it was stored before");
}

#[test]
fn marks_that_are_passed_at_once_are_told_at_once_and_a_new_stage_begins_anew() {
    let (thresholds, mut known) = ("7,3,14".parse().unwrap(), None);
    assert_eq!(check(&mut known, "a", true, &thresholds, 0), NONE);
    assert_eq!(thresholds.next(known.as_ref().unwrap()), Some(Timestamp::from_millis(3 * DAY)));
    assert_eq!(check(&mut known, "a", true, &thresholds, 8 * DAY), [3, 7]);
    assert_eq!(check(&mut known, "a", true, &thresholds, 14 * DAY - 1), NONE);
    assert_eq!(check(&mut known, "a", true, &thresholds, 14 * DAY), [14]);
    assert_eq!(thresholds.next(known.as_ref().unwrap()), None);
    assert_eq!(check(&mut known, "b", true, &thresholds, 15 * DAY), NONE);
    assert_eq!(check(&mut known, "b", true, &thresholds, 18 * DAY), [3]);
    assert_eq!(check(&mut known, "a", true, &thresholds, 30 * DAY), NONE, "it did not age while it was away");
}

/// A first check of a ticket at this time; returns when it passes its next threshold.
fn first_threshold(thresholds: &StageAgeThresholds, ticket: Draft, at: &str) -> Option<String> {
    let seen = Seen::without_fields(ticket.ticket(), "d");
    let found = change(None, Some(seen), false);
    let known = thresholds.apply(None, found, at.parse().unwrap()).unwrap();
    Some(thresholds.next(&known.snapshot)?.to_string())
}

#[test]
fn the_first_rule_that_fits_a_ticket_is_its_own() {
    let thresholds = refined(
        r#"[
            {"workflow": "Home loans", "stage": "Application", "days": [1]},
            {"stage": "Application", "days": [2]},
            {"workflow": "Archive", "days": []},
            {"stage": "Never", "days": [9]}
        ]"#,
    );
    let after = |workflow: &str, stage: &str| {
        let ticket = a_ticket().in_workflow(workflow).in_stage(stage);
        let next = first_threshold(&thresholds, ticket, "2026-11-01T00:00:00Z");
        next.map(|next| next[8..10].to_owned())
    };
    assert_eq!(after("Home loans", "Application").as_deref(), Some("02"));
    assert_eq!(after("Refinance", "Application").as_deref(), Some("03"));
    assert_eq!(after("Home loans", "Approved").as_deref(), Some("04"), "StageAgeDays");
    assert_eq!(after("Archive", "Never"), None, "an earlier rule has no thresholds");
}

/// A ticket that rests while people rename its stage, and the rule with it.
#[test]
fn a_ticket_in_a_renamed_stage_has_the_rule_of_the_new_name() {
    let thresholds = refined(r#"[{"stage": "Assessment", "days": [1]}]"#);
    let ticket = |name: &str| {
        let mut ticket = a_ticket().in_stage("Lender assessment").ticket();
        ticket.stage.name = Some(name.to_owned());
        Seen::without_fields(ticket, "d")
    };
    let begun = "2026-11-01T00:00:00Z".parse().unwrap();
    let known = thresholds.apply(None, change(None, Some(ticket("Lender assessment")), false), begun);
    let known = known.unwrap().snapshot;
    let found = change(Some(&known), Some(ticket("Assessment")), false);
    let renamed = thresholds.apply(Some(&known), found, begun.later(Duration::from_hours(1))).unwrap();
    let next = thresholds.next(&renamed.snapshot).unwrap().to_string();
    assert_eq!((renamed.kind, next), (vec![], "2026-11-02T00:00:00.000Z".to_owned()));
}

/// 2026-12-25 and 2026-12-28 (for Boxing Day) are holidays in New South Wales, and daylight saving began there on 4 October.
#[test]
fn business_days_leave_out_weekends_and_holidays_and_keep_the_time_of_day() {
    let rules = |days: u16, zone: &str, region: &str| {
        refined(&format!(r#"[{{"business_days": [{days}], "zone": "{zone}", "region": "{region}"}}]"#))
    };
    let next =
        |thresholds: &StageAgeThresholds, at: &str| first_threshold(thresholds, a_ticket(), at).unwrap();
    let sydney = |days| rules(days, "Australia/Sydney", "au-nsw");
    // From Wednesday, 23 December, 15:30 in Sydney: Thursday, then Tuesday.
    assert_eq!(next(&sydney(2), "2026-12-23T04:30:00Z"), "2026-12-29T04:30:00.000Z");
    // From Saturday, 3 October, 10:00, to Tuesday, 10:00: Monday is Labour Day there, and clocks were put forward.
    assert_eq!(next(&sydney(1), "2026-10-03T00:00:00Z"), "2026-10-05T23:00:00.000Z");
    let brisbane = rules(2, "Australia/Brisbane", "au-qld");
    // From Friday, 2 October, 10:00: Monday, 5 October is the King's Birthday there, so Tuesday and Wednesday.
    assert_eq!(next(&brisbane, "2026-10-02T00:00:00Z"), "2026-10-07T00:00:00.000Z");
}

#[test]
fn on_a_faster_clock_a_ticket_ages_faster() {
    let thresholds = "3,7".parse::<StageAgeThresholds>().unwrap().at_speed("1d/s".parse().unwrap());
    let mut known = None;
    check(&mut known, "a", true, &thresholds, 0);
    assert_eq!(check(&mut known, "a", true, &thresholds, 2_999), NONE);
    assert_eq!(check(&mut known, "a", true, &thresholds, 3_000), [3]);
    assert_eq!(thresholds.next(known.as_ref().unwrap()), Some(Timestamp::from_millis(7_000)));
}

#[test]
fn a_passed_threshold_says_what_its_days_are() {
    let thresholds = refined(r#"[{"business_days": [1], "zone": "Australia/Perth", "region": "au-wa"}]"#);
    let at = millis("2026-11-24T04:00:00Z");
    let mut known = None;
    check(&mut known, "a", true, &thresholds, at);
    let change = thresholds.apply(known.as_ref(), None, Timestamp::from_millis(at + DAY)).unwrap();
    let [EventKind::StageAged { days: 1, unit: AgeUnit::BusinessDays, .. }] = &change.kind[..] else {
        panic!("{:?}", change.kind);
    };
}

#[test]
fn a_ticket_that_is_switched_off_ages_if_its_rule_says_so_and_one_that_is_gone_never() {
    let thresholds = refined(r#"[{"stage": "a", "days": [3], "even_if_switched_off": true}]"#);
    let aged = |stage: &str, thresholds: &StageAgeThresholds| {
        let mut known = None;
        check(&mut known, stage, false, thresholds, 0);
        check(&mut known, stage, false, thresholds, 3 * DAY)
    };
    assert_eq!(aged("a", &thresholds), [3]);
    assert_eq!(aged("b", &thresholds), NONE);
    let mut gone = None;
    check(&mut gone, "a", true, &thresholds, 0);
    let gone = Snapshot { gone: true, ..gone.unwrap() };
    assert_eq!(
        (thresholds.next(&gone), thresholds.apply(Some(&gone), None, Timestamp::from_millis(9 * DAY))),
        (None, None)
    );
}

#[test]
fn a_ticket_that_moves_after_it_was_late_resumes_once() {
    let thresholds: StageAgeThresholds = "3,7".parse().unwrap();
    let mut known = None;
    check(&mut known, "a", true, &thresholds, 0);
    let moved = |known: &Option<Snapshot>, stage: &str, at: u64| {
        let seen = Seen::without_fields(a_ticket().in_stage(stage).ticket(), "d");
        let found = change(known.as_ref(), Some(seen), false);
        thresholds.apply(known.as_ref(), found, Timestamp::from_millis(at)).unwrap()
    };
    let in_time = moved(&known, "b", 2 * DAY);
    assert!(in_time.kind.iter().all(|kind| !matches!(kind, EventKind::StageResumed { .. })));
    assert_eq!(check(&mut known, "a", true, &thresholds, 8 * DAY), [3, 7]);
    let late = moved(&known, "b", 9 * DAY);
    let [
        EventKind::StageChanged { .. },
        EventKind::StageResumed { ticket, stage, days: 7, unit: AgeUnit::Days },
    ] = &late.kind[..]
    else {
        panic!("{:?}", late.kind);
    };
    assert!(ticket.stage.is_named("b") && stage.is_named("a"));
    assert_eq!(ticket.version, late.snapshot.ticket.version);
    let again = moved(&Some(late.snapshot), "c", 10 * DAY);
    assert_eq!(again.kind.len(), 1, "in b it was not late");
    let back = Snapshot { gone: true, ..known.unwrap() };
    let back = moved(&Some(back), "b", 9 * DAY);
    assert!(
        matches!(back.kind[..], [EventKind::TicketFirstSeen { .. }]),
        "what came back was not seen to move"
    );
}

#[test]
fn a_rule_that_says_two_things_or_none_is_refused_with_its_position() {
    for (rules, path) in [
        (r#"[{"days": [1]}, {"stage": "a"}]"#, "[1]"),
        (r#"[{"days": [1], "business_days": [1], "zone": "Australia/Sydney", "region": "au-nsw"}]"#, "[0]"),
        (r#"[{"business_days": [1], "zone": "Australia/Sydney"}]"#, "[0]"),
        (r#"[{"business_days": [1], "region": "au-nsw"}]"#, "[0]"),
        (r#"[{"days": [1], "region": "au-nsw"}]"#, "[0]"),
        (r#"[{"days": [0]}]"#, "[0]"),
        (r#"[{"days": [10000]}]"#, "[0]"),
        (r#"[{"days": [1], "label": "x"}]"#, "[0]"),
        (r#"{"days": [1]}"#, "."),
        ("3,7", "line 1"),
    ] {
        let error = rules.parse::<StageAgeRules>().unwrap_err().to_string();
        assert!(error.contains(path) && error.contains("expected a list of rules"), "{rules}: {error}");
    }
}

proptest! {
    /// Whenever the ticket is checked: after each check, exactly the thresholds that the stay has passed had an event, each
    /// of them once.
    #[test]
    fn each_mark_is_told_once_in_each_stay(
        thresholds in proptest::collection::btree_set(1_u16..20, 0..5),
        checks in proptest::collection::vec((0_u64..6 * DAY, "[ab]", proptest::bool::weighted(0.8)), 1..40),
    ) {
        let days: Vec<u16> = thresholds.into_iter().collect();
        let thresholds = of_days(&days);
        let (mut known, mut now, mut since, mut announced) = (None, 0_u64, 0, BTreeSet::new());
        let mut last = String::new();
        for (gap, stage, active) in checks {
            now = now.saturating_add(gap);
            if stage != last {
                (since, last) = (now, stage.clone());
                announced.clear();
            }
            let newly = check(&mut known, &stage, active, &thresholds, now);
            if !active {
                prop_assert_eq!((newly.len(), thresholds.next(known.as_ref().unwrap())), (0, None));
            }
            for days in newly {
                prop_assert!(announced.insert(days), "{days} is announced twice");
            }
            let at = |days: &u16| DAY.saturating_mul(u64::from(*days)).saturating_add(since);
            let passed = |days: &u16| at(days) <= now;
            if active {
                let expected: BTreeSet<u16> = days.iter().copied().filter(passed).collect();
                prop_assert_eq!(&announced, &expected);
                let next = days.iter().find(|days| !passed(days));
                let next = next.map(|days| Timestamp::from_millis(at(days)));
                prop_assert_eq!(thresholds.next(known.as_ref().unwrap()), next);
            }
        }
    }

    /// Any text is rules or an error that quotes none of it.
    #[test]
    fn any_text_is_rules_or_an_error(text in "(\\PC|[\\[\\]{}\",:0-9a-z_]){0,60}") {
        if let Err(error) = text.parse::<StageAgeRules>() {
            prop_assert!(error.to_string().contains("expected a list of rules"));
        }
    }

    /// The plain form and the same as a rule mean the same; only days from 1 to 9999 are accepted.
    #[test]
    fn a_list_of_days_is_read_in_both_forms(days in proptest::collection::vec(0_u16..12_000, 0..6)) {
        let text: Vec<String> = days.iter().map(ToString::to_string).collect();
        let plain = text.join(", ").parse::<StageAgeThresholds>();
        let rule = format!(r#"[{{"days": [{}]}}]"#, text.join(",")).parse::<StageAgeRules>();
        let is_valid = days.iter().all(|days| (1..=9_999).contains(days));
        prop_assert_eq!((plain.is_ok(), rule.is_ok()), (is_valid, is_valid));
        if let (Ok(plain), Ok(rule)) = (plain, rule) {
            let refined = StageAgeThresholds::default().refined(rule);
            let next = |thresholds| first_threshold(thresholds, a_ticket(), "2026-11-01T00:00:00Z");
            prop_assert_eq!(next(&plain), next(&refined));
        }
    }

    /// A later threshold is passed later, at the same time of day in its zone, and never on a day off.
    #[test]
    fn business_thresholds_are_passed_one_after_the_other_on_business_days(
        since in 1_767_225_600_000_u64..1_800_000_000_000, first in 1_u16..30, more in 1_u16..30,
    ) {
        let (zone, region) = (Zone::Sydney, Region::AuNsw);
        let since = Timestamp::from_millis(since);
        let [one, other] = [first, first.saturating_add(more)].map(|days| business_days_after(since, days, zone, region).unwrap());
        prop_assert!(since < one && one < other);
        prop_assert!(one.since(since) >= Duration::from_hours(23).saturating_mul(first.into()));
        let day = zone.date_of(one).unwrap();
        prop_assert!(region.holiday(day).is_none() && !day.is_weekend());
    }
}
