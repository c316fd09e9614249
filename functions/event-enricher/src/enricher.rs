//! The enricher, and the types that its modules share.

use automations::aws::batch::MessageError;
use automations::aws::topic::Topic;
use automations::model::event::Cause;
use automations::model::stage_age::StageAgeThresholds;
use automations::model::ticket_fields::TicketFields;
use automations::salestrekker::Client;
use automations::store::{Pauses, Store};

/// The enricher and its clients.
#[derive(Debug)]
pub struct Enricher {
    /// Salestrekker.
    pub client: Client,
    /// Snapshots and journal.
    pub store: Store,
    /// The topic that events are published on.
    pub topic: Topic,
    /// A query that lists tickets, if the vendor's schema is known to have one.
    pub list_query: Option<String>,
    /// The numbers of days in a stage for which there is an event.
    pub thresholds: StageAgeThresholds,
    /// The fields of a ticket that are read beside the typed ones.
    pub fields: TicketFields,
    /// What operators paused.
    pub pauses: Pauses,
}

pub(crate) type Result<T> = std::result::Result<T, MessageError>;

/// A ticket that hints name.
#[derive(Debug, Clone)]
pub(crate) struct RequestedTicket {
    /// The first hint that names it, or the first one that says that it is new.
    pub(crate) cause: Cause,
    /// Whether a hint says that it is new.
    pub(crate) is_new: bool,
    /// Whether a hint says that a reminder of it is due, or a quiet period.
    pub(crate) reminder: bool,
}

/// The result of checking a ticket.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FetchOutcome {
    /// It exists, now or before.
    Ticket,
    /// There is no such ticket.
    Nothing,
    /// The organisation is write-only.
    Hidden,
}
