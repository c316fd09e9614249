//! A lead: a contact, a ticket for it, and the ticket's labels. Each step is recorded before the next one begins.

use crate::context::Context;
use crate::edit::{Change, Edit};
use crate::edit_tickets::edit_alone;
use crate::error::ActionError;
use crate::progress::Progress;
use automations::aws::secret::Access;
use automations::clock;
use automations::id::{ContactId, LabelId, OwnerId, StageId, TicketId, WorkflowId};
use automations::model::lead::{Lead, LeadTarget};
use automations::model::phone::Phone;
use automations::private::Private;
use automations::salestrekker::{Error, NewContact, NewTicket, Session, Who};
use automations::store::Outcome;

/// The name of the step whose result is the contact's id.
const CONTACT: &str = "contact";
/// The name of the step whose result is the ticket's id, if another step follows.
const TICKET: &str = "ticket";

/// The ticket's workflow, stage and owner, by id.
struct ResolvedTarget {
    workflow: WorkflowId,
    stage: StageId,
    owner: OwnerId,
}

/// Creates the contact unless an earlier attempt did, or an earlier lead that is reused; then the ticket; then adds its labels.
pub(crate) async fn create_lead(
    context: &mut Context<'_>,
    lead: &Lead,
    into: &LeadTarget,
    name: &str,
) -> Result<Outcome, ActionError> {
    // A name that does not exist fails before anything is created.
    let target = resolve(context.session, into).await?;
    let mut labels = Vec::new();
    for label in &lead.labels {
        labels.push(context.session.label_named(label).await?);
    }
    let digests = digests(context, lead).await?;
    let contact = match context.progress.step(CONTACT).await? {
        Some(contact) => contact,
        None => match earlier_contact(context, &digests).await? {
            Some(contact) => {
                context.progress.record_step(CONTACT, contact.as_str()).await?;
                contact
            }
            None => create_contact(context, lead, &target.owner).await?,
        },
    };
    let Progress { store, planned, .. } = context.progress;
    store.record_lead_contact(&planned.organisation, &digests, &contact, clock::now()).await?;
    let ticket = new_ticket(lead, &contact, target, name);
    if labels.is_empty() {
        context.progress.record_send_started().await?;
        let ticket = context.session.create_ticket(&ticket).await?;
        return Ok(Outcome::LeadCreated { contact, ticket });
    }
    let ticket = match context.progress.step(TICKET).await? {
        Some(ticket) => ticket,
        None => create_ticket(context, &ticket).await?,
    };
    context.progress.record_created(&ticket).await?;
    add_labels(context, &ticket, labels).await?;
    Ok(Outcome::LeadCreated { contact, ticket })
}

/// The digests by which the person is recognised; none if the handler does not reuse contacts.
async fn digests(context: &Context<'_>, lead: &Lead) -> Result<Vec<String>, ActionError> {
    if !lead.reuse_contact {
        return Ok(Vec::new());
    }
    let key = context.secrets.lead_key(&context.planned.organisation).await?;
    Ok(lead.identities().iter().filter_map(|identity| key.digest(identity)).collect())
}

/// The contact of an earlier lead, if Salestrekker still has it. A credential that may not read cannot check it.
async fn earlier_contact(
    context: &Context<'_>,
    digests: &[String],
) -> Result<Option<ContactId>, ActionError> {
    let Progress { store, planned, .. } = context.progress;
    let Some(contact) = store.lead_contact(&planned.organisation, digests, clock::now()).await? else {
        return Ok(None);
    };
    if context.session.access().await?.0 == Access::WriteOnly {
        return Ok(Some(contact));
    }
    match context.session.contact(&contact).await {
        Err(Error::NotFound { .. }) => Ok(None),
        // What the API does not let us read of a contact says nothing of whether it is there.
        Ok(_) | Err(Error::Rejected { .. } | Error::InvalidResponse { .. }) => Ok(Some(contact)),
        Err(error) => Err(error.into()),
    }
}

async fn create_ticket(context: &Context<'_>, ticket: &NewTicket) -> Result<TicketId, ActionError> {
    context.progress.record_send_started().await?;
    let ticket = context.session.create_ticket(ticket).await?;
    // Without the record, a retry would create the ticket a second time.
    let recorded = context.progress.record_step(TICKET, ticket.as_str()).await;
    recorded.map_err(ActionError::not_recorded)?;
    Ok(ticket)
}

/// Adds labels to the new ticket. It is read before it is changed, so that this step may be repeated.
async fn add_labels(
    context: &Context<'_>,
    ticket: &TicketId,
    labels: Vec<LabelId>,
) -> Result<Outcome, ActionError> {
    let edit = Edit { planned: context.planned, change: Change::AddLabels(labels), seen: None };
    let added = edit_alone(context, Some((ticket.clone(), edit))).await;
    added.map_err(|error| ActionError { outcome_unknown: false, ..error })
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
    let Lead { first_name, family_name, email, .. } = lead.clone();
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
        once_off: lead.value.clone().unwrap_or_else(|| 0.into()),
        description: lead.full_description(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> ResolvedTarget {
        ResolvedTarget {
            workflow: WorkflowId::parse("w").unwrap(),
            stage: StageId::parse("s").unwrap(),
            owner: OwnerId::parse("o").unwrap(),
        }
    }

    #[test]
    fn the_ticket_has_the_amount_and_the_answers_of_the_form() {
        let private = |text: &str| Private::new(text.to_owned());
        let lead = Lead {
            description: private("purpose: refinance"),
            source: private("Website"),
            value: Some(500_000.into()),
            ..Lead::default()
        };
        let ticket = new_ticket(&lead, &ContactId::parse("c").unwrap(), target(), "x");
        assert_eq!(ticket.once_off, 500_000.into());
        assert_eq!(ticket.description.unwrap().reveal(), "Source: Website\npurpose: refinance");
        let ticket = new_ticket(&Lead::default(), &ContactId::parse("c").unwrap(), target(), "x");
        assert_eq!((ticket.once_off, ticket.description), (0.into(), None));
    }

    #[test]
    fn the_ticket_is_named_after_the_contact() {
        let named = |first: &str, family: &str| {
            let [first_name, family_name] = [first, family].map(|name| Private::new(name.to_owned()));
            let lead = Lead { first_name, family_name, ..Lead::default() };
            new_ticket(&lead, &ContactId::parse("c").unwrap(), target(), "{contact}, website").name
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
