//! What the table knows of a ticket, or the readable parts of it.

use super::due_index::{schedule, unpublished_count};
use super::{Error, Item, decode, key_text, unusable};
use crate::id::TicketId;
use crate::model::check_schedule::CheckSchedule;
use crate::model::event::Event;
use crate::model::kinds::has_unknown_kind;
use crate::model::snapshot::Snapshot;
use aws_sdk_dynamodb::types::AttributeValue;

/// What the table knows of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The ticket as it was last read.
    pub snapshot: Snapshot,
    /// Events that were stored and are perhaps not published.
    pub outbox: Vec<Event>,
    /// When it is checked next.
    pub schedule: CheckSchedule,
}

/// What can be read of a snapshot's item.
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged {
    /// The first thing that cannot be read.
    pub error: Error,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) outbox: Option<Vec<Event>>,
    pub(super) schedule: Option<CheckSchedule>,
    pub(super) version: Option<AttributeValue>,
    /// The number of events that are to be published, as far as that can be read.
    pub(super) unpublished: usize,
}

/// The item of a ticket.
pub(super) fn known(item: &Item, ticket: &TicketId) -> Result<Known, Box<Damaged>> {
    let snapshot = decode(item, "snapshot").and_then(|snapshot: Snapshot| {
        let is_own = snapshot.ticket.id == *ticket && item_version(item) == Some(snapshot.ticket.version);
        if is_own { Ok(snapshot) } else { Err(unusable(item, "version", None)) }
    });
    let (snapshot, outbox, schedule) = match (snapshot, outbox(item), schedule(item)) {
        (Ok(snapshot), Ok(outbox), Ok(schedule)) => return Ok(Known { snapshot, outbox, schedule }),
        parts => parts,
    };
    // An event of a newer version of the program counts first: then nothing is to be repaired.
    let errors = [outbox.as_ref().err(), snapshot.as_ref().err(), schedule.as_ref().err()];
    let error = errors.into_iter().flatten().next().cloned();
    Err(Box::new(Damaged {
        error: error.unwrap_or_else(|| unusable(item, "snapshot", None)),
        snapshot: snapshot.ok(),
        outbox: outbox.ok(),
        schedule: schedule.ok(),
        version: item.get("version").cloned(),
        unpublished: unpublished_count(item),
    }))
}

fn outbox(item: &Item) -> Result<Vec<Event>, Error> {
    let outbox = item.get("outbox").and_then(|outbox| outbox.as_s().ok());
    if outbox.is_some_and(|outbox| has_unknown_kind(outbox.as_bytes())) {
        return Err(Error::UnknownKind { key: key_text(item) });
    }
    decode(item, "outbox")
}

/// The version that the item has beside its JSON.
fn item_version(item: &Item) -> Option<u64> {
    item.get("version")?.as_n().ok()?.parse().ok()
}
