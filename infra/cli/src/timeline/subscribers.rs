//! The handlers as they are for an organisation: deployed entries, the organisation's settings, pauses.

use super::kept::{Kept, Subscriber};
use crate::filter_policy::FilterPolicy;
use crate::handler_entries::{self, Clients, Entry};
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::store::{OwnSettings, Paused, Store};
use std::collections::BTreeMap;

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
    let since = store.pauses().await?.into_iter().map(|pause| (pause.paused, pause.since));
    let paused: BTreeMap<Paused, Timestamp> = since.collect();
    entries.into_iter().map(|entry| subscriber(entry, &own, &paused)).collect()
}

fn subscriber(
    Entry { name, policies, dry_run, .. }: Entry,
    own: &BTreeMap<String, OwnSettings>,
    paused: &BTreeMap<Paused, Timestamp>,
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
        paused: paused.get(&Paused::Handler(name.clone())).copied(),
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
        let since = Timestamp::from_seconds(9);
        let paused = BTreeMap::from([(Paused::Handler("b".to_owned()), since)]);
        let [a, b] = ["a", "b"].map(|name| subscriber(entry(name), &own, &paused).unwrap());
        assert_eq!((a.enabled, a.dry_run, a.paused), (false, false, None));
        assert_eq!((b.enabled, b.dry_run, b.paused), (true, true, Some(since)));
    }
}
