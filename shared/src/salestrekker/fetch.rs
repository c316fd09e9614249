//! Fetching tickets: the part of the API's response that we store, with names for ids.

use super::model::required_field;
use super::own_fields::{self, OwnFields};
use super::{Error, FullTicket, Label, Session, Workflow};
use crate::id::{LabelId, TicketId, WorkflowId};
use crate::model::diff::name_digest;
use crate::model::snapshot::Seen;
use crate::model::ticket::{Named, Ticket};
use crate::model::ticket_fields::TicketFields;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

impl Session<'_> {
    /// Fetches these tickets: one request for each 25 ids, and none for cached names. The results are in the
    /// order of `ids`; `None` if the API has no such ticket. These fields are read too, if the API lets them be read.
    ///
    /// # Errors
    /// If a whole request fails. The error of one ticket is its own result.
    pub async fn fetch(
        &self,
        ids: &[TicketId],
        fields: &TicketFields,
    ) -> Result<Vec<Result<Option<Seen>, Error>>, Error> {
        let found = self.tickets_with(ids, fields).await?;
        let tickets: Vec<&FullTicket> = found.iter().flatten().flatten().collect();
        let own: Vec<OwnFields> = tickets.iter().map(|ticket| OwnFields::of(ticket, fields)).collect();
        own_fields::report(self.organisation, &own);
        let (workflows, labels) = futures::try_join!(self.workflows_of(&tickets), self.labels_of(&tickets))?;
        let mut own = own.into_iter();
        let seen = ids.iter().zip(found).map(|(id, found)| {
            let Some(ticket) = found? else { return Ok(None) };
            seen(id, ticket, own.next().unwrap_or_default(), &workflows, &labels).map(Some)
        });
        Ok(seen.collect())
    }

    async fn workflows_of(
        &self,
        tickets: &[&FullTicket],
    ) -> Result<HashMap<WorkflowId, Arc<Workflow>>, Error> {
        let distinct: BTreeSet<_> = tickets.iter().filter_map(|ticket| ticket.id_workflow.clone()).collect();
        let ids: Vec<WorkflowId> = distinct.into_iter().collect();
        // A stage that the cache does not know was added since: then the workflow is fetched again.
        let knows_stages = |workflow: &Workflow| {
            let in_workflow =
                tickets.iter().filter(|ticket| ticket.id_workflow.as_ref() == Some(&workflow.id));
            in_workflow
                .filter_map(|ticket| ticket.id_stage.as_ref())
                .all(|id| workflow.stages.iter().any(|stage| &stage.id == id))
        };
        self.named_workflows(&ids, knows_stages).await
    }

    async fn labels_of(&self, tickets: &[&FullTicket]) -> Result<Arc<Vec<Label>>, Error> {
        let mut ids = tickets.iter().filter_map(|ticket| ticket.id_labels.as_ref()).flatten().peekable();
        if ids.peek().is_none() {
            return Ok(Arc::default());
        }
        let wanted: BTreeSet<_> = ids.collect();
        let knows = |labels: &[Label]| wanted.iter().all(|id| labels.iter().any(|label| &label.id == *id));
        self.labels(knows).await
    }
}

fn seen(
    requested: &TicketId,
    ticket: FullTicket,
    own: OwnFields,
    workflows: &HashMap<WorkflowId, Arc<Workflow>>,
    labels: &[Label],
) -> Result<Seen, Error> {
    // The snapshot was read under the requested id; a response about another ticket must not be stored there.
    if &ticket.id != requested {
        return Err(Error::InvalidResponse { at: "ticket.id".to_owned() });
    }
    let id_workflow = required_field(ticket.id_workflow, "idWorkflow")?;
    let id_stage = required_field(ticket.id_stage, "idStage")?;
    let workflow = workflows.get(&id_workflow);
    let stage = workflow.and_then(|workflow| workflow.stages.iter().find(|stage| stage.id == id_stage));
    let label_name =
        |id: &LabelId| labels.iter().find(|label| &label.id == id).map(|label| label.name.clone());
    let name = ticket.name.unwrap_or_default();
    let clients: BTreeSet<_> = ticket.id_clients.unwrap_or_default().into_iter().collect();
    let own_labels: BTreeSet<_> = ticket.id_labels.unwrap_or_default().into_iter().collect();
    Ok(Seen {
        name_digest: name_digest(&ticket.id, name.reveal()),
        ticket: Ticket {
            id: ticket.id,
            version: 0,
            stage: Named { name: stage.map(|stage| stage.name.clone()), id: id_stage },
            workflow: Named { name: workflow.map(|workflow| workflow.name.clone()), id: id_workflow },
            owner: ticket.id_owner,
            labels: own_labels.iter().map(|id| Named { name: label_name(id), id: id.clone() }).collect(),
            clients: clients.into_iter().collect(),
            value: ticket.values.and_then(|values| values.once_off),
            active: ticket.is_active,
            fields: own.values,
        },
        private_fields: own.private,
        unread_fields: own.unread,
    })
}
