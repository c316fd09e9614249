//! Changes of tickets: read them, change them, write them, read them back.

use crate::context::Context;
use crate::edit::Edit;
use crate::error::ActionError;
use crate::remote::Remote;
use crate::run::{Edited, Run};
use crate::tickets::Tickets;
use automations::id::TicketId;
use automations::salestrekker::Error;
use automations::store::Outcome;

/// Performs runs of edits, each of another ticket. A ticket is changed until it is as wanted when it is read back: an update replaces
/// the whole ticket, so that a person who saves at the same time undoes ours, and the API may drop a field without an error.
pub(crate) async fn edit_tickets(at: &impl Tickets, mut runs: Vec<Run<'_>>) -> Vec<Edited> {
    while runs.iter().any(Run::is_open) {
        let unread: Vec<&mut Run<'_>> = runs.iter_mut().filter(|run| run.must_be_read()).collect();
        if !unread.is_empty() {
            let ids: Vec<_> = unread.iter().map(|run| run.ticket.clone()).collect();
            for (run, look) in unread.into_iter().zip(at.read(&ids).await) {
                run.has_been_read(look);
            }
        }
        let (mut written, mut updates) = (Vec::new(), Vec::new());
        for run in runs.iter_mut().filter(|run| run.is_open()) {
            if let Some(update) = run.plan(at).await {
                written.push(run);
                updates.push(update);
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
