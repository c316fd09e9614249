use super::*;
use crate::id::TicketId;
use crate::model::diff::change;
use crate::model::snapshot::Seen;
use crate::store::fake_table::{FakeTable, Fault};
use crate::store::{JournalEntry, Known, key_text};
use crate::testing::{Draft, a_ticket};
use proptest::prelude::*;
use serde_json::{Value, json};

fn north() -> OrganisationId {
    OrganisationId::parse("north").unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn ticket(number: usize) -> Draft {
    a_ticket().with_id(&format!("5f0c8e6a-3b1d-5c59-9d0a-6f2f6a1c{number:04}"))
}

fn id(number: usize) -> TicketId {
    ticket(number).ticket().id
}

/// The next version of a ticket, which is in this stage, with its events.
fn next(known: Option<&Known>, draft: Draft, now: Timestamp) -> (Snapshot, Vec<Event>) {
    let seen = Seen::without_fields(draft.ticket(), "d");
    let found = change(known.map(|known| &known.snapshot), Some(seen), false).unwrap();
    let cause = crate::testing::stage_changed("a", "b").cause;
    let events = found.kind.into_iter().filter_map(|kind| Event::of_change(&north(), now, &cause, kind));
    (found.snapshot, events.collect())
}

fn version<'a>(snapshot: &'a Snapshot, events: &'a [Event], outbox: &'a [Event]) -> Version<'a> {
    Version { snapshot, events, outbox, reminders: &[], extra_check: None }
}

async fn known(store: &Store, number: usize) -> Option<Known> {
    let known = store.known(&north(), &[id(number)]).await.unwrap().remove(&id(number));
    known.map(|known| known.unwrap())
}

/// Stores first versions of this number of tickets.
async fn stored(table: &FakeTable, count: usize) -> Vec<Result<EntryState, Error>> {
    let all: Vec<_> = (0..count).map(|number| next(None, ticket(number), at(1))).collect();
    let versions: Vec<_> = all.iter().map(|(snapshot, events)| version(snapshot, events, events)).collect();
    table.store().write_each(&north(), &versions, at(1)).await
}

#[tokio::test]
async fn as_many_versions_as_a_batch_has_hints_cost_no_transaction() {
    let count = async |count| {
        let table = FakeTable::default();
        let states = stored(&table, count).await;
        (states.into_iter().map(Result::unwrap).collect::<Vec<_>>(), table.requests())
    };
    assert_eq!(count(1).await, (vec![EntryState::Missing], vec!["PutItem"]));
    assert_eq!(count(25).await, (vec![EntryState::Missing; 25], vec!["BatchExecuteStatement"]));
    assert_eq!(count(100).await, (vec![EntryState::Missing; 100], vec!["BatchExecuteStatement"; 4]));
    assert_eq!(count(101).await, (vec![EntryState::Stored; 101], vec!["TransactWriteItems"; 3]));
}

/// A real ticket's size: UUIDs, two labels, two clients.
#[tokio::test]
async fn a_snapshot_with_its_events_is_within_a_kib() {
    let uuid = |end: u8| format!("a41d7c52-90de-5c7e-8f43-2b9d0e1f{end:04}");
    let draft = |stage: &str| {
        let mut draft = ticket(1).in_stage(stage).with_label("Client").with_label("Refinance");
        draft = draft.with_client(&uuid(1)).with_client(&uuid(2)).worth(450_000).owned_by(&uuid(3));
        draft
    };
    let (first, _) = next(None, draft("Approved"), at(1));
    let before = Known {
        snapshot: first,
        outbox: vec![],
        schedule: CheckSchedule { stored_at: at(1), slot: None, extra: None },
    };
    let (snapshot, events) = next(Some(&before), draft("Settled"), at(2));
    let item = current(&north(), &version(&snapshot, &events, &events), at(2));
    let bytes = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => panic!("{value:?}"),
    };
    let size: usize = item.iter().map(|(name, value)| name.len() + bytes(value)).sum();
    assert!(size < 900, "{size} bytes, {}", key_text(&item));
    assert!(item["snapshot"].is_b() && !item.contains_key("outbox"));
}

#[tokio::test]
async fn what_is_stored_is_read_back_with_its_outbox_until_that_is_emptied() {
    for count in [1, 3, 30, 101] {
        let table = FakeTable::default();
        let store = table.store();
        stored(&table, count).await;
        for number in 0..count {
            let known = known(&store, number).await.unwrap();
            assert_eq!(known.outbox, next(None, ticket(number), at(1)).1);
        }
        let ids: Vec<TicketId> = (0..count).map(id).collect();
        let versions: Vec<_> = ids.iter().map(|id| (id, 1)).collect();
        assert!(store.clear_outboxes(&north(), &versions).await.iter().all(Result::is_ok));
        for number in 0..count {
            assert!(known(&store, number).await.unwrap().outbox.is_empty(), "{number} of {count}");
        }
    }
}

#[tokio::test]
async fn the_next_version_has_nothing_of_the_one_before_however_it_is_written() {
    for count in [1, 2, 30, 101] {
        let table = FakeTable::default();
        let store = table.store();
        stored(&table, count).await;
        let ids: Vec<TicketId> = (0..count).map(id).collect();
        let first: Vec<_> = ids.iter().map(|id| (id, 1)).collect();
        store.clear_outboxes(&north(), &first).await;
        let mut seconds = Vec::new();
        for number in 0..count {
            let known = known(&store, number).await;
            seconds.push(next(known.as_ref(), ticket(number).in_stage("Settled"), at(2)));
        }
        let versions: Vec<_> =
            seconds.iter().map(|(snapshot, events)| version(snapshot, events, events)).collect();
        assert!(store.write_each(&north(), &versions, at(2)).await.iter().all(Result::is_ok));
        // A crash, and a newer version with the older events in its outbox.
        let (second, events) = &seconds[0];
        let after = known(&store, 0).await.unwrap();
        assert_eq!((&after.snapshot, &after.outbox), (second, events));
        let (third, own) = next(Some(&after), ticket(0).in_stage("Lead"), at(3));
        let outbox = [events.clone(), own.clone()].concat();
        let written = store.write_each(&north(), &[version(&third, &own, &outbox)], at(3)).await;
        assert_eq!(written, [Ok(EntryState::Missing)]);
        assert_eq!(known(&store, 0).await.unwrap().outbox, outbox);
        assert!(store.clear_outboxes(&north(), &[(&ids[0], 2)]).await.iter().all(Result::is_ok));
        assert_eq!(known(&store, 0).await.unwrap().outbox, outbox, "a newer version's is left as it is");
    }
}

#[tokio::test]
async fn a_version_that_another_writer_stored_first_is_a_conflict_of_that_ticket_alone() {
    for count in [1, 3] {
        let table = FakeTable::default();
        let store = table.store();
        let (other, events) = next(None, ticket(0).in_stage("Lead"), at(9));
        store.write_each(&north(), &[version(&other, &events, &events)], at(9)).await;
        let written = stored(&table, count).await;
        assert_eq!(written[0], Err(Error::VersionConflict));
        assert!(written[1..].iter().all(|written| *written == Ok(EntryState::Missing)), "{written:?}");
        assert_eq!(known(&store, 0).await.unwrap().snapshot, other);
    }
}

#[tokio::test]
async fn a_lost_response_is_no_conflict_with_ourselves() {
    for (count, kind) in [(3, "BatchExecuteStatement"), (1, "PutItem")] {
        let table = FakeTable::default();
        table.fail_next(kind, Fault::ResponseLost);
        let written = stored(&table, count).await;
        if count == 1 {
            // The SDK sends it again, which the stub does not: as if it had.
            assert!(matches!(written[0], Err(Error::Unavailable { .. })), "{written:?}");
            assert_eq!(stored(&table, count).await, [Ok(EntryState::Missing)]);
        } else {
            assert_eq!(written, vec![Ok(EntryState::Missing); count]);
        }
    }
}

#[tokio::test]
async fn without_batches_each_is_written_alone() {
    let table = FakeTable::default();
    table.fail_next("BatchExecuteStatement", Fault::Refused);
    assert_eq!(stored(&table, 3).await, vec![Ok(EntryState::Missing); 3]);
    assert_eq!(table.requests(), ["BatchExecuteStatement", "PutItem", "PutItem", "PutItem"]);
}

#[tokio::test]
async fn an_entry_is_written_once_and_an_existing_one_stays_as_it_is() {
    let table = FakeTable::default();
    let store = table.store();
    let (_, events) = next(None, ticket(0), at(1));
    let late = |seconds| {
        let mut events = events.clone();
        for event in &mut events {
            event.resend_after_deduplication(at(seconds));
        }
        JournalEntry::of_outbox(&id(0), &events)
    };
    let entries = late(1_000);
    assert_eq!(entries[0].events, events, "as it was found");
    assert_eq!((entries[0].version, entries[0].at, entries.len()), (1, at(1), 1));
    assert_eq!(store.journal_each(&north(), &entries).await, [Ok(())]);
    let pk = format!("TICKET#north#{}", id(0));
    let first = table.item(&pk, "JOURNAL#0000000001").unwrap();
    let other = JournalEntry { events: vec![], at: at(5), ..entries[0].clone() };
    let two = [other.clone(), JournalEntry { version: 2, ..other.clone() }];
    for entries in [&two[..], &two[..1]] {
        assert!(store.journal_each(&north(), entries).await.iter().all(Result::is_ok));
        assert_eq!(table.item(&pk, "JOURNAL#0000000001").unwrap(), first);
    }
}

#[test]
fn an_outbox_of_several_versions_has_an_entry_for_each() {
    let (first, one) = next(None, ticket(0), at(1));
    let before = Known {
        snapshot: first,
        outbox: one.clone(),
        schedule: CheckSchedule { stored_at: at(1), slot: None, extra: None },
    };
    let draft = ticket(0).in_stage("Settled").with_label("Client").worth(7);
    let (_, two) = next(Some(&before), draft, at(700));
    let entries = JournalEntry::of_outbox(&id(0), &[one.clone(), two.clone()].concat());
    let found: Vec<_> = entries.iter().map(|entry| (entry.version, entry.at, entry.events.clone())).collect();
    assert_eq!(found, [(1, at(1), one), (2, at(700), two)]);
}

#[tokio::test]
async fn events_that_are_in_the_outbox_alone_are_among_the_journals() {
    let table = FakeTable::default();
    let store = table.store();
    stored(&table, 1).await;
    let read = async |after| store.journal_after(&north(), &id(0), after).await.unwrap().events;
    let (_, events) = next(None, ticket(0), at(1));
    assert_eq!((read(0).await, read(1).await), (events.clone(), vec![]));
    store.journal_each(&north(), &JournalEntry::of_outbox(&id(0), &events)).await;
    assert_eq!(read(0).await, events, "each once");
    store.clear_outboxes(&north(), &[(&id(0), 1)]).await;
    assert_eq!(read(0).await, events);
}

/// What an earlier version of the program left: the events are in the journal entry alone, and not published.
#[tokio::test]
async fn an_outbox_of_an_earlier_version_is_read_and_its_entry_stays() {
    let table = FakeTable::default();
    let store = table.store();
    let (snapshot, events) = next(None, ticket(0), at(1));
    store.journal_each(&north(), &JournalEntry::of_outbox(&id(0), &events)).await;
    let pk = format!("TICKET#north#{}", id(0));
    table.insert(json!({
        "pk": { "S": pk }, "sk": { "S": "SNAPSHOT" }, "version": { "N": "1" }, "stored_at": { "N": "1" },
        "unpublished": { "N": "1" }, "snapshot": { "S": json::to_json(&snapshot) },
    }));
    assert_eq!(known(&store, 0).await.unwrap().outbox, events);
}

/// An earlier version of the program reads ours: a snapshot, and events that are those of the journal entry.
#[tokio::test]
async fn an_earlier_version_finds_the_snapshot_and_the_number_of_its_events() {
    let table = FakeTable::default();
    stored(&table, 1).await;
    let item = table.item(&format!("TICKET#north#{}", id(0)), "SNAPSHOT").unwrap();
    assert_eq!((&item["unpublished"]["N"], item.get("outbox")), (&json!("1"), None::<&Value>));
    let known = known(&table.store(), 0).await.unwrap();
    assert_eq!(known.snapshot, next(None, ticket(0), at(1)).0);
}

/// One check of a ticket by an invocation, step by step; see `visit.rs` of event-enricher. `None`: it has ended.
struct Check {
    stage: &'static str,
    now: Timestamp,
    step: u8,
    known: Option<Known>,
    outbox: Vec<Event>,
    version: u64,
}

impl Check {
    fn new(stage: &'static str, now: Timestamp) -> Self {
        Self { stage, now, step: 0, known: None, outbox: vec![], version: 0 }
    }

    /// Takes the next step; says whether there is another one.
    async fn go_on(&mut self, store: &Store, published: &mut Vec<Event>) -> bool {
        self.step = self.step.saturating_add(1);
        match self.step {
            1 => self.known = known(store, 0).await,
            2 => {
                let seen = Seen::without_fields(ticket(0).in_stage(self.stage).ticket(), "d");
                let before = self.known.as_ref().map(|known| &known.snapshot);
                self.outbox = self.known.as_ref().map(|known| known.outbox.clone()).unwrap_or_default();
                self.version = before.map_or(0, |before| before.ticket.version);
                if change(before, Some(seen), false).is_some() {
                    let draft = ticket(0).in_stage(self.stage);
                    let (snapshot, events) = next(self.known.as_ref(), draft, self.now);
                    self.version = snapshot.ticket.version;
                    self.outbox.extend(events.clone());
                    let new = version(&snapshot, &events, &self.outbox);
                    return store.write_each(&north(), &[new], self.now).await[0].is_ok();
                }
            }
            3 if self.now.as_seconds().is_multiple_of(2) => self.journal(store).await,
            3 => published.extend(self.outbox.clone()),
            4 if self.now.as_seconds().is_multiple_of(2) => published.extend(self.outbox.clone()),
            4 => self.journal(store).await,
            5 if self.outbox.is_empty() => {}
            5 => {
                let emptied = store.clear_outboxes(&north(), &[(&id(0), self.version)]).await;
                assert!(emptied.iter().all(Result::is_ok));
            }
            _ => return false,
        }
        true
    }

    async fn journal(&self, store: &Store) {
        let entries = JournalEntry::of_outbox(&id(0), &self.outbox);
        assert!(store.journal_each(&north(), &entries).await.iter().all(Result::is_ok));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Invocations check one ticket at the same time, and some of them crash after any step. Whatever they do, the next whole check
    /// leaves each event of each version published and in the journal, first in the order of versions.
    #[test]
    fn whoever_crashes_and_whenever_each_event_is_published_in_order_and_in_the_journal(
        steps in proptest::collection::vec((0_usize..3, any::<bool>()), 1..40),
    ) {
        const STAGES: [&str; 4] = ["Lead", "Approved", "Settled", "Archived"];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let table = FakeTable::default();
            let store = table.store();
            let mut published = Vec::new();
            let mut checks = [None, None, None];
            for (time, (worker, crashes)) in steps.into_iter().enumerate() {
                let now = at(u64::try_from(time.saturating_mul(10).saturating_add(worker)).unwrap());
                let check = checks[worker].get_or_insert_with(|| Check::new(STAGES[time % 4], now));
                // A crash is rare: one in some twenty steps.
                let is_over = !check.go_on(&store, &mut published).await || crashes && time % 3 == 0;
                if is_over {
                    checks[worker] = None;
                }
            }
            let mut last = Check::new("Lead", at(10_000));
            while last.go_on(&store, &mut published).await {}
            let known = known(&store, 0).await.unwrap();
            assert!(known.outbox.is_empty());
            let journal = store.journal_of(&north(), &id(0)).await.unwrap().events;
            let versions: Vec<u64> = journal.iter().map(|event| event.ticket().unwrap().version).collect();
            assert_eq!(versions, (1..=known.snapshot.ticket.version).collect::<Vec<_>>());
            let mut first = Vec::new();
            for event in published {
                if !first.contains(&event) {
                    first.push(event);
                }
            }
            assert_eq!(first, journal);
        });
    }
}
