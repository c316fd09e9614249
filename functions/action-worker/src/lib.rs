//! The one writer: performs actions, one at a time per ticket, each once.
//!
//! The API's update replaces the whole ticket, so every change reads it first; the queue's message group keeps two
//! changes of one ticket from meeting.

use automations::action::{Action, Decided};
use automations::batch::Trouble;
use automations::clock::Moment;
use automations::failure::Remedy;
use automations::id::TicketId;
use automations::private::Private;
use automations::salestrekker::{Client, Error, FullTicket, NewTicket, Session};
use automations::store::{Done, Error as StoreError, Outcome, Store};
use automations::{clock, tracing};

/// The worker, with what it needs.
#[derive(Debug)]
pub struct Worker {
    /// Salestrekker.
    pub client: Client,
    /// What was done.
    pub store: Store,
}

impl Worker {
    /// Performs an action before the invocation's deadline, unless it is recorded as done, and records it.
    ///
    /// # Errors
    /// [`Trouble`]; where it says to try again, trying again is harmless.
    pub async fn perform(&self, decided: &Decided, until: Moment) -> Result<(), Trouble> {
        let Decided { id, organisation, action, .. } = decided;
        let span = |outcome: &str| {
            tracing::info!(
                organisation = organisation.as_str(),
                ticket.id = action.ticket().as_str(),
                action.id = id.as_str(),
                action.kind = action.kind(),
                outcome,
                "performed"
            );
        };
        if self.store.done(organisation, id).await?.is_some() {
            span("done_before");
            return Ok(());
        }
        let session = self.client.session(organisation, until);
        let outcome = act(session, action).await.map_err(|error| trouble(error, action))?;
        let done = Done { decided: decided.clone(), outcome, done_at: clock::now() };
        match self.store.record(&done).await {
            // Overtaken: another delivery of this action recorded it first.
            Ok(()) | Err(StoreError::Overtaken) => {
                span("done");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn act(session: Session<'_>, action: &Action) -> Result<Outcome, Error> {
    match action {
        Action::AddLabel { ticket, label } => add_label(session, ticket, label).await,
        Action::MoveStage { ticket, stage } => move_stage(session, ticket, stage).await,
        Action::CreateTicket { beside, workflow, stage, name } => {
            create_ticket(session, beside, workflow, stage.as_deref(), name).await
        }
        Action::Mutate { document, variables, repeatable, .. } => {
            session.mutate(document, variables.clone(), *repeatable).await?;
            Ok(Outcome::Sent)
        }
        // Action is non-exhaustive towards handlers; a worker older than its handlers must not guess.
        _ => Err(Error::NotFound {
            what: format!("action {}; deploy the worker with its handlers", action.kind()),
        }),
    }
}

async fn add_label(session: Session<'_>, ticket: &TicketId, label: &str) -> Result<Outcome, Error> {
    let label = session.label_named(label).await?;
    let mut ticket = session.ticket(ticket).await?;
    let labels = ticket.id_labels.get_or_insert_default();
    if labels.contains(&label) {
        return Ok(Outcome::AlreadySo);
    }
    labels.push(label);
    session.update_ticket(ticket).await?;
    Ok(Outcome::Changed)
}

async fn move_stage(session: Session<'_>, ticket: &TicketId, stage: &str) -> Result<Outcome, Error> {
    let mut ticket = session.ticket(ticket).await?;
    let workflow = ticket.id_workflow.as_ref().ok_or_else(|| hidden("idWorkflow"))?;
    let stage = session.stage_named(workflow, stage).await?;
    if ticket.id_stage.as_ref() == Some(&stage.id) {
        return Ok(Outcome::AlreadySo);
    }
    ticket.id_stage = Some(stage.id);
    session.update_ticket(ticket).await?;
    Ok(Outcome::Changed)
}

async fn create_ticket(
    session: Session<'_>,
    beside: &TicketId,
    workflow: &str,
    stage: Option<&str>,
    name: &str,
) -> Result<Outcome, Error> {
    let workflow = session.workflow_named(workflow).await?;
    let stage =
        match stage {
            Some(stage) => session.stage_named(&workflow.id, stage).await?,
            None => workflow.stages.first().cloned().ok_or_else(|| Error::NotFound {
                what: format!("stage in the workflow {:?}", workflow.name),
            })?,
        };
    let beside = session.ticket(beside).await?;
    let ticket = NewTicket {
        id_stage: stage.id,
        id_workflow: workflow.id.clone(),
        name: named(name, &beside),
        id_owner: beside.id_owner.ok_or_else(|| hidden("idOwner"))?,
        id_clients: beside.id_clients.unwrap_or_default(),
        ticket_client_types: beside.ticket_client_types.unwrap_or_default(),
        is_active: true,
        once_off: 0.into(),
        description: None,
    };
    Ok(Outcome::Created { ticket: session.create_ticket(&ticket).await? })
}

/// A mutation without an answer may have taken effect. Doing an idempotent one again is harmless; a create is left for a
/// person, in the dead-letter queue: a second ticket would be worse than a late one.
fn trouble(error: Error, action: &Action) -> Trouble {
    let ambiguous = matches!(error, Error::Ambiguous);
    let mut trouble = Trouble::from(error);
    match action {
        Action::AddLabel { .. } | Action::MoveStage { .. } | Action::Mutate { repeatable: true, .. }
            if ambiguous =>
        {
            trouble.remedy = Remedy::Retry { after: None }
        }
        _ => {}
    }
    trouble
}

fn named(name: &str, beside: &FullTicket) -> Private<String> {
    let other = beside.name.as_ref().map(|name| name.reveal().as_str()).unwrap_or_default();
    Private::new(name.replace("{ticket}", other))
}

fn hidden(field: &str) -> Error {
    Error::Malformed { at: format!("ticket.{field}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::example;

    #[test]
    fn a_create_without_an_answer_is_left_for_a_person_and_a_label_is_tried_again() {
        let ticket = example::ticket();
        let create = Action::create_ticket(&ticket, "Annual reviews", "x");
        assert_eq!(trouble(Error::Ambiguous, &create).remedy, Remedy::GiveUp);
        let label = Action::add_label(&ticket, "x");
        assert_eq!(trouble(Error::Ambiguous, &label).remedy, Remedy::Retry { after: None });
        let rejected = Error::Rejected { messages: Private::default() };
        assert_eq!(trouble(rejected, &label).remedy, Remedy::GiveUp);
    }
}
