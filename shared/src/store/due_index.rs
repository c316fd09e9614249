//! The index of tickets by when they are due: a snapshot's `sweep`, one of a few shards, and `due`.

use super::{Error, Item, Store, number, text, unavailable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::check_schedule::CheckSchedule;
use crate::model::event::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use std::time::Duration;

/// The parts of an index, so that it takes more than the 1,000 writes a second of one partition (Amazon DynamoDB Developer Guide,
/// "Partitions").
pub const SHARDS: u32 = 16;
const INDEX: &str = "due";

/// A ticket that is due to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket.
    pub ticket: TicketId,
    /// The last look.
    pub verified: Timestamp,
    /// Since when it is due.
    pub due: Timestamp,
    /// Its events that wait to be published.
    pub unpublished: Option<Unpublished>,
}

/// Events that stand in an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpublished {
    /// So many.
    pub events: u64,
    /// Since when the oldest does.
    pub since: Timestamp,
}

impl Store {
    /// The tickets of a shard that are due, the longest first, at most `most`. The index follows the table within moments.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn due(&self, shard: u32, now: Timestamp, most: u16) -> Result<Vec<Due>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("sweep = :sweep AND due <= :now")
            .expression_attribute_values(":sweep", text(shard.to_string()))
            .expression_attribute_values(":now", number(now.as_millis()))
            .limit(i32::from(most))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        answer.items.unwrap_or_default().iter().map(due).collect()
    }
}

/// The part of an index that a ticket stands in.
pub(super) fn shard(ticket: &TicketId) -> String {
    let sum = ticket.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    (sum % SHARDS).to_string()
}

/// What of an outbox stands in the index, as an item's attributes; none where it is empty.
pub(super) fn unpublished(outbox: &[Event]) -> Option<[(&'static str, AttributeValue); 2]> {
    let since = outbox.iter().map(|event| event.observed_at).min()?;
    let events = u64::try_from(outbox.len()).unwrap_or(u64::MAX);
    Some([("unpublished", number(events)), ("unpublished_since", number(since.as_millis()))])
}

/// A watch as an item's attributes.
pub(super) fn numbers(watch: CheckSchedule) -> [(&'static str, AttributeValue); 3] {
    let quiet = u64::try_from(watch.quiet.as_millis()).unwrap_or(u64::MAX);
    [
        ("verified", number(watch.verified.as_millis())),
        ("due", number(watch.due.as_millis())),
        ("quiet", number(quiet)),
    ]
}

/// An item's watch.
pub(super) fn watch(item: &Item) -> Result<CheckSchedule, Error> {
    Ok(CheckSchedule {
        verified: Timestamp::from_millis(whole(item, "verified")?),
        due: Timestamp::from_millis(whole(item, "due")?),
        quiet: Duration::from_millis(whole(item, "quiet")?),
    })
}

fn due(item: &Item) -> Result<Due, Error> {
    let unusable = || Error::Unusable { attribute: "pk", decode_error: None };
    let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).ok_or_else(unusable)?;
    // An organisation holds no `#`, a ticket's id may.
    let parts = pk.strip_prefix("TICKET#").and_then(|rest| rest.split_once('#'));
    let (organisation, ticket) = parts.ok_or_else(unusable)?;
    Ok(Due {
        organisation: OrganisationId::parse(organisation).map_err(|_invalid| unusable())?,
        ticket: TicketId::parse(ticket).map_err(|_invalid| unusable())?,
        verified: Timestamp::from_millis(whole(item, "verified")?),
        due: Timestamp::from_millis(whole(item, "due")?),
        unpublished: item.contains_key("unpublished").then(|| waiting(item)).transpose()?,
    })
}

fn waiting(item: &Item) -> Result<Unpublished, Error> {
    let since = Timestamp::from_millis(whole(item, "unpublished_since")?);
    Ok(Unpublished { events: whole(item, "unpublished")?, since })
}

fn whole(item: &Item, attribute: &'static str) -> Result<u64, Error> {
    let value = item.get(attribute).and_then(|value| value.as_n().ok()?.parse().ok());
    value.ok_or(Error::Unusable { attribute, decode_error: None })
}
