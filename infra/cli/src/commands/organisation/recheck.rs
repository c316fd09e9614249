//! `organisation recheck`: every ticket is fetched again soon, instead of at its regular check.

use super::Organisations;
use crate::audit::{Audit, Change, Tally};
use crate::report::count;
use crate::time::age;
use anyhow::Result;
use automations::clock;
use automations::id::OrganisationId;
use automations::store::Store;
use futures::{StreamExt as _, stream};
use std::time::Duration;

/// Tickets that are made due at the same time.
const AT_ONCE: usize = 16;
/// Between the times at which two tickets are due: somewhat more than the reconciler's pace at the default `TicketsPerRun`, so that reminders and
/// other checks that become due meanwhile are not behind all of them.
const APART: Duration = Duration::from_millis(500);

impl Organisations {
    /// Makes the check of each of the organisation's tickets due; returns the number of those that were not. Reads the whole table.
    ///
    /// # Errors
    /// If a request fails: run it again.
    pub async fn recheck(&self, organisation: &OrganisationId) -> Result<usize> {
        make_all_due(&self.store, organisation).await
    }
}

impl Organisations {
    /// The same, recorded, with the number in the tally.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails: do it again.
    pub(crate) async fn recheck_audited(
        &self,
        organisation: &OrganisationId,
        tally: &Tally,
        audit: &Audit,
    ) -> Result<usize> {
        let work = async {
            let due = self.recheck(organisation).await?;
            tally.add(due);
            Ok(due)
        };
        audit.record_tally(&Change::by("organisation recheck").of(organisation), tally, work).await
    }
}

/// What follows if this number of tickets is made due.
pub(crate) fn recheck_line(organisation: &OrganisationId, due: usize) -> String {
    let tickets = count(u64::try_from(due).unwrap_or(u64::MAX), "ticket is", "tickets are");
    let last = age(lasts(due).as_secs().saturating_add(60));
    format!(
        "{tickets} fetched, the last one in about {last}, beside those that were due already; if {organisation} is paused, when it is resumed"
    )
}

/// For how long tickets are due one after the other.
fn lasts(tickets: usize) -> Duration {
    APART.saturating_mul(u32::try_from(tickets).unwrap_or(u32::MAX))
}

/// Makes the check of each of the organisation's tickets due, one after the other; returns the number of those that were not.
pub(crate) async fn make_all_due(store: &Store, organisation: &OrganisationId) -> Result<usize> {
    let tickets = store.tickets_of(organisation).await?;
    let now = clock::now();
    let due = tickets.iter().enumerate();
    let due = due.map(|(position, ticket)| store.make_due(organisation, ticket, now.later(lasts(position))));
    let due = stream::iter(due.collect::<Vec<_>>());
    let due: Vec<_> = due.buffer_unordered(AT_ONCE).collect().await;
    let due = due.into_iter().collect::<Result<Vec<bool>, _>>()?;
    Ok(due.into_iter().filter(|is_new| *is_new).count())
}
