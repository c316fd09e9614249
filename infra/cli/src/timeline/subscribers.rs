//! The handlers as they are for an organisation: deployed entries, the organisation's settings, pauses.

use super::kept::{Kept, Subscriber};
use crate::filter_policy::FilterPolicy;
use crate::handler_entries::{self, Clients, Entry};
use anyhow::{Context as _, Result};
use automations::id::OrganisationId;
use automations::store::{OwnSettings, Paused, Store};
use std::collections::{BTreeMap, BTreeSet};

/// The handlers of a stack, as they are for this organisation.
pub(super) async fn subscribers(
    clients: &Clients<'_>,
    stack: &str,
    store: &Store,
    organisation: &OrganisationId,
) -> Result<Vec<Subscriber>> {
    let entries = handler_entries::deployed(clients, stack).await?;
    let own: BTreeMap<String, OwnSettings> =
        store.handler_settings(organisation).await?.into_iter().collect();
    let paused: BTreeSet<Paused> = store.pauses().await?.into_iter().map(|pause| pause.paused).collect();
    entries.into_iter().map(|entry| subscriber(entry, &own, &paused)).collect()
}

fn subscriber(
    Entry { name, policies, dry_run, .. }: Entry,
    own: &BTreeMap<String, OwnSettings>,
    paused: &BTreeSet<Paused>,
) -> Result<Subscriber> {
    let read = policies.iter().map(|policy| FilterPolicy::parse(policy)).collect::<Result<_, _>>();
    let policies = read.with_context(|| {
        format!("the filter policy of {name} has something that this program does not know")
    })?;
    let own = own.get(&name);
    Ok(Subscriber {
        policies,
        dry_run: own.and_then(|own| own.dry_run).unwrap_or(dry_run),
        enabled: own.and_then(|own| own.enabled).unwrap_or(true),
        paused: paused.contains(&Paused::Handler(name.clone())),
        name,
    })
}

pub(super) fn take_handlers(kept: &mut Kept, handlers: Result<Vec<Subscriber>>) {
    match handlers {
        Ok(handlers) => kept.handlers = handlers,
        Err(error) => kept.notes.push(format!(
            "the deployed handlers cannot be read, so actions are missing, and why a handler did nothing: {error:#}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_for_the_organisation_as_its_settings_and_pauses_say() {
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            settings: String::new(),
            policies: Vec::new(),
            dry_run: true,
        };
        let own = OwnSettings { enabled: Some(false), dry_run: Some(false), ..OwnSettings::default() };
        let own = BTreeMap::from([("a".to_owned(), own)]);
        let paused = BTreeSet::from([Paused::Handler("b".to_owned())]);
        let [a, b] = ["a", "b"].map(|name| subscriber(entry(name), &own, &paused).unwrap());
        assert_eq!((a.enabled, a.dry_run, a.paused), (false, false, false));
        assert_eq!((b.enabled, b.dry_run, b.paused), (true, true, true));
    }
}
