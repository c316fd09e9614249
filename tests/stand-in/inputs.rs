//! The schema's inputs, as in shared/schema/salestrekker.graphql, with what a variant adds or lets out (vendor.rs).

use super::objects::{
    Company, Contact, CustomField, Person, PersonContactDetails, PersonInformation, Ticket, TicketClientType,
    TicketValues,
};
use super::vendor::{Update, Vendor};
use async_graphql::{ID, InputObject, MaybeUndefined};

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
    once_off_due_date: MaybeUndefined<String>,
}

/// An update with everything that a variant may let out.
#[derive(InputObject)]
pub(super) struct TicketUpdateInput {
    pub(super) id: ID,
    id_owner: MaybeUndefined<ID>,
    pub(super) id_workflow: MaybeUndefined<ID>,
    pub(super) id_stage: MaybeUndefined<ID>,
    id_labels: MaybeUndefined<Vec<ID>>,
    id_clients: MaybeUndefined<Vec<ID>>,
    ticket_client_types: MaybeUndefined<Vec<TicketClientTypeInput>>,
    name: MaybeUndefined<String>,
    values: MaybeUndefined<TicketValuesInput>,
    description: MaybeUndefined<String>,
    is_active: MaybeUndefined<bool>,
    color: MaybeUndefined<String>,
    id_team_members: MaybeUndefined<Vec<ID>>,
    custom_fields: MaybeUndefined<Vec<CustomField>>,
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
            values: Some(TicketValues {
                once_off: Some(self.values.once_off),
                once_off_due_date: self.values.once_off_due_date.take(),
            }),
            description: self.description,
            is_active: Some(self.is_active),
            ..Ticket::default()
        }
    }
}

impl TicketUpdateInput {
    /// Changes the ticket: what is not sent is cleared, or kept, as the vendor does it. A list is cleared by being empty.
    pub(super) fn change(self, ticket: &mut Ticket, vendor: &Vendor) {
        let clears = vendor.update == Update::Replaces;
        let has_extras = clears && vendor.extra_fields;
        set(&mut ticket.name, self.name, clears);
        set(&mut ticket.id_owner, self.id_owner, clears);
        set(&mut ticket.id_workflow, self.id_workflow, clears);
        set(&mut ticket.id_stage, self.id_stage, clears);
        set(&mut ticket.id_labels, self.id_labels, clears);
        ticket.id_labels.get_or_insert_default();
        set(&mut ticket.id_clients, self.id_clients, clears);
        let roles = self.ticket_client_types.map_value(roles);
        set(&mut ticket.ticket_client_types, roles, clears);
        let due_before = ticket.values.as_ref().and_then(|values| values.once_off_due_date.clone());
        let values = self.values.map_value(|values| {
            let mut due = due_before;
            set(&mut due, values.once_off_due_date, has_extras);
            TicketValues { once_off: Some(values.once_off), once_off_due_date: due }
        });
        set(&mut ticket.values, values, clears);
        set(&mut ticket.description, self.description, has_extras);
        set(&mut ticket.is_active, self.is_active, has_extras);
        set(&mut ticket.color, self.color, has_extras);
        set(&mut ticket.id_team_members, self.id_team_members, has_extras);
        set(&mut ticket.custom_fields, self.custom_fields, has_extras);
    }
}

fn set<T>(field: &mut Option<T>, sent: MaybeUndefined<T>, clears: bool) {
    match sent {
        MaybeUndefined::Value(value) => *field = Some(value),
        MaybeUndefined::Null => *field = None,
        MaybeUndefined::Undefined if clears => *field = None,
        MaybeUndefined::Undefined => {}
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
