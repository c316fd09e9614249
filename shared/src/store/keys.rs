//! The keys of the table's items. No other file knows their format.

use super::Item;
use crate::clock::Timestamp;
use crate::id::{ActionId, ClockKind, InboundKind, OrganisationId, ReminderKey, TicketId};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

const TICKET: &str = "TICKET#";
const ACTION: &str = "ACTION#";
const INBOUND: &str = "INBOUND#";
const LEAD: &str = "LEAD#";
const ORGANISATION: &str = "ORGANISATION#";
const SNAPSHOT: &str = "SNAPSHOT";
const JOURNAL: &str = "JOURNAL#";
/// The largest number that fits a journal entry's key.
const MAX_VERSION: u64 = 9_999_999_999;
const CHANGE_MARKS: &str = "CHANGE_MARKS";
pub(super) const REMINDER: &str = "REMINDER#";
const DEFERRED: &str = "DEFERRED#";
const COLLECTED: &str = "COLLECTED#";
const RESULT: &str = "RESULT";
const RECEIVED: &str = "RECEIVED";
const CONTACT: &str = "CONTACT";
const TOKEN: &str = "TOKEN#";
const OBSERVED: &str = "OBSERVED#";
const WEBHOOK_FAILURE: &str = "WEBHOOK_FAILURE";
const HANDLER: &str = "HANDLER#";
/// The partition of the organisations whose list query is asked for.
pub(super) const LISTINGS: &str = "ORGANISATIONS";
/// The partition of what operators changed. It belongs to the stack: erasing an organisation leaves it.
pub(super) const OPERATIONS: &str = "OPERATIONS";

/// The partition of the cursor of regular checks.
pub(super) const CHECKS: &str = "CHECKS";
const CURSOR: &str = "CURSOR";

/// The partition of what operators paused. It belongs to the stack, as a pause may be of a handler.
pub(super) const PAUSES: &str = "PAUSES";

/// The partition of the problems that alarms report. They are of no organisation.
pub(super) const PROBLEMS: &str = "ALARMS";

/// The partition of the handlers' schedules. They are of no organisation.
pub(super) const CLOCKS: &str = "CLOCKS";

/// The key of an item: what the item is, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemKey {
    /// The brokerage.
    pub organisation: OrganisationId,
    /// What the item is.
    pub kind: ItemKind,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A ticket as it was last read.
    Snapshot(TicketId),
    /// The events of one version of a ticket.
    Journal(TicketId, u64),
    /// What our actions changed at a ticket.
    ChangeMarks(TicketId),
    /// A reminder of a ticket.
    Reminder(TicketId, ReminderKey),
    /// What a handler has to decide about a ticket once it was left alone: the handler's name, and of a replay also its time.
    Deferred(TicketId, String),
    /// The claim or the record of an action.
    Action(ActionId),
    /// A request to an inbound webhook: its kind, and the digest of its id or its body.
    InboundReceipt(InboundKind, String),
    /// The contact of an earlier lead: the keyed digest of its e-mail address or telephone number.
    LeadContact(String),
    /// The last use of a version of the webhook token.
    TokenUse(String),
    /// A webhook that a rehearsal observed: its time and the id of its request.
    ObservedWebhook(String),
    /// That a rehearsal wants a webhook answered with 500.
    WebhookFailure,
    /// When the organisation's list query was last asked for.
    Listing,
    /// The organisation's settings of the handler of this name.
    HandlerSettings(String),
    /// What a handler has collected: the handler's name, and the owner's id or nothing; of a replay also its time.
    Collected(String),
}

impl ItemKind {
    /// The ticket, if the item belongs to one.
    pub fn ticket(&self) -> Option<&TicketId> {
        match self {
            Self::Snapshot(ticket)
            | Self::Journal(ticket, _)
            | Self::ChangeMarks(ticket)
            | Self::Reminder(ticket, _)
            | Self::Deferred(ticket, _) => Some(ticket),
            Self::Action(_)
            | Self::InboundReceipt(..)
            | Self::LeadContact(_)
            | Self::TokenUse(_)
            | Self::ObservedWebhook(_)
            | Self::WebhookFailure
            | Self::Listing
            | Self::HandlerSettings(_)
            | Self::Collected(_) => None,
        }
    }
}

impl ItemKey {
    /// The key of an item of this organisation.
    pub fn new(organisation: &OrganisationId, kind: ItemKind) -> Self {
        Self { organisation: organisation.clone(), kind }
    }

    /// The key of an item that was read; none if this program does not write items of that kind.
    pub fn of(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let part = |name: &str| item.get(name)?.as_s().ok().map(String::as_str);
        let (pk, sk) = (part("pk")?, part("sk")?);
        // An organisation contains no `#`; the id of a ticket or an action may.
        let (organisation, kind) = if let Some(rest) = pk.strip_prefix(TICKET) {
            let (organisation, ticket) = rest.split_once('#')?;
            let ticket = TicketId::parse(ticket).ok()?;
            (organisation, ticket_item(ticket, sk)?)
        } else if let Some(rest) = pk.strip_prefix(ACTION) {
            let (organisation, action) = rest.split_once('#')?;
            (organisation, ItemKind::Action(ActionId::parse(action).ok()?))
        } else if let Some(rest) = pk.strip_prefix(INBOUND) {
            let (organisation, rest) = rest.split_once('#')?;
            let (kind, digest) = rest.split_once('#')?;
            (organisation, ItemKind::InboundReceipt(InboundKind::parse(kind).ok()?, digest.to_owned()))
        } else if let Some(rest) = pk.strip_prefix(LEAD).filter(|_| sk == CONTACT) {
            let (organisation, digest) = rest.split_once('#')?;
            (organisation, ItemKind::LeadContact(digest.to_owned()))
        } else if pk == LISTINGS {
            (sk, ItemKind::Listing)
        } else {
            (pk.strip_prefix(ORGANISATION)?, organisation_item(sk)?)
        };
        Some(Self { organisation: OrganisationId::parse(organisation).ok()?, kind })
    }

    /// The key as an item's attributes.
    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        let Self { organisation, kind } = self;
        let (pk, sk) = match kind {
            ItemKind::Snapshot(ticket) => (ticket_partition(organisation, ticket), SNAPSHOT.to_owned()),
            ItemKind::Journal(ticket, version) => {
                (ticket_partition(organisation, ticket), journal_entry(*version))
            }
            ItemKind::ChangeMarks(ticket) => {
                (ticket_partition(organisation, ticket), CHANGE_MARKS.to_owned())
            }
            ItemKind::Reminder(ticket, key) => {
                (ticket_partition(organisation, ticket), format!("{REMINDER}{key}"))
            }
            ItemKind::Deferred(ticket, of) => {
                (ticket_partition(organisation, ticket), format!("{DEFERRED}{of}"))
            }
            ItemKind::Action(action) => (format!("{ACTION}{organisation}#{action}"), RESULT.to_owned()),
            ItemKind::InboundReceipt(kind, digest) => {
                (format!("{INBOUND}{organisation}#{kind}#{digest}"), RECEIVED.to_owned())
            }
            ItemKind::LeadContact(digest) => (format!("{LEAD}{organisation}#{digest}"), CONTACT.to_owned()),
            ItemKind::Listing => (LISTINGS.to_owned(), organisation.to_string()),
            ItemKind::TokenUse(version) => (own_partition(organisation), format!("{TOKEN}{version}")),
            ItemKind::ObservedWebhook(id) => (own_partition(organisation), format!("{OBSERVED}{id}")),
            ItemKind::WebhookFailure => (own_partition(organisation), WEBHOOK_FAILURE.to_owned()),
            ItemKind::HandlerSettings(handler) => {
                (own_partition(organisation), format!("{HANDLER}{handler}"))
            }
            ItemKind::Collected(of) => (own_partition(organisation), format!("{COLLECTED}{of}")),
        };
        HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
    }
}

/// The key of a problem that alarms report.
pub(super) fn problem_key(problem: &str) -> Item {
    plain_key(PROBLEMS, problem)
}

/// The key of a pause, by what is paused.
pub(super) fn pause_key(paused: &str) -> Item {
    plain_key(PAUSES, paused)
}

fn plain_key(partition: &str, name: &str) -> Item {
    [("pk", partition), ("sk", name)]
        .map(|(name, part)| (name.to_owned(), AttributeValue::S(part.to_owned())))
        .into()
}

/// The key of the cursor of regular checks. It is of no organisation.
pub(super) fn cursor_key() -> Item {
    [("pk", CHECKS), ("sk", CURSOR)]
        .map(|(name, part)| (name.to_owned(), AttributeValue::S(part.to_owned())))
        .into()
}

/// The key of the last firing of a clock.
pub(super) fn clock_key(clock: &ClockKind) -> Item {
    [("pk", CLOCKS), ("sk", clock.as_str())]
        .map(|(name, part)| (name.to_owned(), AttributeValue::S(part.to_owned())))
        .into()
}

fn ticket_item(ticket: TicketId, sk: &str) -> Option<ItemKind> {
    match sk {
        SNAPSHOT => Some(ItemKind::Snapshot(ticket)),
        CHANGE_MARKS => Some(ItemKind::ChangeMarks(ticket)),
        _ => {
            if let Some(key) = sk.strip_prefix(REMINDER) {
                return Some(ItemKind::Reminder(ticket, key.parse().ok()?));
            }
            if let Some(of) = sk.strip_prefix(DEFERRED) {
                return Some(ItemKind::Deferred(ticket, of.to_owned()));
            }
            Some(ItemKind::Journal(ticket, sk.strip_prefix(JOURNAL)?.parse().ok()?))
        }
    }
}

fn organisation_item(sk: &str) -> Option<ItemKind> {
    if sk == WEBHOOK_FAILURE {
        return Some(ItemKind::WebhookFailure);
    }
    if let Some(handler) = sk.strip_prefix(HANDLER) {
        return Some(ItemKind::HandlerSettings(handler.to_owned()));
    }
    if let Some(of) = sk.strip_prefix(COLLECTED) {
        return Some(ItemKind::Collected(of.to_owned()));
    }
    if let Some(id) = sk.strip_prefix(OBSERVED) {
        return Some(ItemKind::ObservedWebhook(id.to_owned()));
    }
    Some(ItemKind::TokenUse(sk.strip_prefix(TOKEN)?.to_owned()))
}

fn ticket_partition(organisation: &OrganisationId, ticket: &TicketId) -> String {
    format!("{TICKET}{organisation}#{ticket}")
}

/// The key of an item, as its attributes.
pub(super) fn key(organisation: &OrganisationId, kind: ItemKind) -> Item {
    ItemKey::new(organisation, kind).attributes()
}

/// The partition key of a ticket's items, and the first and the last sort key that its journal may have after a version.
pub(super) fn journal_after(
    organisation: &OrganisationId,
    ticket: &TicketId,
    version: u64,
) -> (String, [String; 2]) {
    let ends = [version.saturating_add(1), MAX_VERSION];
    (ticket_partition(organisation, ticket), ends.map(journal_entry))
}

/// The prefix of the partition keys of an organisation's tickets, and the sort key of their snapshots.
pub(super) fn tickets_of(organisation: &OrganisationId) -> (String, &'static str) {
    (format!("{TICKET}{organisation}#"), SNAPSHOT)
}

/// The partition key of a ticket's items, and the prefix of the sort keys of its reminders.
pub(super) fn reminders_of(organisation: &OrganisationId, ticket: &TicketId) -> (String, &'static str) {
    (ticket_partition(organisation, ticket), REMINDER)
}

/// The partition key of a ticket's items, and the prefix of the sort keys of what handlers have to decide about it.
pub(super) fn deferrals_of(organisation: &OrganisationId, ticket: &TicketId) -> (String, &'static str) {
    (ticket_partition(organisation, ticket), DEFERRED)
}

/// The partition key of an organisation's own items, and the prefix of the sort keys of what its handlers have collected.
pub(super) fn collections_of(organisation: &OrganisationId) -> (String, &'static str) {
    (own_partition(organisation), COLLECTED)
}

/// With leading zeros, so that versions are in order.
fn journal_entry(version: u64) -> String {
    format!("{JOURNAL}{version:010}")
}

/// The key of an operation.
pub(super) fn operation_key(at: Timestamp, id: &str) -> Item {
    let parts = [("pk", OPERATIONS.to_owned()), ("sk", operation_sort_key(at, id))];
    parts.map(|(name, part)| (name.to_owned(), AttributeValue::S(part))).into()
}

/// With leading zeros, so that operations are in order.
pub(super) fn operation_sort_key(at: Timestamp, id: &str) -> String {
    format!("{:015}#{id}", at.as_millis())
}

/// The partition key of an organisation's token uses, and the prefix of their sort keys.
pub(super) fn token_uses_of(organisation: &OrganisationId) -> (String, &'static str) {
    (own_partition(organisation), TOKEN)
}

/// The partition key of an organisation's settings of handlers, and the prefix of their sort keys.
pub(super) fn handler_settings_of(organisation: &OrganisationId) -> (String, &'static str) {
    (own_partition(organisation), HANDLER)
}

/// The partition key of an organisation's observed webhooks, the prefix of their sort keys, and the end of all of them.
pub(super) fn observed_webhooks_of(organisation: &OrganisationId) -> (String, &'static str, &'static str) {
    (own_partition(organisation), OBSERVED, "OBSERVED$")
}

fn own_partition(organisation: &OrganisationId) -> String {
    format!("{ORGANISATION}{organisation}")
}

/// The partition key of an organisation's own items, and the prefixes of its tickets, actions, receipts and leads.
pub(super) fn partitions_of(organisation: &OrganisationId) -> (String, [String; 4]) {
    let of = |prefix: &str| format!("{prefix}{organisation}#");
    (own_partition(organisation), [of(TICKET), of(ACTION), of(INBOUND), of(LEAD)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let ticket = TicketId::parse("t#1").unwrap();
        let action = ActionId::parse("e.h.0").unwrap();
        let kinds = [
            ItemKind::Snapshot(ticket.clone()),
            ItemKind::Journal(ticket.clone(), 12),
            ItemKind::ChangeMarks(ticket.clone()),
            ItemKind::Reminder(ticket.clone(), ReminderKey::parse("review").unwrap()),
            ItemKind::Deferred(ticket, "h#7".to_owned()),
            ItemKind::Collected("h#owner-1".to_owned()),
            ItemKind::Action(action),
            ItemKind::InboundReceipt(InboundKind::parse("inbound.survey").unwrap(), "d1".to_owned()),
            ItemKind::LeadContact("d1".to_owned()),
            ItemKind::TokenUse("v-1".to_owned()),
            ItemKind::ObservedWebhook("1#r".to_owned()),
            ItemKind::WebhookFailure,
            ItemKind::Listing,
            ItemKind::HandlerSettings("h".to_owned()),
        ];
        let organisation = OrganisationId::parse("north").unwrap();
        for kind in kinds {
            let key = ItemKey::new(&organisation, kind);
            assert_eq!(ItemKey::of(&key.attributes()), Some(key));
        }
        let other = [("pk", "TICKET#north#t"), ("sk", "OTHER")];
        let other = other.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        assert_eq!(ItemKey::of(&other.into()), None);
    }

    #[test]
    fn all_of_an_organisation_is_in_its_partitions() {
        let organisation = OrganisationId::parse("north").unwrap();
        let (own, prefixes) = partitions_of(&organisation);
        let of = |kind| match &key(&organisation, kind)["pk"] {
            AttributeValue::S(pk) => *pk == own || prefixes.iter().any(|prefix| pk.starts_with(prefix)),
            _ => false,
        };
        assert!(of(ItemKind::Snapshot(TicketId::parse("t-1").unwrap())));
        assert!(of(ItemKind::Action(ActionId::parse("e.h.0").unwrap())));
        assert!(of(ItemKind::InboundReceipt(InboundKind::parse("inbound.survey").unwrap(), "d".to_owned())));
        assert!(of(ItemKind::LeadContact("d".to_owned())));
        assert!(of(ItemKind::TokenUse("v-1".to_owned())));
        assert!(of(ItemKind::ObservedWebhook("1#r".to_owned())) && of(ItemKind::WebhookFailure));
        assert!(of(ItemKind::HandlerSettings("h".to_owned())));
    }
}
