//! The tickets that the handlers' actions created at Salestrekker, in the order in which the stand-in received the mutations: what
//! the system wrote of itself plays no part.

use crate::order::Performed;
use anyhow::Result;
use end_to_end::stack::Organisation;
use std::collections::BTreeMap;

/// A ticket that an action created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) id: String,
    /// The version of the ticket beside which it was created, if its name says it.
    version: Option<u64>,
    /// Its position among the received mutations.
    order: u64,
}

/// By handler, and by the number in the name of the ticket beside which they were created.
#[derive(Debug, Default)]
pub(crate) struct Effects(BTreeMap<(&'static str, usize), Vec<Effect>>);

impl Effects {
    pub(crate) async fn of(organisations: &[Organisation<'_>]) -> Result<Self> {
        let mut found = Self::default();
        for organisation in organisations {
            for (order, mutation) in (0..).zip(organisation.mutations().await?) {
                if let (Some(id), Some(name), "ticketCreate") = (
                    mutation.result.as_str(),
                    mutation.variables["name"].as_str(),
                    mutation.mutation.as_str(),
                ) && let Some((key, version)) = parse(name)
                {
                    let effect = Effect { id: id.to_owned(), version, order };
                    found.0.entry(key).or_default().push(effect);
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn of_ticket(&self, handler: &str, number: usize) -> &[Effect] {
        let own = self.0.iter().find(|((own, of), _)| *own == handler && *of == number);
        own.map_or(&[], |(_, effects)| effects.as_slice())
    }
}

impl Effect {
    /// Its position in the order of versions: by its name, or else by the record of the action, if there is one.
    pub(crate) fn performed(&self, recorded: &BTreeMap<String, u64>) -> Option<Performed> {
        let version = self.version.or_else(|| recorded.get(&self.id).copied())?;
        Some(Performed { version, position: 0, at: self.order })
    }
}

/// The handler that gives such a name, the number of the ticket, and its version.
fn parse(name: &str) -> Option<((&'static str, usize), Option<u64>)> {
    let (prefix, ticket) = name.split_once(": ")?;
    let number = ticket.strip_prefix("Ticket ")?.parse().ok()?;
    match prefix.strip_prefix("Version ") {
        Some(version) => Some((("create-on-approved", number), Some(version.parse().ok()?))),
        None => (prefix == "Follow-up").then_some((("follow-up-on-settlement", number), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_ticket_it_is() {
        assert_eq!(parse("Version 7: Ticket 3"), Some((("create-on-approved", 3), Some(7))));
        assert_eq!(parse("Follow-up: Ticket 3"), Some((("follow-up-on-settlement", 3), None)));
        assert_eq!(parse("Ticket 3"), None);
    }
}
