//! Checks all tickets that a batch names in one organisation: each step is done for all of them together.

use crate::enricher::{Enricher, FetchOutcome, RequestedTicket, Result};
use crate::found_by::{by_reconciler, found_by};
use crate::plan::{Plan, plan};
use crate::publish::record_backlog;
use crate::reminders::Reminders;
use crate::salvage::Stored;
use automations::aws::batch::MessageError;
use automations::aws::secret::Access;
use automations::clock::{self, Timestamp};
use automations::futures::{StreamExt as _, future, stream};
use automations::id::{OrganisationId, TicketId};
use automations::model::check_schedule::CheckSchedule;
use automations::model::diff::{Change, change};
use automations::store::{EntryState, JournalEntry, Version};
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, tracing};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// This many tickets are rescheduled at once.
const RESCHEDULED_AT_ONCE: usize = 8;

/// A ticket, and the plan for it or the first error; none if there is no such ticket.
type Visit<'a> = (&'a TicketId, Result<Option<Plan>>);

impl Enricher {
    pub(crate) async fn visit_all(
        &self,
        organisation: &OrganisationId,
        tickets: &BTreeMap<TicketId, RequestedTicket>,
        (now, until): (Timestamp, Timestamp),
        metrics: &Metrics,
    ) -> Result<HashMap<TicketId, Result<FetchOutcome>>> {
        let ids: Vec<TicketId> = tickets.keys().cloned().collect();
        let session = self.client.session(organisation, until);
        if session.access().await?.0 == Access::WriteOnly {
            return Ok(ids.into_iter().map(|id| (id, Ok(FetchOutcome::Hidden))).collect());
        }
        let Stored { mut known, mut rebuilds, mut failed } = self.stored(organisation, &ids, now).await?;
        let lost = rebuilds.values().map(|(rebuild, _)| &rebuild.outbox);
        record_backlog(known.values().map(|known| &known.outbox).chain(lost), now, metrics);
        let mut reminders = self.reminders(organisation, tickets).await?;
        let seen = session.fetch(&ids, &self.fields).await?;
        let found = tickets.iter().zip(seen).map(|((id, requested), seen)| {
            let before = known.get(id).map(|known| &known.snapshot);
            let found = seen.map(|seen| change(before, seen, requested.is_new)).map_err(MessageError::from);
            let found = found.map(|found| reminders.apply(id, known.get(id), found, now));
            failed.remove(id).map_or(found, Err)
        });
        let found: Vec<Result<Option<Change>>> = found.collect();
        let changed = ids.iter().zip(&found).filter(|(_, found)| matches!(found, Ok(Some(_))));
        let changed: Vec<TicketId> = changed.map(|(id, _)| id.clone()).collect();
        let mut own_changes = self.store.change_marks(organisation, &changed).await?;
        let mut visits: Vec<Visit<'_>> = Vec::with_capacity(ids.len());
        for ((id, requested), found) in tickets.iter().zip(found) {
            let (known, own) = (known.remove(id), own_changes.remove(id).unwrap_or_default());
            let plan =
                found.map(|found| plan(organisation, known, found, requested, &own, &self.thresholds, now));
            let plan = match (plan, rebuilds.remove(id)) {
                (Ok(Some(plan)), Some((rebuild, _))) => Ok(Some(plan.rebuilt(rebuild, now))),
                (Ok(None), Some((_, unreadable))) => {
                    self.postpone_lost(organisation, id, now).await;
                    Err(unreadable)
                }
                (plan, _) => plan,
            };
            visits.push((id, plan));
        }
        self.reschedule(organisation, &mut visits).await;
        self.rebuild(organisation, &mut visits, now).await;
        let (by_reconciler, unjournalled) = self.store(organisation, &mut visits, &reminders, now).await;
        let entries = missing_entries(&visits, &unjournalled, now);
        for (id, visit) in &mut visits {
            if visit.is_ok()
                && let Err(error) = self.settle_reminders(organisation, id, &reminders, now).await
            {
                *visit = Err(error);
            }
        }
        self.publish(organisation, &mut visits, entries, metrics).await;
        self.record_silence(organisation, by_reconciler, now, metrics).await;
        let results = visits.into_iter().map(|(id, visit)| {
            (
                id.clone(),
                visit.map(|plan| if plan.is_some() { FetchOutcome::Ticket } else { FetchOutcome::Nothing }),
            )
        });
        Ok(results.collect())
    }

    /// Stores when tickets are checked that did not change, where the table says otherwise.
    async fn reschedule(&self, organisation: &OrganisationId, visits: &mut [Visit<'_>]) {
        let rescheduled = visits.iter().enumerate().filter_map(|(position, (id, visit))| {
            let plan = visit.as_ref().ok()?.as_ref()?;
            Some((position, *id, (plan.version, plan.rescheduled?)))
        });
        let writes = rescheduled.map(|(position, id, schedule)| async move {
            (position, self.store.reschedule(organisation, id, schedule).await)
        });
        let results: Vec<_> = stream::iter(writes).buffered(RESCHEDULED_AT_ONCE).collect().await;
        fail(visits, results);
    }

    /// Stores the snapshots that replace unreadable ones.
    async fn rebuild(&self, organisation: &OrganisationId, visits: &mut [Visit<'_>], now: Timestamp) {
        for (id, visit) in visits {
            let Ok(Some(Plan { change: Some((snapshot, _)), rebuild: Some(rebuild), .. })) = visit else {
                continue;
            };
            match self.store.rebuild(organisation, snapshot, rebuild, now).await {
                Ok(()) => tracing::warn!(
                    event_name = EventName::SnapshotRebuilt.as_str(),
                    organisation = organisation.as_str(),
                    ticket.id = id.as_str(),
                    ticket.version = rebuild.version,
                    events = rebuild.outbox.len(),
                    "the snapshot could not be read and was rebuilt; changes since the last check made no event"
                ),
                Err(error) => *visit = Err(error.into()),
            }
        }
    }

    /// Stores the new versions; returns the number of their changes that the reconciler found, and the positions of those without
    /// their journal entries.
    async fn store(
        &self,
        organisation: &OrganisationId,
        visits: &mut [Visit<'_>],
        reminders: &Reminders,
        now: Timestamp,
    ) -> (u64, BTreeSet<usize>) {
        let mut found: u64 = 0;
        let mut positions = Vec::new();
        let mut versions = Vec::new();
        for (position, (id, visit)) in visits.iter().enumerate() {
            let Ok(Some(Plan { change: Some((snapshot, events)), outbox, rebuild: None, .. })) = visit else {
                continue;
            };
            positions.push(position);
            let extra_check = CheckSchedule::planned(snapshot, &self.thresholds, now).extra;
            versions.push(Version { snapshot, events, outbox, reminders: reminders.due(id), extra_check });
        }
        let stored = self.store.write_each(organisation, &versions, now).await;
        for (version, _) in versions.iter().zip(&stored).filter(|(_, stored)| stored.is_ok()) {
            found = found.saturating_add(by_reconciler(version.events));
            for event in version.events {
                tracing::info!(
                    event_name = EventName::ChangeStored.as_str(),
                    organisation = organisation.as_str(),
                    ticket.id = version.snapshot.ticket.id.as_str(),
                    event.id = event.id.as_str(),
                    event.kind = event.kind.name(),
                    found_by = found_by(event).as_ref(),
                    hint.id = event.cause.hint().as_str(),
                    latency_ms = event.cause.received_at().map(|at| clock::millis(clock::now().since(at))),
                );
            }
        }
        let mut unjournalled = BTreeSet::new();
        let stored = positions.into_iter().zip(stored).map(|(position, stored)| {
            let stored = stored.map(|entry| match entry {
                EntryState::Stored => {}
                EntryState::Missing => {
                    unjournalled.insert(position);
                }
            });
            (position, stored)
        });
        fail(visits, stored.collect::<Vec<_>>());
        (found, unjournalled)
    }

    /// Publishes the outboxes of what is stored, writes the journal entries that are missing, also of a ticket that failed since it was
    /// stored, and empties the outboxes whose events were all accepted and are in the journal.
    async fn publish(
        &self,
        organisation: &OrganisationId,
        visits: &mut [Visit<'_>],
        entries: Vec<(usize, JournalEntry)>,
        metrics: &Metrics,
    ) {
        let full = visits.iter().enumerate().filter_map(|(position, (id, visit))| {
            let plan = visit.as_ref().ok()?.as_ref()?;
            (!plan.outbox.is_empty()).then_some((position, *id, plan))
        });
        let full: Vec<(usize, &TicketId, &Plan)> = full.collect();
        let outboxes: Vec<&[Event]> = full.iter().map(|(_, _, plan)| plan.outbox.as_slice()).collect();
        let (entry_positions, entries): (Vec<usize>, Vec<JournalEntry>) = entries.into_iter().unzip();
        let (published, journalled) = future::join(
            self.publish_all(&outboxes, metrics),
            self.store.journal_each(organisation, &entries),
        )
        .await;
        let journalled: Vec<_> = entry_positions.into_iter().zip(journalled).collect();
        let is_journalled =
            |position: usize| !journalled.iter().any(|(of, entry)| *of == position && entry.is_err());
        let accepted = full
            .iter()
            .zip(&published)
            .filter(|((position, ..), published)| published.is_ok() && is_journalled(*position));
        let accepted: Vec<(usize, (&TicketId, u64))> =
            accepted.map(|((position, id, plan), _)| (*position, (*id, plan.version))).collect();
        let (positions, versions): (Vec<usize>, Vec<_>) = accepted.into_iter().unzip();
        let emptied = self.store.clear_outboxes(organisation, &versions).await;
        let published: Vec<_> = full.iter().map(|(position, ..)| *position).zip(published).collect();
        fail(visits, published);
        fail(visits, journalled);
        fail(visits, positions.into_iter().zip(emptied));
    }
}

/// The journal entries that the tickets lack, each with its visit's position: of the new versions at these positions, and of what an
/// earlier check left in the outbox, as its entry may be missing too.
fn missing_entries(
    visits: &[Visit<'_>],
    unjournalled: &BTreeSet<usize>,
    now: Timestamp,
) -> Vec<(usize, JournalEntry)> {
    let entries = visits.iter().enumerate().filter_map(|(position, (id, visit))| {
        let plan = visit.as_ref().ok()?.as_ref()?;
        let own = plan.change.as_ref().map(|_| plan.version);
        let mut entries = JournalEntry::of_outbox(id, &plan.outbox);
        let has_own = entries.iter().any(|entry| Some(entry.version) == own);
        match (own, unjournalled.contains(&position)) {
            (Some(version), true) if !has_own => {
                entries.push(JournalEntry { ticket: (*id).clone(), version, events: Vec::new(), at: now });
            }
            (_, true) => {}
            (own, false) => entries.retain(|entry| Some(entry.version) != own),
        }
        Some(entries.into_iter().map(move |entry| (position, entry)))
    });
    entries.flatten().collect()
}

/// Puts the errors among these results into the visits at their positions.
fn fail<F>(visits: &mut [Visit<'_>], results: impl IntoIterator<Item = (usize, std::result::Result<(), F>)>)
where
    MessageError: From<F>,
{
    for (position, result) in results {
        if let (Some((_, visit)), Err(error)) = (visits.get_mut(position), result) {
            *visit = Err(error.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::model::diff::change;
    use automations::model::snapshot::Seen;
    use automations::store::Rebuild;
    use automations::{EventKind, testing};

    fn visits<'a>(id: &'a TicketId, plans: &[&Plan]) -> Vec<Visit<'a>> {
        plans.iter().map(|plan| (id, Ok(Some((*plan).clone())))).collect()
    }

    /// Which entries are written if the versions at these positions were stored without theirs: position, version, number of events.
    fn missing(visits: &[Visit<'_>], unjournalled: &[usize]) -> Vec<(usize, u64, usize)> {
        let unjournalled = unjournalled.iter().copied().collect();
        let entries = missing_entries(visits, &unjournalled, Timestamp::from_millis(5)).into_iter();
        entries.map(|(position, entry)| (position, entry.version, entry.events.len())).collect()
    }

    #[test]
    fn each_stored_version_and_each_of_a_full_outbox_gets_its_journal_entry_and_no_other() {
        let event = testing::stage_changed("Approved", "Settled");
        let (id, own) = (event.ticket().unwrap().id.clone(), event.ticket().unwrap().version);
        let seen = Seen::without_fields(event.ticket().unwrap().clone(), "d");
        let mut snapshot = change(None, Some(seen), false).unwrap().snapshot;
        snapshot.ticket.version = own;
        let new = Plan {
            change: Some((snapshot, vec![event.clone()])),
            outbox: vec![event.clone()],
            version: own,
            rescheduled: None,
            rebuild: None,
        };
        let mut before = event;
        let EventKind::StageChanged { ticket, .. } = &mut before.kind else { panic!("{before:?}") };
        ticket.version = own.saturating_add(7);
        let earlier = ticket.version;
        let after_crash = Plan { outbox: vec![before.clone(), new.outbox[0].clone()], ..new.clone() };
        let of_crash = Plan { change: None, outbox: vec![before.clone()], version: earlier, ..new.clone() };
        let silent = Plan { outbox: vec![], ..new.clone() };
        let nothing = Plan { change: None, ..silent.clone() };
        let rebuilt = Plan { outbox: vec![before], rebuild: Some(Rebuild::of(own, vec![])), ..new.clone() };
        let all = visits(&id, &[&new, &after_crash, &of_crash, &silent, &nothing, &rebuilt]);
        let of_outboxes = [(1, earlier, 1), (2, earlier, 1), (5, earlier, 1)];
        assert_eq!(missing(&all, &[]), of_outboxes, "in a transaction with their entries");
        let alone =
            [(0, own, 1), (1, earlier, 1), (1, own, 1), (2, earlier, 1), (3, own, 0), (5, earlier, 1)];
        assert_eq!(missing(&all, &[0, 1, 3]), alone);
    }
}
