//! The schema's objects, field for field as in shared/schema/salestrekker.graphql and the fields that a variant adds (vendor.rs);
//! a test compares the two.

#![expect(clippy::struct_field_names, reason = "the names are the schema's")]

use async_graphql::{ID, InputObject, Scalar, ScalarType, SimpleObject, Value};
use serde::{Deserialize, Serialize};

/// A time in an unknown format.
#[derive(Debug, Clone)]
pub(super) struct UnverifiedTime(Value);

#[Scalar]
impl ScalarType for UnverifiedTime {
    fn parse(value: Value) -> async_graphql::InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Authentication {
    pub(super) token: String,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct OrganizationMembership {
    pub(super) id: ID,
    pub(super) organization: Organization,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Organization {
    pub(super) name: String,
    pub(super) id: Option<ID>,
}

#[derive(Debug, Clone, Default, SimpleObject)]
pub(super) struct Ticket {
    pub(super) id: ID,
    pub(super) name: Option<String>,
    pub(super) id_owner: Option<ID>,
    pub(super) id_workflow: Option<ID>,
    pub(super) id_stage: Option<ID>,
    pub(super) id_labels: Option<Vec<ID>>,
    pub(super) id_clients: Option<Vec<ID>>,
    pub(super) ticket_client_types: Option<Vec<TicketClientType>>,
    pub(super) values: Option<TicketValues>,
    pub(super) time_stamp: Option<UnverifiedTime>,
    pub(super) assets: Option<Vec<TicketAsset>>,
    pub(super) description: Option<String>,
    pub(super) is_active: Option<bool>,
    pub(super) color: Option<String>,
    pub(super) id_team_members: Option<Vec<ID>>,
    pub(super) custom_fields: Option<Vec<CustomField>>,
}

#[derive(Debug, Clone, PartialEq, Eq, SimpleObject, InputObject, Serialize, Deserialize)]
#[graphql(input_name = "CustomFieldInput")]
pub(super) struct CustomField {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
}

impl Ticket {
    /// Restores these fields from `before`.
    pub(super) fn keep(&mut self, fields: &[String], before: &Self) {
        for field in fields {
            match field.as_str() {
                "name" => self.name.clone_from(&before.name),
                "idOwner" => self.id_owner.clone_from(&before.id_owner),
                "idWorkflow" => self.id_workflow.clone_from(&before.id_workflow),
                "idStage" => self.id_stage.clone_from(&before.id_stage),
                "idLabels" => self.id_labels.clone_from(&before.id_labels),
                "idClients" => self.id_clients.clone_from(&before.id_clients),
                "ticketClientTypes" => self.ticket_client_types.clone_from(&before.ticket_client_types),
                "values" => self.values.clone_from(&before.values),
                _ => {}
            }
        }
    }
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct TicketClientType {
    pub(super) id_contact: Option<ID>,
    pub(super) id_label: Option<ID>,
}

#[derive(Debug, Clone, Default, SimpleObject)]
pub(super) struct TicketValues {
    pub(super) once_off: Option<f64>,
    pub(super) once_off_due_date: Option<String>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct TicketAsset {
    pub(super) asset_type: Option<TicketAssetType>,
    pub(super) address: Option<Address>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct TicketAssetType {
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Workflow {
    pub(super) id: ID,
    pub(super) name: String,
    pub(super) id_owner: Option<ID>,
    pub(super) description: Option<String>,
    pub(super) is_project: Option<bool>,
    pub(super) id_team_members: Option<Vec<ID>>,
    #[graphql(name = "type")]
    pub(super) kind: Option<WorkflowType>,
    pub(super) stages: Vec<WorkflowStage>,
    pub(super) time_stamp: Option<UnverifiedTime>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct WorkflowType {
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct WorkflowStage {
    pub(super) id: ID,
    pub(super) name: String,
    pub(super) timestamp: Option<UnverifiedTime>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Label {
    pub(super) id: ID,
    pub(super) name: String,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Contact {
    pub(super) id: ID,
    pub(super) id_owner: Option<ID>,
    pub(super) id_labels: Option<Vec<ID>>,
    pub(super) is_active: Option<bool>,
    pub(super) person: Option<Person>,
    pub(super) company: Option<Company>,
    pub(super) income: Option<Income>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Person {
    pub(super) information: Option<PersonInformation>,
    pub(super) contact: Option<PersonContactDetails>,
    pub(super) employments: Option<Vec<Employment>>,
}

#[derive(Debug, Clone, Default, SimpleObject)]
pub(super) struct PersonInformation {
    pub(super) first_name: Option<String>,
    pub(super) family_name: Option<String>,
    pub(super) date_of_birth: Option<UnverifiedTime>,
    pub(super) number_of_dependents: Option<i32>,
    pub(super) dependents: Option<Vec<Dependent>>,
    pub(super) id_spouse: Option<ID>,
    pub(super) spouse_first_name: Option<String>,
    pub(super) spouse_family_name: Option<String>,
    pub(super) residential_status: Option<String>,
    pub(super) country_of_residency: Option<String>,
    pub(super) country_of_tax_residence: Option<String>,
    pub(super) country_of_birth: Option<String>,
    pub(super) citizenship: Option<String>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Dependent {
    pub(super) name: Option<String>,
    pub(super) date_of_birth: Option<UnverifiedTime>,
}

#[derive(Debug, Clone, Default, SimpleObject)]
pub(super) struct PersonContactDetails {
    pub(super) email: Option<String>,
    pub(super) secondary_email: Option<String>,
    pub(super) primary_code: Option<String>,
    pub(super) primary: Option<String>,
    pub(super) home_code: Option<String>,
    pub(super) home: Option<String>,
    pub(super) work: Option<String>,
    pub(super) mailing_address: Option<Address>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Employment {
    pub(super) employer_name: Option<String>,
    pub(super) employer_type: Option<String>,
    pub(super) role: Option<String>,
    #[graphql(name = "type")]
    pub(super) kind: Option<String>,
    pub(super) start_date: Option<UnverifiedTime>,
    pub(super) status: Option<String>,
    pub(super) basis: Option<String>,
    pub(super) is_current: Option<bool>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Income {
    pub(super) gross_value: Option<f64>,
    pub(super) payg: Option<IncomePayg>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct IncomePayg {
    pub(super) gross_salary: Option<f64>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Company {
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Address {
    pub(super) suite_number: Option<String>,
    pub(super) street_number: Option<String>,
    pub(super) street: Option<String>,
    pub(super) street_type: Option<String>,
    pub(super) suburb: Option<String>,
    pub(super) city: Option<String>,
    pub(super) state: Option<String>,
    pub(super) post_code: Option<String>,
    pub(super) country: Option<String>,
}
