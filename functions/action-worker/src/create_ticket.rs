//! A new ticket beside another one.

use crate::context::Context;
use crate::error::ActionError;
use automations::id::TicketId;
use automations::private::Private;
use automations::salestrekker::{Error, FullTicket, NewTicket};
use automations::store::Outcome;

/// Creates a ticket with the owner and the clients of `beside`, in a workflow and stage given by their names.
pub(crate) async fn create_ticket(
    context: &mut Context<'_>,
    beside: &TicketId,
    (workflow, stage): (&str, Option<&str>),
    name: &str,
) -> Result<Outcome, ActionError> {
    let ticket = new_ticket(context, beside, (workflow, stage), name).await?;
    context.progress.record_send_started().await?;
    Ok(Outcome::Created { ticket: context.session.create_ticket(&ticket).await? })
}

async fn new_ticket(
    context: &Context<'_>,
    beside: &TicketId,
    (workflow, stage): (&str, Option<&str>),
    name: &str,
) -> Result<NewTicket, Error> {
    let session = context.session;
    let workflow = session.workflow_named(workflow).await?;
    let no_stage = || Error::NotFound { what: format!("stage in the workflow {:?}", workflow.name) };
    let stage = match stage {
        Some(stage) => session.stage_named(&workflow.id, stage).await?,
        None => workflow.stages.first().cloned().ok_or_else(no_stage)?,
    };
    let beside = match context.read_back {
        Some(read_back) if read_back.id == *beside => read_back.clone(),
        _ => session.ticket(beside).await?,
    };
    Ok(NewTicket {
        id_stage: stage.id,
        id_workflow: workflow.id.clone(),
        name: new_name(name, &beside),
        id_owner: beside
            .id_owner
            .ok_or_else(|| Error::InvalidResponse { at: "ticket.idOwner".to_owned() })?,
        id_clients: beside.id_clients.unwrap_or_default(),
        ticket_client_types: beside.ticket_client_types.unwrap_or_default(),
        is_active: true,
        once_off: 0.into(),
        description: None,
    })
}

fn new_name(template: &str, beside: &FullTicket) -> Private<String> {
    let other = beside.name.as_ref().map(|name| name.reveal().as_str()).unwrap_or_default();
    Private::new(template.replace("{ticket}", other))
}
