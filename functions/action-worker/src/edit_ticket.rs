//! Changes of one ticket: read it, change it, write it, read it back.

use crate::context::Context;
use crate::error::ActionError;
use automations::id::{OwnerId, TicketId};
use automations::salestrekker::{Error, FullTicket};
use automations::store::Outcome;

/// A ticket is written at most this often until it is as wanted when it is read back.
const MAX_WRITES: u32 = 3;

/// Adds the label of this name.
pub(crate) async fn add_label(
    context: &mut Context<'_>,
    ticket: &TicketId,
    label: &str,
) -> Result<Outcome, ActionError> {
    let label = context.session.label_named(label).await?;
    edit(context, ticket, async |ticket| {
        let labels = ticket.id_labels.get_or_insert_default();
        let is_missing = !labels.contains(&label);
        if is_missing {
            labels.push(label.clone());
        }
        Ok(is_missing)
    })
    .await
}

/// Removes the label of this name.
pub(crate) async fn remove_label(
    context: &mut Context<'_>,
    ticket: &TicketId,
    label: &str,
) -> Result<Outcome, ActionError> {
    let label = context.session.label_named(label).await?;
    edit(context, ticket, async |ticket| {
        let labels = ticket.id_labels.get_or_insert_default();
        let before = labels.len();
        labels.retain(|other| other != &label);
        Ok(labels.len() != before)
    })
    .await
}

/// Sets the owner.
pub(crate) async fn set_owner(
    context: &mut Context<'_>,
    ticket: &TicketId,
    owner: &OwnerId,
) -> Result<Outcome, ActionError> {
    edit(context, ticket, async |ticket| Ok(ticket.id_owner.replace(owner.clone()).as_ref() != Some(owner)))
        .await
}

/// Moves it to the stage of this name in its workflow.
pub(crate) async fn move_stage(
    context: &mut Context<'_>,
    ticket: &TicketId,
    stage: &str,
) -> Result<Outcome, ActionError> {
    let session = context.session;
    edit(context, ticket, async |ticket| {
        let workflow = ticket.id_workflow.as_ref();
        let workflow =
            workflow.ok_or_else(|| Error::InvalidResponse { at: "ticket.idWorkflow".to_owned() })?;
        let stage = session.stage_named(workflow, stage).await?;
        Ok(ticket.id_stage.replace(stage.id.clone()) != Some(stage.id))
    })
    .await
}

/// Changes a ticket until it is as wanted when it is read back: an update replaces the whole ticket, so that a person who
/// saves at the same time undoes ours, and the API may drop a field without an error. `edit` returns whether it changed
/// anything.
async fn edit(
    context: &mut Context<'_>,
    id: &TicketId,
    edit: impl AsyncFn(&mut FullTicket) -> Result<bool, Error>,
) -> Result<Outcome, ActionError> {
    let session = context.session;
    let mut outcome = Outcome::NoOp;
    for _ in 0..MAX_WRITES {
        let before = session.ticket(id).await?;
        let mut ticket = before.clone();
        if !edit(&mut ticket).await? {
            return Ok(outcome);
        }
        context.progress.record_change(&before, &ticket).await?;
        session.update_ticket(ticket).await?;
        outcome = Outcome::Changed;
    }
    if edit(&mut session.ticket(id).await?).await? {
        let why = "an update that it accepted is not there when the ticket is read back";
        return Err(Error::Unavailable { why }.into());
    }
    Ok(outcome)
}
