//! Gives a new ticket its owner by rules; where several owners fit, each gets their share of the tickets.

use automations::id::{OrganisationId, OwnerId};
use automations::serde::Deserialize;
use automations::{Action, Event, Ticket, handler};
use std::process::ExitCode;

/// Its settings, from its line in template.yaml: the first rule that fits decides.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    rules: Vec<Rule>,
}

/// Each condition that is there must hold. Owners are ids; an organisation's differ from another's.
#[derive(Default, Deserialize)]
#[serde(crate = "automations::serde", default, deny_unknown_fields)]
struct Rule {
    organisation: Option<OrganisationId>,
    workflow: Option<String>,
    label: Option<String>,
    at_least: Option<f64>,
    below: Option<f64>,
    owners: Vec<OwnerId>,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// What to do about one event: the same owner for the same ticket, however often it is asked.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Some(ticket) = event.ticket() else { return vec![] };
    let rule = settings.rules.iter().find(|rule| rule.fits(&event.organisation, ticket));
    let owner = rule.and_then(|rule| ticket.one_of(&rule.owners));
    owner.map(|owner| Action::set_owner(ticket, owner)).into_iter().collect()
}

impl Rule {
    fn fits(&self, organisation: &OrganisationId, ticket: &Ticket) -> bool {
        let amount = ticket.amount();
        self.organisation.as_ref().is_none_or(|own| own == organisation)
            && self.workflow.as_deref().is_none_or(|name| ticket.workflow.is_named(name))
            && self.label.as_deref().is_none_or(|name| ticket.labels.iter().any(|label| label.is_named(name)))
            && self.at_least.is_none_or(|least| amount.is_some_and(|amount| amount >= least))
            && self.below.is_none_or(|bound| amount.is_some_and(|amount| amount < bound))
    }
}

#[cfg(test)]
mod tests;
