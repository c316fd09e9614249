use super::*;
use crate::model::diff::change;
use crate::model::snapshot::Seen;
use crate::testing;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn snapshot(active: bool) -> Snapshot {
    let ticket = crate::Ticket { active: Some(active), ..testing::ticket() };
    change(None, Some(Seen::without_fields(ticket, "d")), false).unwrap().snapshot
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ticket(number: u32) -> TicketId {
    TicketId::parse(format!("t-{number}")).unwrap()
}

fn planned(snapshot: &Snapshot, thresholds: &str, now: Timestamp) -> CheckSchedule {
    CheckSchedule::planned(snapshot, &thresholds.parse().unwrap(), now)
}

#[test]
fn a_ticket_is_checked_daily_and_monthly_while_it_is_switched_off_and_daily_again() {
    let now = at("2026-11-25T09:30:00Z");
    let slot = |active| planned(&snapshot(active), "", now).slot.unwrap();
    let (on, off) = (slot(true), slot(false));
    assert!(on.to_string().starts_with("day#") && off.to_string().starts_with("month#"));
    assert_eq!(slot(true), on, "the same one as before");
    let gone = Snapshot { gone: true, ..snapshot(true) };
    assert_eq!(planned(&gone, "", now).slot, Some(off));
    assert_eq!((Rhythm::Daily.slices(), Rhythm::Monthly.slices()), (144, 4_320));
}

#[test]
fn a_new_version_changes_nothing_of_a_schedule_but_when_it_was_stored() {
    let first = planned(&snapshot(true), "", at("2026-11-25T09:30:00Z"));
    let other = Snapshot { ticket: crate::Ticket { version: 9, ..testing::ticket() }, ..snapshot(true) };
    let next = planned(&other, "", at("2026-12-24T23:59:59Z"));
    assert!(first.is_like(&next) && first.stored_at < next.stored_at);
}

#[test]
fn tickets_are_spread_over_all_slots() {
    let slots: BTreeSet<Slot> = (0..2_000).map(|number| Slot::of(&ticket(number), Rhythm::Daily)).collect();
    assert_eq!(slots.len(), 144);
    let months = (0..2_000).map(|number| Slot::of(&ticket(number), Rhythm::Monthly));
    assert!(months.collect::<BTreeSet<_>>().len() > 1_500);
}

#[test]
fn a_threshold_has_a_time_of_its_own_only_if_no_regular_check_comes_before_it() {
    let since = at("2026-11-20T12:00:00Z");
    let snapshot = Snapshot { stage_since: Some(since), ..snapshot(true) };
    let threshold = since.later(Duration::from_hours(72));
    let extra = |hours_before: u64| {
        planned(&snapshot, "3", threshold.earlier(Duration::from_hours(hours_before))).extra
    };
    let day_before = (1..=24).filter(|hours| extra(*hours).is_some()).max().unwrap();
    assert!((1..24).contains(&day_before), "the last regular check before it, and those after that one");
    assert!((1..=day_before).all(|hours| extra(hours) == Some(threshold)));
    assert!((day_before + 1..=72).all(|hours| extra(hours).is_none()));
    let off = Snapshot { ticket: crate::Ticket { active: Some(false), ..testing::ticket() }, ..snapshot };
    assert_eq!(planned(&off, "3", threshold.earlier(Duration::from_mins(1))).extra, None);
}

#[test]
fn the_next_check_is_the_first_of_all_kinds() {
    let stored_at = at("2026-11-25T09:34:00Z");
    let schedule = |extra| CheckSchedule { stored_at, slot: Some("day#0".parse().unwrap()), extra };
    let next = |now: &str, extra: Option<&str>| schedule(extra.map(at)).next_check(at(now)).to_string();
    assert_eq!(next("2026-11-25T09:34:00Z", None), "2026-11-25T10:40:00.000Z", "an hour after the change");
    assert_eq!(next("2026-11-25T17:00:00Z", None), "2026-11-26T00:10:00.000Z", "the regular one");
    assert_eq!(next("2026-11-26T00:05:00Z", None), "2026-11-26T00:10:00.000Z", "its slice has begun");
    assert_eq!(next("2026-11-26T00:10:00Z", None), "2026-11-26T00:40:00.000Z", "15 hours after the change");
    assert_eq!(next("2026-11-27T00:10:00Z", None), "2026-11-28T00:10:00.000Z");
    let extra = Some("2026-11-25T10:00:00Z");
    assert_eq!(next("2026-11-25T09:34:00Z", extra), "2026-11-25T10:00:00.000Z");
}

proptest! {
    #[test]
    fn a_slot_is_read_back_and_its_next_check_is_within_a_round(number in any::<u32>(), seconds in 0_u64..4_000_000_000, daily in any::<bool>()) {
        let rhythm = if daily { Rhythm::Daily } else { Rhythm::Monthly };
        let slot = Slot::of(&ticket(number), rhythm);
        prop_assert_eq!(slot.to_string().parse(), Ok(slot));
        let now = Timestamp::from_seconds(seconds);
        let next = slot.next_check(now);
        prop_assert!(next > now && next.since(now) <= rhythm.round());
        prop_assert_eq!(Slice::of(next.earlier(Duration::from_millis(1))).slot(rhythm), slot);
    }

    #[test]
    fn what_is_not_a_slot_is_none(text in "(day|month|year)?#?[0-9]{0,6}") {
        if let Ok(slot) = text.parse::<Slot>() {
            let (rhythm, number) = text.split_once('#').unwrap();
            let canonical = format!("{rhythm}#{}", number.parse::<u64>().unwrap());
            prop_assert_eq!(slot.to_string(), canonical);
        }
    }
}
