//! Changes of tickets: read them, change them, write them, read them back.

use crate::context::Context;
use crate::edit::Edit;
use crate::error::ActionError;
use crate::remote::Remote;
use crate::run::{Edited, Run};
use crate::tickets::{Look, Tickets, Written};
use automations::id::TicketId;
use automations::salestrekker::Error;
use automations::store::Outcome;

/// Performs runs of edits, each of another ticket. A ticket is changed until it is as wanted when it is read back: an update replaces
/// the whole ticket, so that a person who saves at the same time undoes ours, and the API may drop a field without an error.
pub(crate) async fn edit_tickets(at: &impl Tickets, mut runs: Vec<Run<'_>>) -> Vec<Edited> {
    while runs.iter().any(Run::is_open) {
        let now = at.now();
        let unread: Vec<&mut Run<'_>> = runs.iter_mut().filter_map(|run| run.if_unread(now)).collect();
        if !unread.is_empty() {
            let ids: Vec<_> = unread.iter().map(|run| run.ticket.clone()).collect();
            let found = at.read(&ids).await;
            let now = at.now();
            for (run, found) in unread.into_iter().zip(found) {
                run.has_been_read(Look { found, at: now });
            }
        }
        let (mut planned, mut updates) = (Vec::new(), Vec::new());
        for run in runs.iter_mut().filter(|run| run.is_open()) {
            if let Some(update) = run.plan(at).await {
                planned.push((run, update));
            }
        }
        let now = at.now();
        planned.retain_mut(|(run, _)| !run.is_read_again(now));
        let (planned, to_be_marked): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        if planned.is_empty() {
            continue;
        }
        let marked = at.mark(&to_be_marked).await;
        let (now, mut written) = (at.now(), Vec::new());
        for ((run, update), marked) in planned.into_iter().zip(to_be_marked).zip(marked) {
            match marked {
                Err(error) => {
                    run.has_been_written(at, &update, Written { result: Err(error), look: None }).await;
                }
                // If this fails, the same change by a person is once taken for ours.
                Ok(()) if run.is_read_again(now) => at.remove_marks(&update).await,
                Ok(()) => {
                    written.push(run);
                    updates.push(update);
                }
            }
        }
        if updates.is_empty() {
            continue;
        }
        let results = at.write(&updates).await;
        for ((run, update), result) in written.into_iter().zip(&updates).zip(results) {
            run.has_been_written(at, update, result).await;
        }
    }
    runs.into_iter().map(Run::edited).collect()
}

/// Performs one edit by itself.
pub(crate) async fn edit_alone(
    context: &Context<'_>,
    edit: Option<(TicketId, Edit<'_>)>,
) -> Result<Outcome, ActionError> {
    let nothing = || Error::Unavailable { why: "there is nothing to edit" }.into();
    let (ticket, edit) = edit.ok_or_else(nothing)?;
    let Context { session, looks, progress, planned, .. } = context;
    let remote =
        Remote { session: *session, store: progress.store, organisation: &planned.organisation, looks };
    let edited = edit_tickets(&remote, vec![Run::new(ticket, vec![edit], None)]).await.pop();
    edited.and_then(|edited| edited.results.into_iter().next()?).unwrap_or_else(|| Err(nothing()))
}

#[cfg(test)]
mod tests;
