use super::*;
use crate::id::{HintId, OwnerId};
use crate::json::{from_json, to_json};
use crate::model::event::EventKind;
use crate::testing::a_ticket;
use proptest::prelude::*;

fn second(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000_u64.saturating_add(second))
}

/// The label that a version of the ticket brings.
fn labelled(version: u64, at: Timestamp) -> Event {
    let mut event = a_ticket().gets_label(&format!("l-{}", version % 3));
    if let EventKind::LabelAdded { ticket, .. } = &mut event.kind {
        ticket.version = version;
    }
    event.id = EventId::parse(format!("e-{version}")).unwrap();
    event.observed_at = at;
    event
}

fn five_minutes() -> (Until, Speed) {
    (Until::QuietPeriod("5m".parse().unwrap()), Speed::default())
}

fn add(deferral: &mut Deferral, version: u64, at: u64) -> Timestamp {
    deferral.add("h", &labelled(version, second(at)), five_minutes(), second(at))
}

#[test]
fn ten_edits_in_two_minutes_are_one_event_five_minutes_after_the_last() {
    let mut deferral = Deferral::default();
    for edit in 0..10 {
        add(&mut deferral, edit + 2, edit * 13);
    }
    let due_at = second(9 * 13 + 300);
    assert_eq!(deferral.due_at(), Some(due_at));
    assert!(!deferral.end(due_at.earlier(Duration::from_secs(1))) && deferral.unpublished(due_at).is_none());
    assert!(deferral.end(due_at) && !deferral.end(due_at), "once");
    let event = deferral.unpublished(due_at).unwrap();
    let collapsed = event.collapsed().unwrap();
    assert_eq!((collapsed.count, collapsed.changes.len(), collapsed.first_at), (10, 3, second(0)));
    assert_eq!((collapsed.handler.as_str(), event.cause.by()), ("h", "quiet_period"));
    assert_eq!(event.ticket().unwrap().version, 11, "the newest one");
    assert_eq!((event.observed_at, event.resent), (second(9 * 13), None));
    assert_eq!(from_json::<Event>(to_json(&event).as_bytes()), Ok(event));
}

#[test]
fn a_ticket_that_never_rests_is_decided_on_after_four_periods() {
    let mut deferral = Deferral::default();
    let times = (0_u64..30).map(|minute| (minute, add(&mut deferral, minute + 2, minute * 60)));
    let latest = times.map(|(_, until)| until).max();
    assert_eq!(latest, Some(second(20 * 60)));
    assert!(deferral.end(second(20 * 60)));
}

#[test]
fn what_comes_while_an_event_is_not_published_waits_for_the_next_one() {
    let mut deferral = Deferral::default();
    add(&mut deferral, 2, 0);
    assert!(deferral.end(second(300)));
    let first = deferral.unpublished(second(300)).unwrap();
    add(&mut deferral, 3, 310);
    assert_eq!(deferral.due_at(), Some(second(300)), "the first is still to be published");
    assert!(!deferral.end(second(9_999)), "and until it is, nothing else is");
    let mut other = deferral.clone();
    other.published(&EventId::parse("another").unwrap());
    assert_eq!(other, deferral);
    deferral.published(&first.id);
    assert_eq!(deferral.due_at(), Some(second(610)));
    assert!(deferral.end(second(610)));
    let next = deferral.unpublished(second(610)).unwrap();
    assert_eq!(next.collapsed().map(|collapsed| collapsed.count), Some(1));
    assert_ne!(next.id, first.id);
}

/// B9 of the AWS facts: after five minutes SNS would take it for a first one.
#[test]
fn an_event_that_may_have_been_published_minutes_ago_says_so_and_keeps_its_id() {
    let mut deferral = Deferral::default();
    add(&mut deferral, 2, 0);
    assert!(deferral.end(second(300)));
    let at = |after: u64| deferral.unpublished(second(300 + after)).unwrap();
    assert_eq!((at(0), at(239).resent), (at(60), None));
    assert_eq!((at(240).resent, at(9_999)), (Some(Resent::at(second(300))), at(240)));
    assert_eq!(at(240).id, at(0).id);
}

#[test]
fn an_older_event_that_comes_late_is_counted_and_is_not_the_newest() {
    let mut deferral = Deferral::default();
    add(&mut deferral, 7, 0);
    add(&mut deferral, 3, 5);
    assert!(deferral.end(second(900)));
    let event = deferral.unpublished(second(900)).unwrap();
    assert_eq!((event.ticket().unwrap().version, event.collapsed().unwrap().count), (7, 2));
}

/// Handlers that respond to each other once in five minutes are a loop too.
#[test]
fn the_longest_chain_of_what_waited_is_that_of_the_event() {
    let mut deferral = Deferral::default();
    let chain: Vec<ActionId> = ["e.h.0", "f.h.0"].map(|id| id.parse().unwrap()).to_vec();
    let hint = HintId::parse("r.0").unwrap();
    let ours = Event { cause: Cause::Action { hint, chain: chain.clone() }, ..labelled(2, second(0)) };
    deferral.add("h", &ours, five_minutes(), second(0));
    add(&mut deferral, 3, 1);
    assert!(deferral.end(second(900)));
    assert_eq!(deferral.unpublished(second(900)).unwrap().chain(), chain);
}

#[test]
fn a_faster_clock_shortens_the_wait() {
    let period = (five_minutes().0, "1m/s".parse().unwrap());
    let until = Deferral::default().add("h", &labelled(2, second(0)), period, second(0));
    assert_eq!(until, second(5));
}

/// What happens to a ticket and its deferral.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A change, this many seconds later.
    Change(u64),
    /// The message of the last change is delivered again: the step of its action says that it was added.
    Duplicate,
    /// The reconciler and event-enricher run, this many seconds later; the latter may crash before it publishes, or after.
    Sweep(u64, Crash),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    No,
    BeforePublishing,
    BeforeItIsNoted,
}

fn step() -> impl Strategy<Value = Step> {
    let crash = prop_oneof![
        4 => Just(Crash::No),
        1 => Just(Crash::BeforePublishing),
        1 => Just(Crash::BeforeItIsNoted),
    ];
    prop_oneof![
        4 => (0_u64..900).prop_map(Step::Change),
        1 => Just(Step::Duplicate),
        3 => (0_u64..200, crash).prop_map(|(later, crash)| Step::Sweep(later, crash)),
    ]
}

/// Published events, once for each id, by when they were first published.
type Published = Vec<(Timestamp, Event)>;
/// The versions of the ticket, by when they were found.
type Changes = Vec<(Timestamp, u64)>;

fn run(steps: &[Step]) -> (Published, Changes) {
    let (mut deferral, mut now) = (Deferral::default(), second(0));
    let (mut published, mut changes) = (Published::new(), Changes::new());
    let end = [Step::Sweep(100_000, Crash::No), Step::Sweep(100_000, Crash::No)];
    for step in steps.iter().chain(&end) {
        match *step {
            Step::Change(later) => {
                now = now.later(Duration::from_secs(later));
                let version = u64::try_from(changes.len()).unwrap().saturating_add(2);
                deferral.add("h", &labelled(version, now), five_minutes(), now);
                changes.push((now, version));
            }
            Step::Duplicate => {}
            Step::Sweep(later, crash) => {
                now = now.later(Duration::from_secs(later));
                for _ in 0..2 {
                    deferral.end(now);
                    // It is stored now.
                    deferral = from_json(to_json(&deferral).as_bytes()).unwrap();
                    let Some(event) = deferral.unpublished(now).filter(|_| crash != Crash::BeforePublishing)
                    else {
                        break;
                    };
                    if published.iter().all(|(_, other)| other.id != event.id) {
                        published.push((now, event.clone()));
                    }
                    if crash == Crash::BeforeItIsNoted {
                        break;
                    }
                    deferral.published(&event.id);
                }
            }
        }
    }
    assert_eq!(deferral.due_at(), None, "nothing is left");
    (published, changes)
}

proptest! {
    #[test]
    fn every_change_is_in_exactly_one_event_in_order_and_no_event_is_without_a_reason(steps in prop::collection::vec(step(), 0..60)) {
        let (published, changes) = run(&steps);
        let counts: Vec<usize> =
            published.iter().map(|(_, event)| event.collapsed().unwrap().count.try_into().unwrap()).collect();
        prop_assert_eq!(counts.iter().sum::<usize>(), changes.len());
        let mut rest = changes.as_slice();
        for ((at, event), count) in published.iter().zip(counts) {
            let (own, later) = rest.split_at(count);
            rest = later;
            prop_assert_eq!(event.ticket().unwrap().version, own.last().unwrap().1);
            // Between two of its changes there was no rest that a sweep could have seen, and it was left alone, or for too long not.
            let (first, last) = (own[0].0, own.last().unwrap().0);
            let is_left_alone = at.since(last) >= Duration::from_mins(5);
            prop_assert!(is_left_alone || at.since(first) >= Duration::from_mins(20), "{first} {last} {at}");
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn without_a_fault_there_are_at_most_as_many_events_as_rests(gaps in prop::collection::vec(0_u64..700, 1..40)) {
        // A sweep after each minute.
        let mut steps = Vec::new();
        for gap in &gaps {
            steps.extend((0..gap / 60).map(|_| Step::Sweep(60, Crash::No)));
            steps.push(Step::Change(gap % 60));
        }
        let (published, _) = run(&steps);
        let rests = gaps.iter().skip(1).filter(|gap| **gap >= 300).count().saturating_add(1);
        let time = gaps.iter().sum::<u64>();
        // One more for each four periods without a rest.
        let most = rests.saturating_add(usize::try_from(time / (20 * 60)).unwrap());
        prop_assert!((1..=most).contains(&published.len()), "{} of {most}", published.len());
    }
}

fn of_owner() -> (Until, Speed) {
    (Until::Collect("owner 17:00 Australia/Brisbane".parse().unwrap()), Speed::default())
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn of_ticket(ticket: &str) -> Event {
    let mut event = a_ticket().with_id(ticket).owned_by("owner-7").moves_to("Settled");
    event.id = EventId::parse(format!("of-{ticket}")).unwrap();
    event
}

#[test]
fn what_is_collected_is_one_event_at_its_time_and_after_an_outage_once_with_how_late() {
    for (ends, late_by) in [("2026-11-25T07:00:00Z", 0), ("2026-11-27T07:00:30Z", 2 * 86_400 + 30)] {
        let mut deferral = Deferral::default();
        for (ticket, at) in [
            ("t-1", "2026-11-24T08:00:00Z"),
            ("t-2", "2026-11-25T01:00:00Z"),
            ("t-1", "2026-11-25T06:59:59Z"),
        ] {
            let due_at = deferral.add("h", &of_ticket(ticket), of_owner(), time(at));
            assert_eq!(due_at, time("2026-11-25T07:00:00Z"), "17:00 in Brisbane");
        }
        assert!(!deferral.end(time("2026-11-25T06:59:59.999Z")) && deferral.end(time(ends)));
        let event = deferral.unpublished(time(ends)).unwrap();
        let list = event.collected().unwrap();
        assert_eq!((event.cause.by(), event.deferred_by(), list.count), ("collection", Some("h"), 3));
        assert_eq!((list.owner.as_ref().map(OwnerId::as_str), list.late_by), (Some("owner-7"), late_by));
        let tickets: Vec<_> = list.tickets.iter().map(|known| known.ticket().unwrap().id.as_str()).collect();
        assert_eq!((tickets, event.ticket().unwrap().id.as_str()), (vec!["t-2", "t-1"], "t-1"));
        assert_eq!(event.changes().count(), 1, "its own");
        assert_eq!(from_json::<Event>(to_json(&event).as_bytes()), Ok(event.clone()));
        deferral.published(&event.id);
        assert_eq!(deferral.due_at(), None, "nothing when there is nothing");
        assert_eq!(
            deferral.add("h", &of_ticket("t-3"), of_owner(), time(ends)),
            time(ends).later(Duration::from_secs(86_400 - late_by % 86_400))
        );
    }
}

#[test]
fn an_erased_ticket_leaves_the_list_unless_its_event_is_being_published() {
    let mut deferral = Deferral::default();
    for ticket in ["t-1", "t-2"] {
        deferral.add("h", &of_ticket(ticket), of_owner(), second(0));
    }
    assert!(deferral.forget(&"t-2".parse().unwrap()));
    assert!(!to_json(&deferral).contains("t-2") && deferral.waiting().map(Waiting::count) == Some(1));
    assert!(deferral.end(second(100_000)) && !deferral.forget(&"t-1".parse().unwrap()));
    let mut alone = Deferral::default();
    alone.add("h", &of_ticket("t-1"), of_owner(), second(0));
    assert!(alone.forget(&"t-1".parse().unwrap()) && alone.due_at().is_none());
}

proptest! {
    /// Any tickets at any times, and sweeps at any times: each event is in one list, and a list ends at its time of day.
    #[test]
    fn each_event_is_in_one_list_and_no_list_is_empty(steps in prop::collection::vec((0_u64..40_000, prop::option::of(0_u8..5)), 1..60)) {
        let (mut deferral, mut now) = (Deferral::default(), second(0));
        let (mut added, mut listed) = (0_u32, 0_u32);
        let last = [(200_000, None)];
        for (later, ticket) in steps.into_iter().chain(last) {
            now = now.later(Duration::from_secs(later));
            match ticket {
                Some(ticket) => {
                    deferral.add("h", &of_ticket(&format!("t-{ticket}")), of_owner(), now);
                    added = added.saturating_add(1);
                }
                None if deferral.end(now) => {
                    let event = deferral.unpublished(now).unwrap();
                    let list = event.collected().unwrap();
                    prop_assert!(list.count > 0 && list.due_at <= now && list.due_at.as_seconds() % 86_400 == 7 * 3_600);
                    prop_assert_eq!(list.late_by, now.since(list.due_at).as_secs());
                    prop_assert_eq!(list.tickets.iter().map(|known| known.count).sum::<u32>().saturating_add(list.left_out), list.count);
                    listed = listed.saturating_add(list.count);
                    deferral.published(&event.id);
                }
                None => {}
            }
        }
        prop_assert_eq!((listed, deferral.due_at()), (added, None));
    }
}
