//! Which handlers would receive events, by kind.

use crate::filter_policy::FilterPolicy;
use automations::Event;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Events of one kind that a handler receives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayGroup {
    /// The handler; none if no handler receives them.
    pub handler: Option<String>,
    /// The kind.
    pub kind: String,
    /// How many.
    pub number: usize,
}

/// The events by the handlers that receive them and their kinds, the largest group first. An event that several handlers receive is
/// in several groups.
pub fn groups(receivers: &BTreeMap<String, Vec<FilterPolicy>>, events: &[Event]) -> Vec<ReplayGroup> {
    let mut numbers: BTreeMap<(Option<&str>, &str), usize> = BTreeMap::new();
    for event in events {
        let accept = |policies: &[FilterPolicy]| policies.iter().any(|policy| policy.accepts(event));
        let names = receivers.iter().filter(|(_, policies)| accept(policies)).map(|(name, _)| name.as_str());
        let mut names: Vec<Option<&str>> = names.map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        for name in names {
            let number = numbers.entry((name, event.kind.name())).or_default();
            *number = number.saturating_add(1);
        }
    }
    let group = |((handler, kind), number): ((Option<&str>, &str), usize)| ReplayGroup {
        handler: handler.map(str::to_owned),
        kind: kind.to_owned(),
        number,
    };
    let mut groups: Vec<ReplayGroup> = numbers.into_iter().map(group).collect();
    groups.sort_by_key(|group| Reverse(group.number));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{a_ticket, stage_changed};

    #[test]
    fn events_are_counted_by_the_handlers_that_receive_them_and_by_kind() {
        let policy = |text: &str| vec![FilterPolicy::parse(text).unwrap()];
        let receivers = BTreeMap::from([
            ("labels".to_owned(), policy("{\"type\": [\"ticket.label_added\"]}")),
            ("all".to_owned(), policy("{\"type\": [{\"prefix\": \"ticket.label\"}]}")),
        ]);
        let label = || a_ticket().gets_label("VIP");
        let events = [label(), label(), stage_changed("a", "b")];
        let found = groups(&receivers, &events);
        let rows: Vec<_> =
            found.iter().map(|group| (group.handler.as_deref(), &*group.kind, group.number)).collect();
        let expected = [
            (Some("all"), "ticket.label_added", 2),
            (Some("labels"), "ticket.label_added", 2),
            (None, "ticket.stage_changed", 1),
        ];
        assert_eq!(rows, expected);
    }
}
