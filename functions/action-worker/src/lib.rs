//! The one writer: performs actions, one at a time per ticket, each once.
//!
//! The API's update replaces the whole ticket, so every change reads it first; the queue's message group keeps two
//! changes of one ticket from meeting.

use automations::action::{Action, Decided};
use automations::batch::Trouble;
use automations::failure::Remedy;
use automations::id::{OrganisationId, TicketId};
use automations::private::Private;
use automations::salestrekker::{Client, Error, FullTicket, NewTicket, Values};
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
    /// Performs an action, unless it is recorded as done, and records it.
    ///
    /// # Errors
    /// [`Trouble`]; where it says to try again, trying again is harmless.
    pub async fn perform(&self, decided: &Decided) -> Result<(), Trouble> {
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
        let outcome = self.act(organisation, action).await.map_err(|error| trouble(error, action))?;
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

    async fn act(&self, organisation: &OrganisationId, action: &Action) -> Result<Outcome, Error> {
        match action {
            Action::AddLabel { ticket, label } => self.add_label(organisation, ticket, label).await,
            Action::MoveStage { ticket, stage } => self.move_stage(organisation, ticket, stage).await,
            Action::CreateTicket { beside, workflow, stage, name } => {
                self.create_ticket(organisation, beside, workflow, stage.as_deref(), name).await
            }
            // Action is non-exhaustive towards handlers; a worker older than its handlers must not guess.
            _ => Err(Error::NotFound {
                what: format!("action {}; deploy the worker with its handlers", action.kind()),
            }),
        }
    }

    async fn add_label(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        label: &str,
    ) -> Result<Outcome, Error> {
        let label = self.client.label_named(organisation, label).await?;
        let mut ticket = self.client.ticket(organisation, ticket).await?;
        let labels = ticket.id_labels.get_or_insert_default();
        if labels.contains(&label) {
            return Ok(Outcome::AlreadySo);
        }
        labels.push(label);
        self.client.update_ticket(organisation, ticket).await?;
        Ok(Outcome::Changed)
    }

    async fn move_stage(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        stage: &str,
    ) -> Result<Outcome, Error> {
        let mut ticket = self.client.ticket(organisation, ticket).await?;
        let workflow = ticket.id_workflow.as_ref().ok_or_else(|| hidden("idWorkflow"))?;
        let stage = self.client.stage_named(organisation, workflow, stage).await?;
        if ticket.id_stage.as_ref() == Some(&stage.id) {
            return Ok(Outcome::AlreadySo);
        }
        ticket.id_stage = Some(stage.id);
        self.client.update_ticket(organisation, ticket).await?;
        Ok(Outcome::Changed)
    }

    async fn create_ticket(
        &self,
        organisation: &OrganisationId,
        beside: &TicketId,
        workflow: &str,
        stage: Option<&str>,
        name: &str,
    ) -> Result<Outcome, Error> {
        let workflow = self.client.workflow_named(organisation, workflow).await?;
        let stage = match stage {
            Some(stage) => self.client.stage_named(organisation, &workflow.id, stage).await?,
            None => workflow.stages.first().cloned().ok_or_else(|| Error::NotFound {
                what: format!("stage in the workflow {:?}", workflow.name),
            })?,
        };
        let beside = self.client.ticket(organisation, beside).await?;
        let ticket = NewTicket {
            id_stage: stage.id,
            id_workflow: workflow.id.clone(),
            name: named(name, &beside),
            id_owner: beside.id_owner.ok_or_else(|| hidden("idOwner"))?,
            id_clients: beside.id_clients.unwrap_or_default(),
            ticket_client_types: beside.ticket_client_types.unwrap_or_default(),
            is_active: true,
            values: Values { once_off: Some(0.into()) },
        };
        let ticket = self.client.create_ticket(organisation, &ticket).await?;
        Ok(Outcome::Created { ticket })
    }
}

/// A mutation without an answer may have taken effect. Doing an idempotent one again is harmless; a create is left for a
/// person, in the dead-letter queue: a second ticket would be worse than a late one.
fn trouble(error: Error, action: &Action) -> Trouble {
    let ambiguous = matches!(error, Error::Ambiguous);
    let mut trouble = Trouble::from(error);
    match action {
        Action::AddLabel { .. } | Action::MoveStage { .. } if ambiguous => {
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
