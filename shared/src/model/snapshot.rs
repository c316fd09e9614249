//! What is kept and what is seen of a ticket: pure.

use crate::clock::Timestamp;
use crate::id::FieldName;
use crate::model::ticket::Ticket;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is stored of a ticket, for comparison at the next check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The ticket at that check.
    pub ticket: Ticket,
    /// By this a rename is found without storing the name; see [`super::diff::name_digest`].
    pub name_digest: String,
    /// Whether the API no longer returned it.
    pub gone: bool,
    /// When it was first seen in its stage; none if that is not known.
    #[serde(default)]
    pub stage_since: Option<Timestamp>,
    /// The highest threshold of days in that stage for which there was an event; see [`crate::model::stage_age`].
    #[serde(default)]
    pub aged: u16,
    /// A digest of each private field that was read; see [`super::field_changes::digest`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub private_fields: BTreeMap<FieldName, String>,
}

impl Snapshot {
    /// Whether people no longer work on it: it is gone, or switched off.
    pub fn is_inactive(&self) -> bool {
        self.gone || self.ticket.active == Some(false)
    }

    /// The same, one version later.
    pub(crate) fn next(&self) -> Self {
        let version = self.ticket.version.saturating_add(1);
        Self { ticket: Ticket { version, ..self.ticket.clone() }, ..self.clone() }
    }
}

/// A ticket as the API returns it now. Its version is set by [`super::diff::change`].
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The ticket.
    pub ticket: Ticket,
    /// The digest of its name; see [`super::diff::name_digest`].
    pub name_digest: String,
    /// The digests of its private fields; see [`super::field_changes::digest`].
    pub private_fields: BTreeMap<FieldName, String>,
    /// The fields that should have been read and were not, for example because the vendor's schema lacks them.
    pub unread_fields: UnreadFields,
}

impl Seen {
    /// A ticket that was read without fields of `TicketFields`.
    pub fn without_fields(ticket: Ticket, name_digest: impl Into<String>) -> Self {
        Self {
            ticket,
            name_digest: name_digest.into(),
            private_fields: BTreeMap::new(),
            unread_fields: UnreadFields::default(),
        }
    }
}

/// Fields of `TicketFields` of which a check learned nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UnreadFields {
    /// Those whose values are stored.
    pub public: BTreeSet<FieldName>,
    /// Those of which a digest is stored.
    pub private: BTreeSet<FieldName>,
}
