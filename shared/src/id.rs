//! Every kind of id, in one list: mixing two kinds does not compile.
//!
//! Salestrekker's ids are opaque text: most are UUIDs, lender ids are 32 or 64 hexadecimal characters
//! (salestrekker-facts.md, section 5). So only what a queue or a key cannot hold is rejected.

mod deferred;
mod undo;

use crate::clock::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Why a text is not an id. It never quotes the text, which may hold anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {}: {problem}", in_words(.kind))]
pub struct InvalidId {
    /// The expected kind of id, for example `TicketId`.
    pub kind: &'static str,
    problem: &'static str,
}

/// A kind of id in a sentence: `TicketId` as "a ticket id".
fn in_words(kind: &str) -> String {
    if kind == "OrganisationId" {
        return "an organisation name".to_owned();
    }
    let mut words = String::new();
    for c in kind.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {words}")
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $problem_of:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses an id.
            ///
            /// # Errors
            /// [`InvalidId`] if the text breaks the rule of this kind of id.
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

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
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
    /// A brokerage, as in our URLs and secret names: 1 to 48 of `a-z`, `0-9` and `-`, not first or last a
    /// `-`.
    OrganisationId: slug_problem;
    /// The action of a webhook, the second last part of its URL; the same rule as [`OrganisationId`].
    WebhookAction: slug_problem;
    /// A ticket (a deal): 1 to 64 visible ASCII characters, like all of Salestrekker's ids.
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
    /// An organisation among those that a user may access; the id to switch to it.
    MembershipId: opaque_problem;
    /// A destination of notices, the last part of its secret's name after `destination-`; the same rule as
    /// [`OrganisationId`].
    DestinationName: slug_problem;
    /// A reminder of a ticket, by the name that its handler gives it; the same rule as [`OrganisationId`].
    ReminderKey: slug_problem;
    /// A field of a ticket that the template's parameter `TicketFields` names: 1 to 40 of `A-Z`, `a-z`, `0-9`
    /// and `_`, not first a digit or `_`.
    FieldName: field_problem;
    /// The kind of event of an inbound webhook: `inbound.` and the webhook's name, as in
    /// `inbound.website-lead`; see [`WebhookAction::inbound`].
    InboundKind: inbound_problem;
    /// The kind of event of a handler's schedule: `clock.` and the handler's name, as in `clock.digest-of-stalled-tickets`.
    ClockKind: clock_problem;
    /// A hint: the id of its request, and its position in that request.
    HintId: opaque_problem;
    /// An event; see [`EventId::of_change`].
    EventId: opaque_problem;
    /// An action; see [`ActionId::of`]. It is the idempotency key and the queue's deduplication id.
    ActionId: key_problem;
}

/// SQS takes a group or deduplication id of at most 128 visible ASCII characters
/// (Amazon SQS API Reference, `SendMessage`): organisation and ticket together must fit.
const MAX_KEY: usize = 128;
const MAX_OPAQUE: usize = 64;
const MAX_SLUG: usize = 48;
const MAX_FIELD_NAME: usize = 40;

fn opaque_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > MAX_OPAQUE {
        Some("it is longer than 64 characters")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("it holds a character that is not visible ASCII")
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
        Some("it holds a character that is not visible ASCII")
    } else {
        None
    }
}

fn field_problem(text: &str) -> Option<&'static str> {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        Some("it does not begin with A-Z or a-z")
    } else if text.len() > MAX_FIELD_NAME {
        Some("it is longer than 40 characters")
    } else if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        Some("it holds a character other than A-Z, a-z, 0-9 and _")
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

fn clock_problem(text: &str) -> Option<&'static str> {
    match text.strip_prefix("clock.") {
        Some(name) => slug_problem(name),
        None => Some("it does not begin with clock."),
    }
}

fn slug_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.len() > MAX_SLUG {
        Some("it is not 1 to 48 characters long")
    } else if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        Some("it holds a character other than a-z, 0-9 and -")
    } else if text.starts_with('-') || text.ends_with('-') {
        Some("it begins or ends with -")
    } else {
        None
    }
}

/// The namespace of our name-based UUIDs (RFC 9562, section 5.5); changing it would make every old event new.
const NAMESPACE: Uuid = Uuid::from_u128(0x5a1e_57e4_4e40_4175_b0a7_1095_0000_0001);

impl WebhookAction {
    /// The kind of event of this action's webhooks if they are inbound ones: `inbound-website-lead` is the
    /// action of `inbound.website-lead`.
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
    /// The hint at `position` of the request with this id. A request id is a UUID, so the result always fits.
    ///
    /// # Errors
    /// [`InvalidId`] if the request id is not short visible ASCII.
    pub fn of(request: &str, position: usize) -> Result<Self, InvalidId> {
        Self::parse(format!("{request}.{position}"))
    }

    /// The hint of a clock's firing.
    pub fn of_firing(clock: &ClockKind, at: Timestamp) -> Self {
        Self(format!("{}.0", name_based(&[clock.as_str(), &at.as_millis().to_string()])))
    }

    /// The hint this many positions later in the same request; the same hint if this id has no position, as none of ours.
    #[must_use]
    pub fn later(&self, positions: usize) -> Self {
        let later = || {
            let (request, own) = self.0.rsplit_once('.')?;
            Self::of(request, own.parse::<usize>().ok()?.checked_add(positions)?).ok()
        };
        later().unwrap_or_else(|| self.clone())
    }
}

impl EventId {
    /// The id of one change of a ticket: the same change always has the same id. `subject` distinguishes
    /// several changes of one kind in one version (two labels added); otherwise it is empty.
    pub fn of_change(
        organisation: &OrganisationId,
        ticket: &TicketId,
        version: u64,
        kind: &str,
        subject: &str,
    ) -> Self {
        Self(name_based(&[organisation.as_str(), ticket.as_str(), &version.to_string(), kind, subject]))
    }

    /// The id of the event of a clock's firing at this time in an organisation: however often the firing is delivered, it is the same.
    pub fn of_firing(organisation: &OrganisationId, clock: &ClockKind, at: Timestamp) -> Self {
        Self(name_based(&[organisation.as_str(), clock.as_str(), &at.as_millis().to_string()]))
    }

    /// The id of an event that comes from a hint without a ticket.
    pub fn of_hint(organisation: &OrganisationId, hint: &HintId, kind: &str) -> Self {
        Self(name_based(&[organisation.as_str(), hint.as_str(), kind]))
    }
}

impl ActionId {
    /// The id of the action at `position` among those that `handler` decided on `event`. A handler's author
    /// cannot forget or reuse it.
    ///
    /// # Errors
    /// [`InvalidId`] if the handler's name is longer than about 60 characters.
    pub fn of(event: &EventId, handler: &str, position: usize) -> Result<Self, InvalidId> {
        Self::parse(format!("{event}.{handler}.{position}"))
    }

    /// As [`ActionId::of`], for an event that is reprocessed at this time on request (`replay --reprocess`).
    ///
    /// # Errors
    /// As [`ActionId::of`].
    pub fn of_reprocessed(
        event: &EventId,
        handler: &str,
        position: usize,
        at: Timestamp,
    ) -> Result<Self, InvalidId> {
        Self::parse(format!("{event}.{handler}.{position}.{}", at.as_seconds()))
    }

    /// Whether both were decided at once, and the other one is performed before this one.
    pub fn is_after(&self, other: &Self) -> bool {
        let parts = |id: &'_ Self| {
            let mut parts = id.0.split('.').map(str::to_owned);
            let decision = (parts.next(), parts.next());
            let position = parts.next().and_then(|position| position.parse::<usize>().ok());
            (decision, position, parts.next())
        };
        let ((decision, own, at), (its_decision, its, its_at)) = (parts(self), parts(other));
        decision == its_decision && at == its_at && own.is_some() && its.is_some() && its < own
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
        assert_eq!(error.to_string(), "not a ticket id: it holds a character that is not visible ASCII");
        let error = OrganisationId::parse("North").unwrap_err().to_string();
        assert!(error.starts_with("not an organisation name: "), "{error}");
        let error = serde_json::from_str::<TicketId>("\"Jane Citizen\"").unwrap_err();
        assert!(!error.to_string().contains("Jane"));
    }

    #[test]
    fn an_action_id_of_the_longest_handler_fits_a_deduplication_id() {
        let organisation = OrganisationId::parse("north").unwrap();
        let event = EventId::of_change(&organisation, &TicketId::parse("t").unwrap(), u64::MAX, "k", "");
        assert!(ActionId::of(&event, &"h".repeat(64), 9_999).is_ok());
    }

    #[test]
    fn an_action_is_after_the_earlier_ones_of_its_decision_alone() {
        let id = |text: &str| ActionId::parse(text).unwrap();
        for earlier in ["e.h.1", "e.h.0"] {
            assert!(id("e.h.2").is_after(&id(earlier)), "{earlier}");
        }
        assert!(id("e.h.10").is_after(&id("e.h.9")), "positions are numbers");
        assert!(id("e.h.1.77").is_after(&id("e.h.0.77")));
        for other in ["e.h.2", "e.h.3", "e.g.1", "f.h.1", "e.h.1.77", "e.h.x", "e.h"] {
            assert!(!id("e.h.2").is_after(&id(other)), "{other}");
        }
        assert!(!id("own").is_after(&id("own")));
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
                Err(error) => prop_assert!(error.to_string().starts_with("not a ticket id: ")),
            }
        }
    }
}
