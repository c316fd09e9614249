//! Concurrent writers of the table, on the DynamoDB endpoint.

use crate::support::{SOON, among_others, events, known_ticket};
use anyhow::{Context as _, Result, ensure};
use automations::clock::{self, Timestamp};
use automations::id::{ActionId, EventId, OrganisationId, TicketId};
use automations::model::check_schedule::{Rhythm, Slot};
use automations::model::diff::change;
use automations::model::snapshot::{Seen, Snapshot};
use automations::store::{Claim, Claimant, Done, EntryState, Error, JournalEntry, Known, Outcome, Version};
use automations::testing;
use automations::{Action, Event, model::action::PlannedAction};
use end_to_end::stack::{Stack, eventually};
use std::collections::HashMap;
use std::time::Duration;

fn claimant(owner: &str, now: u64) -> Claimant<'_> {
    Claimant {
        owner,
        now: Timestamp::from_millis(now),
        until: Timestamp::from_millis(now.saturating_add(100)),
    }
}

#[tokio::test]
async fn of_two_writers_of_one_version_one_is_overtaken() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("two-writers").await?;
    let ticket = TicketId::parse(known_ticket(&organisation, "Approved").await?)?;
    let (store, id) = (stack.store(), OrganisationId::parse("two-writers")?);
    let known =
        known(&stack, &id, std::slice::from_ref(&ticket)).await?.remove(&ticket).context("unknown")?;
    let mut next = known.snapshot.clone();
    next.ticket.version = 2;
    let now = Timestamp::from_millis(1);
    store.write(&id, bare(&next), now).await?;
    let late = store.write(&id, bare(&next), now).await;
    assert!(matches!(late, Err(Error::VersionConflict)), "{late:?}");
    let stale = store.write(&id, bare(&known.snapshot), now).await;
    assert!(matches!(stale, Err(Error::VersionConflict)), "{stale:?}");
    Ok(())
}

/// A time at which the reconciler finds no changes of these tickets, whose organisations do not exist.
fn far_away() -> Timestamp {
    Timestamp::from_millis(1_000 * 60 * 60 * 24 * 365 * 200)
}

fn bare(snapshot: &Snapshot) -> Version<'_> {
    Version { snapshot, events: &[], outbox: &[], reminders: &[], extra_check: None }
}

fn full<'a>(snapshot: &'a Snapshot, events: &'a [Event]) -> Version<'a> {
    Version { snapshot, events, outbox: events, reminders: &[], extra_check: None }
}

/// Snapshots of new tickets of this test, whose regular checks are days away.
fn first_seen(name: &str, count: usize) -> Result<Vec<Snapshot>> {
    let soon = clock::now().later(Duration::from_hours(24 * 5));
    let ids = (0..count.saturating_mul(10)).map(|number| TicketId::parse(format!("{name}-{number:04}")));
    let is_late = |id: &TicketId| Slot::of(id, Rhythm::Monthly).next_check(clock::now()) > soon;
    let ids = ids.filter(|id| id.as_ref().map_or(true, is_late)).take(count);
    let seen = ids.map(|id| {
        let ticket = automations::Ticket { id: id?, active: Some(false), ..testing::ticket() };
        let found = change(None, Some(Seen::without_fields(ticket, "d")), false);
        found.map(|change| change.snapshot).context("no change")
    });
    seen.collect()
}

/// What is known of these tickets, whose items can all be read.
async fn known(stack: &Stack, id: &OrganisationId, tickets: &[TicketId]) -> Result<HashMap<TicketId, Known>> {
    let known = stack.store().known(id, tickets).await?.into_iter();
    known.map(|(ticket, known)| Ok((ticket, known.map_err(|damaged| damaged.error)?))).collect()
}

/// The versions in the table.
async fn versions(stack: &Stack, id: &OrganisationId, snapshots: &[Snapshot]) -> Result<Vec<u64>> {
    let tickets: Vec<TicketId> = snapshots.iter().map(|snapshot| snapshot.ticket.id.clone()).collect();
    let known = known(stack, id, &tickets).await?;
    let version = |ticket| known.get(ticket).map_or(0, |known| known.snapshot.ticket.version);
    Ok(tickets.iter().map(version).collect())
}

#[tokio::test]
async fn of_a_group_of_50_those_that_were_overtaken_do_not_keep_the_others_out() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("group")?);
    let now = far_away();
    let mut snapshots = first_seen("group", 50)?;
    let all: Vec<_> = snapshots.iter().map(bare).collect();
    assert!(store.write_each(&id, &all, now).await.iter().all(Result::is_ok));
    // Another writer is faster with two of them.
    let conflicting = [17, 42];
    for snapshot in &mut snapshots {
        snapshot.ticket.version = 2;
    }
    for index in conflicting {
        store.write(&id, bare(&snapshots[index]), now).await?;
        snapshots[index].gone = true;
    }
    let all: Vec<_> = snapshots.iter().map(bare).collect();
    let written = store.write_each(&id, &all, now).await;
    for (index, written) in written.iter().enumerate() {
        match written {
            Ok(_) => assert!(!conflicting.contains(&index), "{index} has a conflict"),
            Err(Error::VersionConflict) => assert!(conflicting.contains(&index), "{index} has no conflict"),
            Err(error) => anyhow::bail!("{index}: {error}"),
        }
    }
    assert_eq!(versions(&stack, &id, &snapshots).await?, [2; 50]);
    let tickets: Vec<TicketId> = snapshots.iter().map(|snapshot| snapshot.ticket.id.clone()).collect();
    let known = known(&stack, &id, &tickets).await?;
    assert!(known.values().all(|known| !known.snapshot.gone), "the faster write is kept");
    Ok(())
}

/// The statements of a batch, which the engine has its own reading of.
#[tokio::test]
async fn a_few_versions_are_stored_journalled_and_emptied_without_a_transaction() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("few")?);
    let now = far_away();
    let mut snapshots = first_seen("few", 20)?;
    let tickets: Vec<TicketId> = snapshots.iter().map(|snapshot| snapshot.ticket.id.clone()).collect();
    // Long enough to be deflated, and so a value of bytes.
    let events = [testing::stage_changed("Approved", "Settled"), testing::stage_changed("Settled", "Lead")];
    let all: Vec<_> = snapshots.iter().map(|snapshot| full(snapshot, &events)).collect();
    let written = store.write_each(&id, &all, now).await;
    assert_eq!(written, vec![Ok(EntryState::Missing); 20]);
    let known_now = known(&stack, &id, &tickets).await?;
    assert!(known_now.values().all(|known| known.outbox == events), "{known_now:?}");
    for snapshot in &mut snapshots {
        snapshot.ticket.version = 2;
    }
    store.write(&id, bare(&snapshots[7]), now).await?;
    snapshots[7].gone = true;
    let all: Vec<_> = snapshots.iter().map(|snapshot| full(snapshot, &events)).collect();
    let written = store.write_each(&id, &all, now).await;
    let mut expected = vec![Ok(EntryState::Missing); 20];
    expected[7] = Err(Error::VersionConflict);
    assert_eq!(written, expected);
    let entry = |ticket: &TicketId, version| JournalEntry {
        ticket: ticket.clone(),
        version,
        events: events.to_vec(),
        at: now,
    };
    let entries: Vec<_> = tickets.iter().flat_map(|ticket| [entry(ticket, 1), entry(ticket, 2)]).collect();
    for _ in 0..2 {
        assert!(store.journal_each(&id, &entries).await.iter().all(Result::is_ok), "also if they exist");
    }
    let emptied: Vec<_> = tickets.iter().map(|ticket| (ticket, 2)).collect();
    assert!(store.clear_outboxes(&id, &emptied).await.iter().all(Result::is_ok));
    let known = known(&stack, &id, &tickets).await?;
    assert!(known.values().all(|known| known.outbox.is_empty() && known.snapshot.ticket.version == 2));
    assert!(!known[&tickets[7]].snapshot.gone, "the faster write is kept");
    let journal = store.journal_of(&id, &tickets[0]).await?.events;
    assert_eq!(journal, [&events[..], &events[..]].concat());
    Ok(())
}

#[tokio::test]
async fn a_group_that_is_too_large_is_split_and_an_item_that_is_too_large_fails_alone() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("large")?);
    let mut snapshots = first_seen("large", 30)?;
    // 30 x 200 KB are more than a transaction holds, and 600 KB more than an item, also deflated, by a quarter.
    for (index, snapshot) in snapshots.iter_mut().enumerate() {
        let characters = if index == 9 { 600_000 } else { 200_000 };
        let mut random = fastrand::Rng::with_seed(7);
        snapshot.name_digest = std::iter::repeat_with(|| random.alphanumeric()).take(characters).collect();
    }
    let all: Vec<_> = snapshots.iter().map(bare).collect();
    let written = store.write_each(&id, &all, far_away()).await;
    let refused: Vec<_> =
        written.iter().enumerate().filter(|(_, written)| written.is_err()).map(|(index, _)| index).collect();
    assert_eq!(refused, [9], "{:?}", written[9]);
    assert!(matches!(written[9], Err(Error::Refused { .. })), "{:?}", written[9]);
    let stored = versions(&stack, &id, &snapshots).await?;
    assert_eq!(stored.iter().filter(|version| **version == 1).count(), 29);
    Ok(())
}

#[tokio::test]
async fn outboxes_are_emptied_together_and_a_newer_versions_is_left_as_it_is() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("outboxes")?);
    let now = far_away();
    let events = [testing::stage_changed("Approved", "Settled")];
    let mut snapshots = first_seen("outbox", 101)?;
    let all: Vec<_> = snapshots.iter().map(|snapshot| full(snapshot, &events)).collect();
    assert!(store.write_each(&id, &all, now).await.iter().all(Result::is_ok));
    let tickets: Vec<TicketId> = snapshots.iter().map(|snapshot| snapshot.ticket.id.clone()).collect();
    assert!(known(&stack, &id, &tickets).await?.values().all(|known| known.outbox.len() == 1));
    snapshots[3].ticket.version = 2;
    let [event] = events.clone();
    let later = Event { observed_at: event.observed_at.later(Duration::from_hours(1)), ..event.clone() };
    let two = [later, event];
    store.write(&id, full(&snapshots[3], &two), now).await?;
    let first: Vec<_> = tickets.iter().map(|ticket| (ticket, 1)).collect();
    assert!(store.clear_outboxes(&id, &first).await.iter().all(Result::is_ok));
    let known = known(&stack, &id, &tickets).await?;
    let unpublished: Vec<_> = tickets.iter().filter(|ticket| !known[*ticket].outbox.is_empty()).collect();
    assert_eq!(unpublished, [&tickets[3]]);
    assert_eq!(known[&tickets[3]].outbox.len(), 2);
    // A single ticket's is emptied without a transaction.
    let one = [(&tickets[3], 2)];
    assert!(store.clear_outboxes(&id, &one).await.iter().all(Result::is_ok));
    assert!(self::known(&stack, &id, &tickets[3..4]).await?[&tickets[3]].outbox.is_empty());
    Ok(())
}

/// Tickets are in different shards of the index; the journal is sorted by time.
#[tokio::test]
async fn the_journal_has_what_many_tickets_told_in_the_order_of_time_and_across_a_midnight() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("journal")?);
    let midnight = far_away().as_millis().next_multiple_of(1_000 * 60 * 60 * 24);
    let mut written = Vec::new();
    for (snapshot, at) in first_seen("journal", 40)?.iter().zip(midnight.saturating_sub(20)..) {
        let event = Event {
            id: EventId::parse(format!("journal-{at}"))?,
            organisation: id.clone(),
            ..testing::stage_changed("Approved", "Settled")
        };
        let version = Version { events: std::slice::from_ref(&event), ..bare(snapshot) };
        store.write(&id, version, Timestamp::from_millis(at)).await?;
        written.push((at, event));
    }
    let (first, last) = (written[5].0, written[35].0);
    let read = eventually("all events", SOON, async || {
        let read = store.journal(Timestamp::from_millis(first), Timestamp::from_millis(last)).await?;
        let own: Vec<Event> = read.events.into_iter().filter(|event| event.organisation == id).collect();
        ensure!(own.len() >= 30, "{} so far", own.len());
        Ok(own)
    })
    .await?;
    let wanted: Vec<Event> = written[5..35].iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(read, wanted);
    Ok(())
}

fn granted(outcome_unknown: bool, is_first: bool) -> Claim {
    Claim::Granted { outcome_unknown, is_first }
}

#[tokio::test]
async fn a_claim_is_one_claimants_until_its_lease_ends() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("claims")?);
    let action = ActionId::parse("claims.lease.0")?;
    let [first, second] = [claimant("first", 1_000), claimant("second", 1_050)];
    assert_eq!(store.claim(&id, &action, first).await?, granted(false, true));
    assert_eq!(store.claim(&id, &action, second).await?, Claim::Held { until: first.until });
    assert_eq!(store.claim(&id, &action, first).await?, granted(false, false), "the claimant claims again");
    // The first claimant crashes before it sends anything: the lease ends, and the outcome is not unknown.
    let third = claimant("third", 1_100);
    assert_eq!(store.claim(&id, &action, third).await?, granted(false, false));
    let late = store.record_send_started(&id, &action, first).await;
    assert!(matches!(late, Err(Error::VersionConflict)), "without a lease nothing is sent: {late:?}");
    // The third claimant crashes after it began to send.
    store.record_send_started(&id, &action, third).await?;
    assert_eq!(store.claim(&id, &action, claimant("fourth", 1_300)).await?, granted(true, false));
    assert_eq!(
        store.claim(&id, &action, claimant("fifth", 1_500)).await?,
        granted(true, false),
        "the unknown outcome outlives the next claimant"
    );
    store.park(&id, &action, claimant("fifth", 1_500)).await?;
    assert_eq!(store.claim(&id, &action, claimant("sixth", 9_000)).await?, Claim::Parked);
    Ok(())
}

#[tokio::test]
async fn a_claim_that_is_given_back_is_anybodys_and_one_that_is_done_nobodys() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("given-back").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0);
    let (store, id) = (stack.store(), event.organisation.clone());
    let planned = PlannedAction {
        chain: vec![],
        hint: None,
        id: ActionId::of(&event.id, "test", 0)?,
        organisation: id.clone(),
        event: event.id.clone(),
        ticket_version: None,
        handler: "test".to_owned(),
        decided_at: event.observed_at,
        attempt: 1,
        resent: None,
        action: Action::add_label(event.ticket().context("no ticket")?, "Client"),
    };
    let [first, second] = [claimant("first", 1_000), claimant("second", 1_010)];
    store.claim(&id, &planned.id, first).await?;
    store.record_send_started(&id, &planned.id, first).await?;
    store.release(&id, &planned.id, first).await?;
    assert_eq!(store.claim(&id, &planned.id, second).await?, granted(false, false));
    let done =
        Done { planned: planned.clone(), outcome: Outcome::Changed, done_at: Timestamp::from_millis(1_020) };
    let late = store.record(&done, first).await;
    assert!(matches!(late, Err(Error::VersionConflict)), "{late:?}");
    assert_eq!(store.done(&id, &planned.id).await?, None);
    store.record(&done, second).await?;
    assert_eq!(store.done(&id, &planned.id).await?, Some(done));
    assert_eq!(store.claim(&id, &planned.id, claimant("third", 9_000)).await?, Claim::Done);
    Ok(())
}
