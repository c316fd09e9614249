//! What each action does at Salestrekker.

use automations::id::{OwnerId, TicketId};
use automations::model::action::{Action, OnUnknownOutcome};
use automations::private::Private;
use automations::salestrekker::{Error, FullTicket, NewTicket, Session};
use automations::store::Outcome;

use crate::ActionError;
use crate::lead::create_lead;
use crate::notes::Notes;

/// So often a ticket is written until it is as wanted when it is read back.
const MAX_WRITES: u32 = 3;

/// Performs an action, and notes what must be known of it before anything is sent; nothing is sent where that fails.
pub(crate) async fn act(
    session: Session<'_>,
    action: &Action,
    notes: &mut Notes<'_>,
) -> Result<Outcome, ActionError> {
    match action {
        Action::AddLabel { ticket, label } => add_label(session, ticket, label, notes).await,
        Action::RemoveLabel { ticket, label } => remove_label(session, ticket, label, notes).await,
        Action::SetOwner { ticket, owner } => set_owner(session, ticket, owner, notes).await,
        Action::MoveStage { ticket, stage } => move_stage(session, ticket, stage, notes).await,
        Action::CreateTicket { beside, workflow, stage, name, .. } => {
            let ticket = new_ticket(session, beside, workflow, stage.as_deref(), name).await?;
            notes.sending().await?;
            Ok(Outcome::Created { ticket: session.create_ticket(&ticket).await? })
        }
        Action::CreateLead { lead, into, name, .. } => create_lead(session, lead, into, name, notes).await,
        Action::Mutate { document, variables, on_unknown_outcome, .. } => {
            notes.sending().await?;
            session
                .mutate(document, variables.clone(), *on_unknown_outcome == OnUnknownOutcome::Retry)
                .await?;
            Ok(Outcome::Sent)
        }
        // Action is non-exhaustive towards handlers; a worker older than its handlers must not guess.
        _ => Err(Error::NotFound {
            what: format!("action {}; deploy the worker with its handlers", action.kind()),
        }
        .into()),
    }
}

async fn add_label(
    session: Session<'_>,
    ticket: &TicketId,
    label: &str,
    notes: &mut Notes<'_>,
) -> Result<Outcome, ActionError> {
    let label = session.label_named(label).await?;
    change(session, ticket, notes, async |ticket| {
        let labels = ticket.id_labels.get_or_insert_default();
        let lacks = !labels.contains(&label);
        if lacks {
            labels.push(label.clone());
        }
        Ok(lacks)
    })
    .await
}

async fn remove_label(
    session: Session<'_>,
    ticket: &TicketId,
    label: &str,
    notes: &mut Notes<'_>,
) -> Result<Outcome, ActionError> {
    let label = session.label_named(label).await?;
    change(session, ticket, notes, async |ticket| {
        let labels = ticket.id_labels.get_or_insert_default();
        let before = labels.len();
        labels.retain(|has| has != &label);
        Ok(labels.len() != before)
    })
    .await
}

async fn set_owner(
    session: Session<'_>,
    ticket: &TicketId,
    owner: &OwnerId,
    notes: &mut Notes<'_>,
) -> Result<Outcome, ActionError> {
    change(session, ticket, notes, async |ticket| {
        Ok(ticket.id_owner.replace(owner.clone()).as_ref() != Some(owner))
    })
    .await
}

async fn move_stage(
    session: Session<'_>,
    ticket: &TicketId,
    stage: &str,
    notes: &mut Notes<'_>,
) -> Result<Outcome, ActionError> {
    change(session, ticket, notes, async |ticket| {
        let workflow = ticket.id_workflow.as_ref().ok_or_else(|| hidden("idWorkflow"))?;
        let stage = session.stage_named(workflow, stage).await?;
        Ok(ticket.id_stage.replace(stage.id.clone()) != Some(stage.id))
    })
    .await
}

/// Changes a ticket until it is as wanted when it is read back: an update replaces the whole ticket, so somebody who
/// writes at the same moment undoes ours, and the API may drop a field in silence. `edit` says whether it changed anything.
async fn change(
    session: Session<'_>,
    id: &TicketId,
    notes: &mut Notes<'_>,
    edit: impl AsyncFn(&mut FullTicket) -> Result<bool, Error>,
) -> Result<Outcome, ActionError> {
    let mut outcome = Outcome::NoOp;
    for _ in 0..MAX_WRITES {
        let before = session.ticket(id).await?;
        let mut ticket = before.clone();
        if !edit(&mut ticket).await? {
            return Ok(outcome);
        }
        notes.leaving(&before, &ticket).await?;
        session.update_ticket(ticket).await?;
        outcome = Outcome::Changed;
    }
    if edit(&mut session.ticket(id).await?).await? {
        return Err(
            Error::Unavailable { why: "an update that it took is not there when it is read back" }.into()
        );
    }
    Ok(outcome)
}

async fn new_ticket(
    session: Session<'_>,
    beside: &TicketId,
    workflow: &str,
    stage: Option<&str>,
    name: &str,
) -> Result<NewTicket, Error> {
    let workflow = session.workflow_named(workflow).await?;
    let first = || Error::NotFound { what: format!("stage in the workflow {:?}", workflow.name) };
    let stage = match stage {
        Some(stage) => session.stage_named(&workflow.id, stage).await?,
        None => workflow.stages.first().cloned().ok_or_else(first)?,
    };
    let beside = session.ticket(beside).await?;
    Ok(NewTicket {
        id_stage: stage.id,
        id_workflow: workflow.id.clone(),
        name: named(name, &beside),
        id_owner: beside.id_owner.ok_or_else(|| hidden("idOwner"))?,
        id_clients: beside.id_clients.unwrap_or_default(),
        ticket_client_types: beside.ticket_client_types.unwrap_or_default(),
        is_active: true,
        once_off: 0.into(),
        description: None,
    })
}

fn named(name: &str, beside: &FullTicket) -> Private<String> {
    let other = beside.name.as_ref().map(|name| name.reveal().as_str()).unwrap_or_default();
    Private::new(name.replace("{ticket}", other))
}

fn hidden(field: &str) -> Error {
    Error::Malformed { at: format!("ticket.{field}") }
}
