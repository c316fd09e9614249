//! A contact, as the API probably returns it. The field names come from one source that cannot have run as
//! saved; they agree with the observed input of `contactCreate` and with the web app's form
//! (salestrekker-facts.md, section 5). Everything about a person is [`Private`]; no automation depends on any
//! of it.

use super::model::{Address, AsReceived};
use crate::id::{ContactId, LabelId, OwnerId};
use crate::private::Private;
use serde::{Deserialize, Serialize};
use serde_json::Number;

type Text = Option<Private<String>>;

/// A person or a company that tickets are about.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// The user who owns it.
    pub id_owner: Option<OwnerId>,
    /// Its labels. Inferred: settable on creation.
    pub id_labels: Option<Vec<LabelId>>,
    /// Inferred: settable on creation.
    pub is_active: Option<bool>,
    /// Set if it is a person.
    pub person: Option<Person>,
    /// Set if it is a company. Inferred: the web app has such contacts.
    pub company: Option<Company>,
    /// Whether this is one object or a list is not known; a list ends in [`super::Error::InvalidResponse`].
    pub income: Option<Income>,
}

/// A company. Inferred; no field of a company has been observed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the name says it all")]
pub struct Company {
    pub name: Text,
}

/// A person, in the parts that the web app's form has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Person {
    pub information: Option<PersonInformation>,
    pub contact: Option<PersonContactDetails>,
    pub employments: Option<Vec<Employment>>,
}

/// A person's identity. The last five fields were seen in the web app's form only.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct PersonInformation {
    pub first_name: Text,
    pub family_name: Text,
    pub date_of_birth: Option<Private<AsReceived>>,
    pub number_of_dependents: Option<Private<Number>>,
    pub dependents: Option<Vec<Dependent>>,
    pub id_spouse: Option<ContactId>,
    pub spouse_first_name: Text,
    pub spouse_family_name: Text,
    pub residential_status: Text,
    pub country_of_residency: Text,
    pub country_of_tax_residence: Text,
    pub country_of_birth: Text,
    pub citizenship: Text,
}

/// A person whom the contact supports financially.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Dependent {
    pub name: Text,
    pub date_of_birth: Option<Private<AsReceived>>,
}

/// A person's e-mail addresses, telephone numbers and address. A telephone number is two fields: country code
/// and number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct PersonContactDetails {
    pub email: Text,
    pub secondary_email: Text,
    pub primary_code: Text,
    pub primary: Text,
    pub home_code: Text,
    pub home: Text,
    pub work: Text,
    pub mailing_address: Option<Private<Address>>,
}

/// One employment of a person. The last three fields were seen in the web app's form only.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Employment {
    pub employer_name: Text,
    pub employer_type: Text,
    pub role: Text,
    #[serde(rename = "type")]
    pub kind: Text,
    pub start_date: Option<Private<AsReceived>>,
    pub status: Text,
    pub basis: Text,
    pub is_current: Option<Private<bool>>,
}

/// A person's income. Unit and period are not known, so amounts stay as received.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Income {
    pub gross_value: Option<Private<Number>>,
    pub payg: Option<IncomePayg>,
}

/// A person's income as an employee (PAYG).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct IncomePayg {
    pub gross_salary: Option<Private<Number>>,
}

/// The input of `contactCreate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewContact {
    /// The user who will own it.
    pub id_owner: OwnerId,
    /// Observed callers send `true`.
    pub is_active: bool,
    /// Its labels; an observed caller picks the one named `Client`.
    pub id_labels: Vec<LabelId>,
    /// The person or the company.
    #[serde(flatten)]
    pub who: Who,
}

/// A person or a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Who {
    /// Observed in one source, with exactly these fields, none of them optional.
    #[serde(rename_all = "camelCase")]
    #[expect(missing_docs, reason = "the names say it all")]
    Person {
        first_name: Private<String>,
        family_name: Private<String>,
        email: Private<String>,
        primary_code: Private<String>,
        primary: Private<String>,
    },
    /// Inferred.
    Company {
        /// Its name.
        name: Private<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_prints_nothing_of_a_person() {
        let contact = serde_json::json!({
            "id": "c-1",
            "person": {
                "information": { "firstName": "Jane", "dateOfBirth": "Jane", "dependents": [{ "name": "Jane" }] },
                "contact": { "email": "Jane", "mailingAddress": { "street": "Jane" } },
                "employments": [{ "employerName": "Jane", "type": "Jane" }],
            },
            "company": { "name": "Jane" },
            "income": { "grossValue": 4242 },
        });
        let contact: Contact = serde_json::from_value(contact).unwrap();
        let printed = format!("{contact:?}");
        assert!(!printed.contains("Jane") && !printed.contains("4242"), "{printed}");
    }
}
