//! Message groups: SNS and SQS FIFO deliver the messages of a group in their order, and those of different groups side by side.

use crate::digest::short_sha256;
use crate::id::{DestinationName, EventId, OrganisationId, TicketId};
use std::fmt;

/// The group of a message. Bounded: at most 109 of the 128 characters that SQS and SNS accept (Amazon SQS API Reference,
/// `SendMessage`; Amazon SNS API Reference, `Publish`). Two groups are equal only if they are of the same thing: a ticket's id may
/// hold any visible character, so that it is in its group as a digest.
///
/// ```
/// use automations::id::{OrganisationId, TicketId};
/// use automations::model::message_group::MessageGroup;
///
/// let (north, ticket) = (OrganisationId::parse("north")?, TicketId::parse("t-1")?);
/// let group = MessageGroup::of_ticket(&north, &ticket);
/// assert!(group.as_str().starts_with("north/ticket/"));
/// # Ok::<(), automations::id::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageGroup(String);

impl MessageGroup {
    /// Of a ticket: its events, and the actions that change it.
    pub fn of_ticket(organisation: &OrganisationId, ticket: &TicketId) -> Self {
        Self(format!("{organisation}/ticket/{}", short_sha256(&[ticket.as_str().as_bytes()])))
    }

    /// Of an event without a ticket, and of the actions for it: it waits for no other.
    pub fn of_event(organisation: &OrganisationId, event: &EventId) -> Self {
        Self(format!("{organisation}/event/{}", short_sha256(&[event.as_str().as_bytes()])))
    }

    /// Of the notices to a destination: one that does not respond delays no other.
    pub fn of_destination(organisation: &OrganisationId, destination: &DestinationName) -> Self {
        Self(format!("{organisation}/destination/{destination}"))
    }

    /// As SQS and SNS take it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn organisation() -> impl Strategy<Value = OrganisationId> {
        "[a-z]{1,3}|[a-z]{48}".prop_map(|text| OrganisationId::parse(text).unwrap())
    }

    fn ticket() -> impl Strategy<Value = TicketId> {
        "[!-~]{1,3}|[!-~]{64}|[a-b]/[a-b]".prop_map(|text| TicketId::parse(text).unwrap())
    }

    proptest! {
        #[test]
        fn a_group_is_bounded_and_no_two_tickets_share_one(
            a in organisation(), b in organisation(), x in ticket(), y in ticket()
        ) {
            let (left, right) = (MessageGroup::of_ticket(&a, &x), MessageGroup::of_ticket(&b, &y));
            prop_assert_eq!(left == right, a == b && x == y);
            prop_assert!(left.as_str().len() <= 128 && left.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn a_ticket_never_shares_a_group_with_anything_else(
            organisation in organisation(), ticket in ticket(), name in "[a-z]{1,48}"
        ) {
            let destination = DestinationName::parse(name.clone()).unwrap();
            let event = EventId::parse(ticket.as_str()).unwrap();
            let groups = [
                MessageGroup::of_ticket(&organisation, &ticket),
                MessageGroup::of_event(&organisation, &event),
                MessageGroup::of_destination(&organisation, &destination),
            ];
            prop_assert!(groups.iter().all(|group| group.as_str().len() <= 128));
            let distinct: std::collections::BTreeSet<_> = groups.iter().collect();
            prop_assert_eq!(distinct.len(), groups.len());
        }
    }
}
