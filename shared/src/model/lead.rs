//! A lead: a person who may become a client, and the target of their ticket.

use crate::id::{OwnerId, StageId, WorkflowId};
use crate::model::answers::{MAX_ANSWERS, cut};
use crate::model::phone::{Phone, PhoneCode};
use crate::private::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// A person to contact, and what they want: the fields of a person in `contactCreate`, and what their ticket says. Personal data
/// prints as `[private]`, and the record of the performed action does not contain it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lead {
    /// The first name.
    pub first_name: Private<String>,
    /// The family name.
    pub family_name: Private<String>,
    /// The e-mail address.
    pub email: Private<String>,
    /// The country of a telephone number that does not say its own.
    pub phone_code: PhoneCode,
    /// The telephone number as it was typed; see [`Phone`].
    pub phone: Private<String>,
    /// The ticket's description, such as [`Fields::answers`](crate::model::inbound::Fields::answers) of the form; empty for none.
    #[serde(default)]
    pub description: Private<String>,
    /// Where the lead comes from: the first line of the description. Empty for none.
    #[serde(default)]
    pub source: Private<String>,
    /// The ticket's amount; absent for zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
    /// The names of the ticket's labels. They are set after the ticket is created, as a step of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether the ticket is for the contact of an earlier lead that had the same e-mail address or telephone number, and this
    /// choice too. Needs `automations organisation reuse-contacts`.
    #[serde(default)]
    pub reuse_contact: bool,
}

/// What identifies a person, in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// An e-mail address, in lower case.
    Email(Private<String>),
    /// A telephone number with its country code, digits only.
    Phone(Private<String>),
}

impl Identity {
    /// The kind, and the text.
    pub fn parts(&self) -> (&'static str, &Private<String>) {
        match self {
            Self::Email(text) => ("email", text),
            Self::Phone(text) => ("phone", text),
        }
    }
}

impl Lead {
    /// The telephone number as it is sent.
    pub fn normal_phone(&self) -> Phone {
        Phone::read(self.phone.reveal(), &self.phone_code)
    }

    /// What identifies the person: the e-mail address first, then the telephone number. None for what is
    /// neither.
    pub fn identities(&self) -> Vec<Identity> {
        let email = self.email.reveal().trim().to_lowercase();
        let is_address =
            email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        let email = is_address.then(|| Identity::Email(Private::new(email)));
        let Phone { code, number } = self.normal_phone();
        let phone =
            code.map(|code| Identity::Phone(Private::new(format!("{}{}", code.as_str(), number.reveal()))));
        email.into_iter().chain(phone).collect()
    }

    /// The description with the source as its first line, of bounded length; none if both are empty.
    pub fn full_description(&self) -> Option<Private<String>> {
        let source = self.source.reveal().trim();
        let source = (!source.is_empty()).then(|| format!("Source: {source}"));
        let description = Some(self.description.reveal().trim().to_owned()).filter(|text| !text.is_empty());
        let lines: Vec<String> = source.into_iter().chain(description).collect();
        (!lines.is_empty()).then(|| Private::new(cut(&lines.join("\n"), MAX_ANSWERS)))
    }

    /// The same without personal data: what its handler's settings say of it.
    pub(crate) fn for_record(&self) -> Self {
        Self { labels: self.labels.clone(), reuse_contact: self.reuse_contact, ..Self::default() }
    }
}

/// The workflow, stage and owner of a lead's ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LeadTarget {
    /// By id, for a brokerage whose credential may only write: nothing is looked up.
    Ids {
        /// The workflow.
        id_workflow: WorkflowId,
        /// Its stage.
        id_stage: StageId,
        /// The owner of contact and ticket.
        id_owner: OwnerId,
    },
    /// By the names that people see.
    Names {
        /// The workflow.
        workflow: String,
        /// Its stage; absent for the first.
        stage: Option<String>,
        /// The owner of contact and ticket; absent for the workflow's owner.
        owner: Option<OwnerId>,
    },
}

impl LeadTarget {
    /// The first stage of the workflow of this name, and the workflow's owner.
    pub fn first_stage_of(workflow: &str) -> Self {
        Self::Names { workflow: workflow.to_owned(), stage: None, owner: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_names_or_ids() {
        let names: LeadTarget = serde_json::from_str(r#"{"workflow": "Home loans"}"#).unwrap();
        assert_eq!(names, LeadTarget::first_stage_of("Home loans"));
        let ids = r#"{"id_workflow": "w", "id_stage": "s", "id_owner": "o"}"#;
        assert!(matches!(serde_json::from_str(ids).unwrap(), LeadTarget::Ids { .. }));
        assert!(serde_json::from_str::<LeadTarget>(r#"{"id_workflow": "w"}"#).is_err());
    }

    fn lead(email: &str, phone: &str) -> Lead {
        let [email, phone] = [email, phone].map(|text| Private::new(text.to_owned()));
        Lead { email, phone, ..Lead::default() }
    }

    #[test]
    fn the_same_person_has_the_same_identities_however_they_type() {
        assert_eq!(
            lead(" Jane@Example.com", "0491 570 006").identities(),
            lead("jane@example.com", "+61 491 570 006").identities()
        );
        assert_eq!(lead("", "0491 570 006").identities().len(), 1);
        assert_eq!(lead("jane", "ask reception").identities(), [], "neither identifies anybody");
    }

    #[test]
    fn a_description_begins_with_the_source_and_is_bounded() {
        let described = |source: &str, description: &str| {
            let [source, description] = [source, description].map(|text| Private::new(text.to_owned()));
            Lead { description, source, ..Lead::default() }
                .full_description()
                .map(|text| text.reveal().clone())
        };
        assert_eq!(described("Website", "a: 1\nb: 2").as_deref(), Some("Source: Website\na: 1\nb: 2"));
        assert_eq!(described("", "a: 1").as_deref(), Some("a: 1"));
        assert_eq!(described(" ", ""), None);
        assert_eq!(described("", &"é".repeat(MAX_ANSWERS * 2)).unwrap().chars().count(), MAX_ANSWERS);
    }

    #[test]
    fn a_lead_of_before_is_read_and_its_record_keeps_what_is_not_of_a_person() {
        let old = r#"{"first_name":"Jane","family_name":"","email":"","phone_code":"+61","phone":""}"#;
        let old: Lead = crate::json::from_json(old.as_bytes()).unwrap();
        assert!(!old.reuse_contact && old.labels.is_empty() && old.value.is_none());
        let lead = Lead {
            description: Private::new("Jane".to_owned()),
            source: Private::new("Jane".to_owned()),
            value: Some(500_000.into()),
            labels: vec!["Website".to_owned()],
            reuse_contact: true,
            ..old
        };
        let record = crate::json::to_json(&lead.for_record());
        assert!(!record.contains("Jane") && !record.contains("500000"), "{record}");
        assert!(record.contains("Website") && record.contains(r#""reuse_contact":true"#), "{record}");
        assert_eq!(crate::json::from_json::<Lead>(crate::json::to_json(&lead).as_bytes()).unwrap(), lead);
    }
}
