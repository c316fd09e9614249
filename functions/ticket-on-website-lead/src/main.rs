//! Creates a contact and a ticket from a form on the brokerage's website.

use automations::model::amount;
use automations::model::inbound::Fields;
use automations::model::lead::{Lead, LeadTarget};
use automations::model::phone::PhoneCode;
use automations::private::Private;
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::process::ExitCode;

/// The field that is hidden from people; spam programs fill it.
const TRAP: &str = "website";

/// Its settings, from its entry in template.yaml. In `name`, `{contact}` is replaced by the contact's name. `value_field` is the
/// form's field with the amount of the ticket.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    into: LeadTarget,
    name: String,
    #[serde(default)]
    phone_code: PhoneCode,
    #[serde(default)]
    source: String,
    #[serde(default)]
    labels: Vec<String>,
    value_field: Option<String>,
    #[serde(default)]
    reuse_contact: bool,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: a contact and its ticket, if the form has an email address or a telephone number.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Some(form) = event.inbound("website-lead") else { return vec![] };
    let text = |field: &str| form.text(field).unwrap_or_default();
    let (email, phone) = (text("email"), text("phone"));
    // Without a name, the address or number is used as the name.
    let reach = [&email, &phone].into_iter().find(|text| !text.reveal().is_empty());
    let Some(reach) = reach.filter(|_| form.text(TRAP).is_none()) else { return vec![] };
    let (first_name, family_name) = names(form).unwrap_or_else(|| (reach.clone(), Private::default()));
    let value = settings.value_field.as_deref().and_then(|field| amount::typed(form.text(field)?.reveal()));
    let lead = Lead {
        first_name,
        family_name,
        email,
        phone_code: settings.phone_code.clone(),
        phone,
        description: form.answers(&[TRAP]),
        source: Private::new(settings.source.clone()),
        value,
        labels: settings.labels.clone(),
        reuse_contact: settings.reuse_contact,
    };
    vec![Action::create_lead(lead, &settings.into, &settings.name)]
}

/// The first and the family name, if either is given. In a single field `name`, the last word is the family name.
fn names(form: &Fields) -> Option<(Private<String>, Private<String>)> {
    if let Some(whole) = form.text("name") {
        let (first, family) = whole.reveal().rsplit_once(' ').unwrap_or((whole.reveal(), ""));
        return Some((Private::new(first.trim().to_owned()), Private::new(family.to_owned())));
    }
    let (first, family) = (form.text("first_name"), form.text("family_name"));
    (first.is_some() || family.is_some()).then(|| (first.unwrap_or_default(), family.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
