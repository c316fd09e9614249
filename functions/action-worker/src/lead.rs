//! A lead: a contact, then a ticket for it. Each step is recorded before the next one begins.

use crate::context::Context;
use crate::error::ActionError;
use automations::id::{ContactId, OwnerId, StageId, WorkflowId};
use automations::model::lead::{Lead, LeadTarget};
use automations::model::phone::Phone;
use automations::private::Private;
use automations::salestrekker::{Error, NewContact, NewTicket, Session, Who};
use automations::store::Outcome;

/// The name of the step whose result is the contact's id.
const CONTACT: &str = "contact";

/// The ticket's workflow, stage and owner, by id.
struct ResolvedTarget {
    workflow: WorkflowId,
    stage: StageId,
    owner: OwnerId,
}

/// Creates the contact unless an earlier attempt did, then the ticket.
pub(crate) async fn create_lead(
    context: &mut Context<'_>,
    lead: &Lead,
    into: &LeadTarget,
    name: &str,
) -> Result<Outcome, ActionError> {
    // A name that does not exist fails before anything is created.
    let target = resolve(context.session, into).await?;
    let contact = match context.progress.step(CONTACT).await? {
        Some(contact) => contact,
        None => create_contact(context, lead, &target.owner).await?,
    };
    context.progress.record_send_started().await?;
    let ticket = context.session.create_ticket(&new_ticket(lead, &contact, target, name)).await?;
    Ok(Outcome::LeadCreated { contact, ticket })
}

async fn create_contact(
    context: &mut Context<'_>,
    lead: &Lead,
    owner: &OwnerId,
) -> Result<ContactId, ActionError> {
    context.progress.record_send_started().await?;
    let contact = context.session.create_contact(&new_contact(lead, owner)).await?;
    // Without the record, a retry would create the contact a second time.
    let recorded = context.progress.record_step(CONTACT, contact.as_str()).await;
    recorded.map_err(ActionError::not_recorded)?;
    Ok(contact)
}

async fn resolve(session: Session<'_>, into: &LeadTarget) -> Result<ResolvedTarget, Error> {
    let (workflow, stage, owner) = match into {
        LeadTarget::Ids { id_workflow, id_stage, id_owner } => {
            let (workflow, stage, owner) = (id_workflow.clone(), id_stage.clone(), id_owner.clone());
            return Ok(ResolvedTarget { workflow, stage, owner });
        }
        LeadTarget::Names { workflow, stage, owner } => (workflow, stage, owner),
    };
    let workflow = session.workflow_named(workflow).await?;
    let missing =
        |what: &str| Error::NotFound { what: format!("{what} of the workflow {:?}", workflow.name) };
    let stage = match stage {
        Some(stage) => session.stage_named(&workflow.id, stage).await?,
        None => workflow.stages.first().cloned().ok_or_else(|| missing("stage"))?,
    };
    let owner = owner.clone().or_else(|| workflow.id_owner.clone()).ok_or_else(|| missing("owner"))?;
    Ok(ResolvedTarget { workflow: workflow.id.clone(), stage: stage.id, owner })
}

fn new_contact(lead: &Lead, owner: &OwnerId) -> NewContact {
    let Phone { code, number: primary } = lead.normal_phone();
    let primary_code = Private::new(code.map(String::from).unwrap_or_default());
    let Lead { first_name, family_name, email, phone_code: _, phone: _ } = lead.clone();
    let who = Who::Person { first_name, family_name, email, primary_code, primary };
    NewContact { id_owner: owner.clone(), is_active: true, id_labels: Vec::new(), who }
}

fn new_ticket(lead: &Lead, contact: &ContactId, target: ResolvedTarget, name: &str) -> NewTicket {
    let full_name = format!("{} {}", lead.first_name.reveal(), lead.family_name.reveal());
    NewTicket {
        id_owner: target.owner,
        id_workflow: target.workflow,
        id_stage: target.stage,
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
            let target = ResolvedTarget {
                workflow: WorkflowId::parse("w").unwrap(),
                stage: StageId::parse("s").unwrap(),
                owner: OwnerId::parse("o").unwrap(),
            };
            new_ticket(&lead, &ContactId::parse("c").unwrap(), target, "{contact}, website").name
        };
        assert_eq!(named("Jane", "Citizen").reveal(), "Jane Citizen, website");
        assert_eq!(named("Jane", "").reveal(), "Jane, website", "a lead with one name");
    }

    #[test]
    fn a_telephone_number_is_sent_without_a_plus_and_without_its_trunk_zero() {
        let sent = |phone: &str| {
            let lead = Lead { phone: Private::new(phone.to_owned()), ..Lead::default() };
            let contact = new_contact(&lead, &OwnerId::parse("o").unwrap());
            let Who::Person { primary_code, primary, .. } = contact.who else { panic!("no person") };
            (primary_code.reveal().clone(), primary.reveal().clone())
        };
        assert_eq!(sent("0491 570 006"), ("61".to_owned(), "491570006".to_owned()));
        assert_eq!(sent("+64 21 555 0100"), ("64".to_owned(), "215550100".to_owned()));
        assert_eq!(sent(""), (String::new(), String::new()));
    }
}
