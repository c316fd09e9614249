//! The schema's inputs, field for field as in shared/schema/salestrekker.graphql; a test compares the two.

use super::objects::{
    Company, Contact, Person, PersonContactDetails, PersonInformation, Ticket, TicketClientType, TicketValues,
};
use async_graphql::{ID, InputObject};

#[derive(InputObject)]
pub(super) struct ContactCreateInput {
    id_owner: ID,
    is_active: bool,
    id_labels: Vec<ID>,
    person: Option<PersonInput>,
    company: Option<CompanyInput>,
}

#[derive(InputObject)]
pub(super) struct PersonInput {
    information: PersonInformationInput,
    contact: PersonContactDetailsInput,
}

#[derive(InputObject)]
pub(super) struct PersonInformationInput {
    first_name: String,
    family_name: String,
}

#[derive(InputObject)]
pub(super) struct PersonContactDetailsInput {
    email: String,
    primary_code: String,
    primary: String,
}

#[derive(InputObject)]
pub(super) struct CompanyInput {
    name: String,
}

#[derive(InputObject)]
pub(super) struct TicketCreateInput {
    pub(super) id_owner: ID,
    pub(super) id_workflow: ID,
    pub(super) id_stage: ID,
    pub(super) id_clients: Vec<ID>,
    pub(super) is_active: bool,
    pub(super) name: String,
    pub(super) ticket_client_types: Vec<TicketClientTypeInput>,
    pub(super) values: TicketValuesInput,
    pub(super) description: Option<String>,
    pub(super) id_labels: Option<Vec<ID>>,
}

#[derive(InputObject)]
pub(super) struct TicketClientTypeInput {
    id_contact: Option<ID>,
    id_label: Option<ID>,
}

#[derive(InputObject)]
pub(super) struct TicketValuesInput {
    once_off: f64,
}

#[derive(InputObject)]
pub(super) struct TicketUpdateInput {
    pub(super) id: ID,
    pub(super) id_owner: ID,
    pub(super) id_workflow: ID,
    pub(super) id_stage: ID,
    pub(super) id_labels: Option<Vec<ID>>,
    pub(super) id_clients: Vec<ID>,
    pub(super) ticket_client_types: Vec<TicketClientTypeInput>,
    pub(super) name: String,
    pub(super) values: TicketValuesInput,
}

impl TicketCreateInput {
    /// The new ticket.
    pub(super) fn into_ticket(self, id: ID) -> Ticket {
        Ticket {
            id,
            name: Some(self.name),
            id_owner: Some(self.id_owner),
            id_workflow: Some(self.id_workflow),
            id_stage: Some(self.id_stage),
            id_labels: Some(self.id_labels.unwrap_or_default()),
            id_clients: Some(self.id_clients),
            ticket_client_types: Some(roles(self.ticket_client_types)),
            values: Some(TicketValues { once_off: Some(self.values.once_off) }),
            time_stamp: None,
            assets: None,
            description: self.description,
            is_active: Some(self.is_active),
        }
    }
}

impl TicketUpdateInput {
    /// Replaces the ticket, lists included; missing labels are removed.
    pub(super) fn replace(self, ticket: &mut Ticket) {
        ticket.name = Some(self.name);
        ticket.id_owner = Some(self.id_owner);
        ticket.id_workflow = Some(self.id_workflow);
        ticket.id_stage = Some(self.id_stage);
        ticket.id_labels = Some(self.id_labels.unwrap_or_default());
        ticket.id_clients = Some(self.id_clients);
        ticket.ticket_client_types = Some(roles(self.ticket_client_types));
        ticket.values = Some(TicketValues { once_off: Some(self.values.once_off) });
    }
}

impl ContactCreateInput {
    /// The new contact.
    pub(super) fn into_contact(self, id: ID) -> Contact {
        let person = self.person.map(|person| Person {
            information: Some(PersonInformation {
                first_name: Some(person.information.first_name),
                family_name: Some(person.information.family_name),
                ..PersonInformation::default()
            }),
            contact: Some(PersonContactDetails {
                email: Some(person.contact.email),
                primary_code: Some(person.contact.primary_code),
                primary: Some(person.contact.primary),
                ..PersonContactDetails::default()
            }),
            employments: None,
        });
        Contact {
            id,
            id_owner: Some(self.id_owner),
            id_labels: Some(self.id_labels),
            is_active: Some(self.is_active),
            person,
            company: self.company.map(|company| Company { name: Some(company.name) }),
            income: None,
        }
    }
}

fn roles(inputs: Vec<TicketClientTypeInput>) -> Vec<TicketClientType> {
    inputs
        .into_iter()
        .map(|role| TicketClientType { id_contact: role.id_contact, id_label: role.id_label })
        .collect()
}
