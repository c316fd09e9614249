//! Every kind of id, in one list: mixing two kinds does not compile.
//!
//! Salestrekker's ids are opaque text: most are UUIDs, lender ids are 32 or 64 hexadecimal characters
//! (salestrekker-facts.md, section 5). So only what a queue or a key cannot carry is refused.

use crate::clock::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Why a text is no id. It never quotes the text: a stranger may have put anything there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: {problem}")]
pub struct InvalidId {
    /// The kind of id that was wanted, for example `TicketId`.
    pub kind: &'static str,
    problem: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $problem_of:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id that this text is.
            ///
            /// # Errors
            /// [`InvalidId`] where the text breaks the rule of this kind of id.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                match $problem_of(&text) {
                    None => Ok(Self(text)),
                    Some(problem) => Err(InvalidId { kind: stringify!($name), problem }),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

ids! {
    /// One brokerage, as our URLs and secret names spell it: 1 to 48 of `a-z`, `0-9` and `-`, not first or last a `-`.
    OrganisationId: slug_problem;
    /// The webhook's action, the last but one part of its URL; the same rule as [`OrganisationId`].
    WebhookAction: slug_problem;
    /// A ticket (the vendor's word for a deal): 1 to 64 visible ASCII characters, like all the vendor's ids.
    TicketId: opaque_problem;
    /// A contact.
    ContactId: opaque_problem;
    /// A workflow.
    WorkflowId: opaque_problem;
    /// A stage of a workflow.
    StageId: opaque_problem;
    /// A label of a ticket or a contact.
    LabelId: opaque_problem;
    /// The user who owns a ticket or a workflow.
    OwnerId: opaque_problem;
    /// An organisation among those that a user may enter; what switching takes.
    MembershipId: opaque_problem;
    /// Somewhere that notices go to, the last part of its secret's name after `destination-`; the same rule as
    /// [`OrganisationId`].
    DestinationName: slug_problem;
    /// The kind of event that a webhook of somebody else's becomes: `inbound.` and the webhook's name, as in
    /// `inbound.website-lead`; see [`WebhookAction::inbound`].
    InboundKind: inbound_problem;
    /// One hint: the request that brought it, and its place in that request.
    HintId: opaque_problem;
    /// One event; see [`EventId::of_change`].
    EventId: opaque_problem;
    /// One action; see [`ActionId::of`]. It is the idempotency key and the queue's deduplication id.
    ActionId: key_problem;
}

/// SQS takes a group or deduplication id of at most 128 visible ASCII characters
/// (Amazon SQS API Reference, `SendMessage`): organisation and ticket together must fit.
const MAX_KEY: usize = 128;
const MAX_OPAQUE: usize = 64;
const MAX_SLUG: usize = 48;

fn opaque_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > MAX_OPAQUE {
        Some("it is longer than 64 characters")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("it holds something other than visible ASCII")
    } else {
        None
    }
}

fn key_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > MAX_KEY {
        Some("it is longer than 128 characters")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("it holds something other than visible ASCII")
    } else {
        None
    }
}

fn inbound_problem(text: &str) -> Option<&'static str> {
    match text.strip_prefix("inbound.") {
        Some(name) => slug_problem(name),
        None => Some("it does not begin with inbound."),
    }
}

fn slug_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.len() > MAX_SLUG {
        Some("it is not 1 to 48 characters long")
    } else if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        Some("it holds something other than a-z, 0-9 and -")
    } else if text.starts_with('-') || text.ends_with('-') {
        Some("it begins or ends with -")
    } else {
        None
    }
}

/// The namespace of our name-based UUIDs (RFC 9562, section 5.5); changing it would make every old event new.
const NAMESPACE: Uuid = Uuid::from_u128(0x5a1e_57e4_4e40_4175_b0a7_1095_0000_0001);

impl WebhookAction {
    /// The kind of event that this action's webhooks become, where they are not Salestrekker's: `inbound-website-lead` is
    /// the action of `inbound.website-lead`.
    ///
    /// ```
    /// use automations::id::WebhookAction;
    ///
    /// let kind = WebhookAction::parse("inbound-website-lead").unwrap().inbound();
    /// assert_eq!(kind.unwrap().as_str(), "inbound.website-lead");
    /// assert!(WebhookAction::parse("ticket-created").unwrap().inbound().is_none());
    /// ```
    pub fn inbound(&self) -> Option<InboundKind> {
        let name = self.0.strip_prefix("inbound-")?;
        InboundKind::parse(format!("inbound.{name}")).ok()
    }
}

impl HintId {
    /// The hint at `position` of the request with this id. A request id is a UUID, so that the result always fits.
    ///
    /// # Errors
    /// [`InvalidId`] where the request id is not short visible ASCII.
    pub fn of(request: &str, position: usize) -> Result<Self, InvalidId> {
        Self::parse(format!("{request}.{position}"))
    }
}

impl EventId {
    /// The id of one change of a ticket: the same change always has the same id, whoever computes it, however often.
    /// `subject` tells apart several changes of one kind in one version (two labels added), else it is empty.
    pub fn of_change(
        organisation: &OrganisationId,
        ticket: &TicketId,
        version: u64,
        kind: &str,
        subject: &str,
    ) -> Self {
        Self(name_based(&[organisation.as_str(), ticket.as_str(), &version.to_string(), kind, subject]))
    }

    /// The id of an event that a hint makes by itself, with no ticket behind it.
    pub fn of_hint(organisation: &OrganisationId, hint: &HintId, kind: &str) -> Self {
        Self(name_based(&[organisation.as_str(), hint.as_str(), kind]))
    }
}

impl ActionId {
    /// The id of the action at `position` of what `handler` decided on `event`. A handler's author cannot forget or
    /// reuse it.
    ///
    /// # Errors
    /// [`InvalidId`] where the handler's name is longer than about 60 characters.
    pub fn of(event: &EventId, handler: &str, position: usize) -> Result<Self, InvalidId> {
        Self::parse(format!("{event}.{handler}.{position}"))
    }

    /// As [`ActionId::of`], for an answer that somebody asked for anew at this moment.
    ///
    /// # Errors
    /// As [`ActionId::of`].
    pub fn of_again(
        event: &EventId,
        handler: &str,
        position: usize,
        again: Timestamp,
    ) -> Result<Self, InvalidId> {
        Self::parse(format!("{event}.{handler}.{position}.{}", again.as_seconds()))
    }
}

fn name_based(parts: &[&str]) -> String {
    // Every part is visible ASCII without a line feed, so joined parts are as distinct as the list.
    Uuid::new_v5(&NAMESPACE, parts.join("\n").as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_organisation_is_a_slug() {
        for good in ["north", "north-2", "a", &"x".repeat(48)] {
            assert!(OrganisationId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "North", "a/b", "a_b", "ä", &"x".repeat(49)] {
            assert!(OrganisationId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_does_not_quote_the_text() {
        let error = TicketId::parse("Jane Citizen").unwrap_err();
        assert_eq!(error.to_string(), "not a TicketId: it holds something other than visible ASCII");
        let error = serde_json::from_str::<TicketId>("\"Jane Citizen\"").unwrap_err();
        assert!(!error.to_string().contains("Jane"));
    }

    #[test]
    fn an_action_id_of_the_longest_handler_fits_a_deduplication_id() {
        let organisation = OrganisationId::parse("north").unwrap();
        let event = EventId::of_change(&organisation, &TicketId::parse("t").unwrap(), u64::MAX, "k", "");
        assert!(ActionId::of(&event, &"h".repeat(64), 9_999).is_ok());
    }

    proptest! {
        #[test]
        fn event_ids_differ_where_any_part_differs(a in 1_u64..9, b in 1_u64..9, x in "[a-c]{0,2}", y in "[a-c]{0,2}") {
            let organisation = OrganisationId::parse("north").unwrap();
            let ticket = TicketId::parse("t").unwrap();
            let left = EventId::of_change(&organisation, &ticket, a, "ticket.label_added", &x);
            let right = EventId::of_change(&organisation, &ticket, b, "ticket.label_added", &y);
            prop_assert_eq!(left == right, (a, &x) == (b, &y));
        }

        #[test]
        fn any_text_is_an_id_or_a_clear_error(text in ".*") {
            match TicketId::parse(text.clone()) {
                Ok(id) => prop_assert_eq!(id.as_str(), text),
                Err(error) => prop_assert!(error.to_string().starts_with("not a TicketId: ")),
            }
        }
    }
}
