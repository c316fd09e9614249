//! What happened between two checks of a ticket: pure, without clock and network.

use crate::digest::short_sha256;
use crate::model::event::EventKind;
use crate::model::field_changes;
use crate::model::snapshot::{Seen, Snapshot};
use crate::model::ticket::{Named, Ticket};
use std::collections::BTreeSet;

/// A change: what to store, and what to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The snapshot that replaces the old one, its version one greater.
    pub snapshot: Snapshot,
    /// What happened; empty if there is something to store although nothing happened to the ticket, such as a field that was read for the
    /// first time, or another name of its stage.
    pub kind: Vec<EventKind>,
}

impl Change {
    /// The same change, if it is known that the ticket was just created: the first version of a ticket is then
    /// `ticket.created` rather than `ticket.first_seen`. Any other change stays as it is.
    #[must_use]
    pub fn of_new_ticket(mut self) -> Self {
        if self.snapshot.ticket.version == 1 {
            self.kind = vec![EventKind::TicketCreated { ticket: self.snapshot.ticket.clone() }];
        }
        self
    }
}

/// A digest of a ticket's name, by which a rename is found: 32 hexadecimal digits. The ticket's id is part of it, so that
/// equal names of two tickets have different digests.
pub fn name_digest(ticket: &crate::id::TicketId, name: &str) -> String {
    short_sha256(&[ticket.as_str().as_bytes(), b"\n", name.as_bytes()])
}

/// What happened between the stored snapshot and now; `None` if nothing did. `is_new` says that a ticket without a snapshot
/// was just created, rather than found late.
pub fn change(before: Option<&Snapshot>, seen: Option<Seen>, is_new: bool) -> Option<Change> {
    let version = before.map_or(0, |snapshot| snapshot.ticket.version).saturating_add(1);
    match (before, seen) {
        (None, None) => None,
        (Some(before), None) if before.gone => None,
        (Some(before), None) => {
            let snapshot = Snapshot { gone: true, ..before.next() };
            let kind = vec![EventKind::Vanished { ticket: snapshot.ticket.clone() }];
            Some(Change { snapshot, kind })
        }
        (before, Some(seen)) => {
            let seen = field_changes::with_earlier(seen, before);
            // Not known is not a change: a schema without the field, for example.
            let active = seen.ticket.active.or_else(|| before.and_then(|before| before.ticket.active));
            let ticket = Ticket { version, active, ..seen.ticket };
            let stays = before.filter(|before| !before.gone && is_same_stage(&before.ticket, &ticket));
            let (stage_since, aged) = stays.map_or((None, 0), |before| (before.stage_since, before.aged));
            let after = Snapshot {
                ticket,
                name_digest: seen.name_digest,
                gone: false,
                stage_since,
                aged,
                private_fields: seen.private_fields,
            };
            let has_other_fields = before.is_some_and(|before| field_changes::has_others(before, &after));
            let kind = match before {
                Some(before) if !before.gone => differences(before, &after),
                _ => vec![EventKind::TicketFirstSeen { ticket: after.ticket.clone() }],
            };
            let change = Change { snapshot: after, kind };
            let change = if is_new { change.of_new_ticket() } else { change };
            let has_other_names = before.is_some_and(|before| has_other_names(before, &change.snapshot));
            (has_other_fields || has_other_names || !change.kind.is_empty()).then_some(change)
        }
    }
}

/// Whether both are in the same stage of the same workflow.
pub(super) fn is_same_stage(one: &Ticket, other: &Ticket) -> bool {
    (&one.workflow.id, &one.stage.id) == (&other.workflow.id, &other.stage.id)
}

/// Whether people renamed the workflow or the stage: rules and reminders go by names. A name that the API did not return is none.
fn has_other_names(before: &Snapshot, after: &Snapshot) -> bool {
    let (old, new) = (&before.ticket, &after.ticket);
    let is_other = |old: &Option<String>, new: &Option<String>| new.is_some() && old != new;
    is_other(&old.workflow.name, &new.workflow.name) || is_other(&old.stage.name, &new.stage.name)
}

fn differences(before: &Snapshot, after: &Snapshot) -> Vec<EventKind> {
    let (old, new) = (&before.ticket, &after.ticket);
    let ticket = || new.clone();
    let mut kind = Vec::new();
    if old.workflow.id != new.workflow.id {
        kind.push(EventKind::WorkflowChanged {
            ticket: ticket(),
            from: old.workflow.clone(),
            to: new.workflow.clone(),
        });
    }
    if !is_same_stage(old, new) {
        kind.push(EventKind::StageChanged {
            ticket: ticket(),
            from: old.workflow_stage(),
            to: new.workflow_stage(),
        });
    }
    if old.owner != new.owner {
        kind.push(EventKind::OwnerChanged {
            ticket: ticket(),
            from: old.owner.clone(),
            to: new.owner.clone(),
        });
    }
    let removed =
        only_in(&old.labels, &new.labels).map(|label| EventKind::LabelRemoved { ticket: ticket(), label });
    kind.extend(removed);
    kind.extend(
        only_in(&new.labels, &old.labels).map(|label| EventKind::LabelAdded { ticket: ticket(), label }),
    );
    let (had, has): (BTreeSet<_>, BTreeSet<_>) = (old.clients.iter().collect(), new.clients.iter().collect());
    let removed = had
        .difference(&has)
        .map(|client| EventKind::ClientRemoved { ticket: ticket(), client: (*client).clone() });
    kind.extend(removed);
    let added = has
        .difference(&had)
        .map(|client| EventKind::ClientAdded { ticket: ticket(), client: (*client).clone() });
    kind.extend(added);
    if old.value != new.value {
        kind.push(EventKind::ValueChanged {
            ticket: ticket(),
            from: old.value.clone(),
            to: new.value.clone(),
        });
    }
    if old.active != new.active {
        kind.push(EventKind::ActiveChanged { ticket: ticket(), from: old.active, to: new.active });
    }
    if before.name_digest != after.name_digest {
        kind.push(EventKind::Renamed { ticket: ticket() });
    }
    kind.extend(field_changes::events(before, after));
    kind
}

/// The elements of `left` whose id is not in `right`, each once. A label that was only renamed is in both.
fn only_in<'a, Id: Ord + Clone>(
    left: &'a [Named<Id>],
    right: &[Named<Id>],
) -> impl Iterator<Item = Named<Id>> + 'a {
    let mut known: BTreeSet<Id> = right.iter().map(|named| named.id.clone()).collect();
    left.iter().filter(move |named| known.insert(named.id.clone())).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ContactId, LabelId, OwnerId, StageId, WorkflowId};
    use crate::testing;
    use proptest::prelude::*;

    fn kinds(change: Option<&Change>) -> Vec<&str> {
        change.map(|change| change.kind.iter().map(EventKind::name).collect()).unwrap_or_default()
    }

    fn seen() -> Seen {
        Seen::without_fields(testing::ticket(), "d")
    }

    #[test]
    fn a_ticket_without_a_snapshot_is_new_only_if_somebody_says_so() {
        assert_eq!(kinds(change(None, Some(seen()), true).as_ref()), ["ticket.created"]);
        assert_eq!(kinds(change(None, Some(seen()), false).as_ref()), ["ticket.first_seen"]);
        assert_eq!(change(None, None, true), None);
    }

    #[test]
    fn the_same_look_twice_is_no_change() {
        let first = change(None, Some(seen()), false).unwrap();
        assert_eq!(change(Some(&first.snapshot), Some(seen()), true), None);
    }

    #[test]
    fn a_ticket_vanishes_once_and_may_come_back() {
        let first = change(None, Some(seen()), false).unwrap();
        let gone = change(Some(&first.snapshot), None, false).unwrap();
        assert_eq!(kinds(Some(&gone)), ["ticket.vanished"]);
        assert_eq!(change(Some(&gone.snapshot), None, false), None);
        let back = change(Some(&gone.snapshot), Some(seen()), false).unwrap();
        assert_eq!((kinds(Some(&back)), back.snapshot.ticket.version), (vec!["ticket.first_seen"], 3));
    }

    #[test]
    fn a_move_to_another_workflow_is_a_change_of_stage_too() {
        let first = change(None, Some(seen()), false).unwrap();
        let mut moved = seen();
        moved.ticket.workflow = Named { id: WorkflowId::parse("w-other").unwrap(), name: None };
        let moved = change(Some(&first.snapshot), Some(moved), false);
        assert_eq!(kinds(moved.as_ref()), ["ticket.workflow_changed", "ticket.stage_changed"]);
    }

    #[test]
    fn a_renamed_label_or_stage_is_no_change_of_the_ticket() {
        let first = change(None, Some(seen()), false).unwrap();
        let mut renamed = seen();
        for label in &mut renamed.ticket.labels {
            label.name = Some("Other words".into());
        }
        assert_eq!(change(Some(&first.snapshot), Some(renamed.clone()), false), None);
        renamed.ticket.stage.name = Some("Other words".into());
        let found = change(Some(&first.snapshot), Some(renamed), false);
        assert_eq!(kinds(found.as_ref()), [""; 0]);
    }

    fn stage_name(ticket: &mut Ticket) -> &mut Option<String> {
        &mut ticket.stage.name
    }

    fn workflow_name(ticket: &mut Ticket) -> &mut Option<String> {
        &mut ticket.workflow.name
    }

    /// Rules of `STAGE_AGE_RULES` and reminders go by names.
    #[test]
    fn another_name_of_the_stage_or_workflow_is_stored_and_one_that_is_not_returned_is_not() {
        let names: [fn(&mut Ticket) -> &mut Option<String>; 2] = [stage_name, workflow_name];
        let first = change(None, Some(seen()), false).unwrap().snapshot;
        let after = |of: fn(&mut Ticket) -> &mut Option<String>, name: Option<&str>| {
            let mut renamed = seen();
            *of(&mut renamed.ticket) = name.map(str::to_owned);
            change(Some(&first), Some(renamed), false)
        };
        for of in names {
            let mut stored = after(of, Some("Other words")).unwrap().snapshot;
            assert_eq!(stored.ticket.version, 2);
            assert_eq!(of(&mut stored.ticket).as_deref(), Some("Other words"));
            assert_eq!((stored.stage_since, stored.aged), (first.stage_since, first.aged), "the same stay");
            assert_eq!(after(of, None), None);
        }
    }

    /// Applies an event to a ticket.
    fn apply(ticket: &mut Ticket, digest: &mut String, kind: &EventKind, after: &Snapshot) {
        match kind {
            EventKind::StageChanged { to, .. } => {
                (ticket.workflow, ticket.stage) = (to.workflow.clone(), to.stage.clone());
            }
            EventKind::OwnerChanged { to, .. } => ticket.owner.clone_from(to),
            EventKind::LabelAdded { label, .. } => ticket.labels.push(label.clone()),
            EventKind::LabelRemoved { label, .. } => ticket.labels.retain(|had| had.id != label.id),
            EventKind::ClientAdded { client, .. } => ticket.clients.push(client.clone()),
            EventKind::ClientRemoved { client, .. } => ticket.clients.retain(|had| had != client),
            EventKind::ValueChanged { to, .. } => ticket.value.clone_from(to),
            EventKind::ActiveChanged { to, .. } => ticket.active = *to,
            EventKind::Renamed { .. } => digest.clone_from(&after.name_digest),
            _ => {}
        }
        ticket.labels.sort();
        ticket.clients.sort();
    }

    fn any_seen() -> impl Strategy<Value = Seen> {
        let set = || proptest::collection::btree_set("[a-d]", 0..4);
        (
            "[a-b]",
            "[a-c]",
            proptest::option::of("[a-b]"),
            set(),
            set(),
            proptest::option::of(0..3_u32),
            "[x-y]",
        )
            .prop_map(|(workflow, stage, owner, labels, clients, value, name)| {
                let mut seen = seen();
                seen.ticket.workflow = Named { id: WorkflowId::parse(workflow).unwrap(), name: None };
                seen.ticket.stage = Named { id: StageId::parse(stage).unwrap(), name: None };
                seen.ticket.owner = owner.map(|owner| OwnerId::parse(owner).unwrap());
                seen.ticket.labels = labels
                    .into_iter()
                    .map(|id| Named { id: LabelId::parse(id).unwrap(), name: None })
                    .collect();
                seen.ticket.clients = clients.into_iter().map(|id| ContactId::parse(id).unwrap()).collect();
                seen.ticket.value = value.map(Into::into);
                seen.name_digest = name;
                seen
            })
    }

    proptest! {
        #[test]
        fn the_events_tell_the_whole_difference(old in any_seen(), new in any_seen()) {
            let before = change(None, Some(old), false).unwrap().snapshot;
            let found = change(Some(&before), Some(new.clone()), false);
            let (mut ticket, mut digest) = (before.ticket.clone(), before.name_digest.clone());
            if let Some(found) = &found {
                for kind in &found.kind {
                    apply(&mut ticket, &mut digest, kind, &found.snapshot);
                }
                prop_assert_eq!(found.snapshot.ticket.version, 2);
            }
            let expected = Ticket { version: 1, ..new.ticket };
            prop_assert_eq!((ticket, digest), (expected, new.name_digest));
        }

        #[test]
        fn two_changes_of_one_version_never_share_an_event_id(old in any_seen(), new in any_seen()) {
            let before = change(None, Some(old), false).unwrap().snapshot;
            if let Some(found) = change(Some(&before), Some(new), false) {
                let keys: BTreeSet<_> = found.kind.iter().map(|kind| (kind.name(), kind.subject().into_owned())).collect();
                prop_assert_eq!(keys.len(), found.kind.len());
            }
        }
    }
}
