//! Sets the owner of a new ticket by rules. If a rule has several owners, each gets an equal share of the tickets.

use automations::id::{OrganisationId, OwnerId};
use automations::serde::Deserialize;
use automations::{Action, Event, Ticket, handler};
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml. The first rule that matches is used.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    rules: Vec<Rule>,
}

/// All conditions that are given must hold. Owners are ids, which are different in each organisation. Amounts have the unit of
/// [`Ticket::amount`].
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

/// The actions for one event: always the same owner for the same ticket.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Some(ticket) = event.ticket() else { return vec![] };
    let rule = settings.rules.iter().find(|rule| rule.matches(&event.organisation, ticket));
    let owner = rule.and_then(|rule| ticket.one_of(&rule.owners));
    owner.map(|owner| Action::set_owner(ticket, owner)).into_iter().collect()
}

impl Rule {
    fn matches(&self, organisation: &OrganisationId, ticket: &Ticket) -> bool {
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
