//! A lead: a contact, then a ticket for it. Each step is recorded before the next begins.

use crate::ActionError;
use crate::notes::Notes;
use automations::id::{ContactId, OwnerId, StageId, WorkflowId};
use automations::model::lead::{Lead, LeadTarget};
use automations::private::Private;
use automations::salestrekker::{Error, NewContact, NewTicket, Session, Who};
use automations::store::Outcome;

/// The step whose result is the contact's id.
const CONTACT: &str = "contact";

/// Where the ticket goes and who owns it, by id.
struct ResolvedTarget {
    workflow: WorkflowId,
    stage: StageId,
    owner: OwnerId,
}

/// Creates the contact unless an earlier attempt did, then the ticket.
pub(crate) async fn create_lead(
    session: Session<'_>,
    lead: &Lead,
    into: &LeadTarget,
    name: &str,
    notes: &mut Notes<'_>,
) -> Result<Outcome, ActionError> {
    // What can be refused for its names is looked up before anything is created.
    let place = place(session, into).await?;
    let contact = match notes.step(CONTACT).await? {
        Some(contact) => contact,
        None => create_contact(session, lead, &place.owner, notes).await?,
    };
    notes.sending().await?;
    let ticket = session.create_ticket(&new_ticket(lead, &contact, place, name)).await?;
    Ok(Outcome::LeadCreated { contact, ticket })
}

async fn create_contact(
    session: Session<'_>,
    lead: &Lead,
    owner: &OwnerId,
    notes: &mut Notes<'_>,
) -> Result<ContactId, ActionError> {
    notes.sending().await?;
    let contact = session.create_contact(&new_contact(lead, owner)).await?;
    // A contact that exists and stands in no record must not be made again.
    notes.stepped(CONTACT, contact.as_str()).await.map_err(ActionError::on_unknown_outcome)?;
    Ok(contact)
}

async fn place(session: Session<'_>, into: &LeadTarget) -> Result<ResolvedTarget, Error> {
    let (workflow, stage, owner) = match into {
        LeadTarget::Ids { id_workflow, id_stage, id_owner } => {
            let (workflow, stage, owner) = (id_workflow.clone(), id_stage.clone(), id_owner.clone());
            return Ok(ResolvedTarget { workflow, stage, owner });
        }
        LeadTarget::Names { workflow, stage, owner } => (workflow, stage, owner),
    };
    let workflow = session.workflow_named(workflow).await?;
    let lacks = |what: &str| Error::NotFound { what: format!("{what} of the workflow {:?}", workflow.name) };
    let stage = match stage {
        Some(stage) => session.stage_named(&workflow.id, stage).await?,
        None => workflow.stages.first().cloned().ok_or_else(|| lacks("stage"))?,
    };
    let owner = owner.clone().or_else(|| workflow.id_owner.clone()).ok_or_else(|| lacks("owner"))?;
    Ok(ResolvedTarget { workflow: workflow.id.clone(), stage: stage.id, owner })
}

fn new_contact(lead: &Lead, owner: &OwnerId) -> NewContact {
    let Lead { first_name, family_name, email, phone_code, phone } = lead.clone();
    let who = Who::Person { first_name, family_name, email, primary_code: phone_code, primary: phone };
    NewContact { id_owner: owner.clone(), is_active: true, id_labels: Vec::new(), who }
}

fn new_ticket(lead: &Lead, contact: &ContactId, place: ResolvedTarget, name: &str) -> NewTicket {
    let full_name = format!("{} {}", lead.first_name.reveal(), lead.family_name.reveal());
    NewTicket {
        id_owner: place.owner,
        id_workflow: place.workflow,
        id_stage: place.stage,
        id_clients: vec![contact.clone()],
        is_active: true,
        name: Private::new(name.replace("{contact}", full_name.trim())),
        ticket_client_types: Vec::new(),
        once_off: 0.into(),
        description: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticket_is_named_after_the_contact() {
        let named = |first: &str, family: &str| {
            let [first_name, family_name] = [first, family].map(|name| Private::new(name.to_owned()));
            let lead = Lead { first_name, family_name, ..Lead::default() };
            let place = ResolvedTarget {
                workflow: WorkflowId::parse("w").unwrap(),
                stage: StageId::parse("s").unwrap(),
                owner: OwnerId::parse("o").unwrap(),
            };
            new_ticket(&lead, &ContactId::parse("c").unwrap(), place, "{contact}, website").name
        };
        assert_eq!(named("Jane", "Citizen").reveal(), "Jane Citizen, website");
        assert_eq!(named("Jane", "").reveal(), "Jane, website", "who gave one name");
    }
}
