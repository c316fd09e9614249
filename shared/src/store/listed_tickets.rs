//! An organisation's tickets as they were last read, page by page: a scan of the table, so that a change of a ticket costs nothing for it
//! (docs/decisions/0076).

use super::keys::{ItemKey, ItemKind, tickets_of};
use super::{Error, Item, Store, decode, report_unreadable, text, unavailable, unusable};
use crate::id::OrganisationId;
use crate::model::snapshot::Snapshot;
use crate::model::snapshot_filter::{SnapshotFilter, StoredTicket};
use futures::future::try_join_all;

/// Parts of the table that are read at once: each response is up to 1 MB before DynamoDB's filter, and a handler has 128 MB.
const SEGMENTS: i32 = 4;
/// A page ends when a part of it has this many tickets, or was asked this often.
const TICKETS_PER_SEGMENT: usize = 125;
const REQUESTS_PER_SEGMENT: usize = 12;

/// A page of tickets.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketPage {
    /// The tickets that were accepted, in no order. There may be none although there is a next page.
    pub tickets: Vec<StoredTicket>,
    /// Where the next page begins; none after the last one.
    pub next: Option<TicketPosition>,
}

/// Where a page of tickets begins.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketPosition(Vec<Segment>);

/// A part of the table that is not read to its end.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    number: i32,
    after: Option<Item>,
}

impl TicketPosition {
    /// The beginning.
    pub fn first() -> Self {
        Self((0..SEGMENTS).map(|number| Segment { number, after: None }).collect())
    }
}

impl Store {
    /// The next tickets of an organisation that the filter accepts. Eventually consistent: what was stored within the last second may be
    /// missing. An item that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tickets_page(
        &self,
        organisation: &OrganisationId,
        filter: &SnapshotFilter,
        from: TicketPosition,
    ) -> Result<TicketPage, Error> {
        let read = from.0.into_iter().map(|segment| self.segment(organisation, filter, segment));
        let (tickets, rest): (Vec<_>, Vec<_>) = try_join_all(read).await?.into_iter().unzip();
        let rest: Vec<Segment> = rest.into_iter().flatten().collect();
        let next = (!rest.is_empty()).then_some(TicketPosition(rest));
        Ok(TicketPage { tickets: tickets.concat(), next })
    }

    async fn segment(
        &self,
        organisation: &OrganisationId,
        filter: &SnapshotFilter,
        mut segment: Segment,
    ) -> Result<(Vec<StoredTicket>, Option<Segment>), Error> {
        let (partitions, snapshot) = tickets_of(organisation);
        let mut tickets = Vec::new();
        for _ in 0..REQUESTS_PER_SEGMENT {
            let request = self.client.scan().table_name(&self.table).segment(segment.number);
            let request = request
                .total_segments(SEGMENTS)
                .set_exclusive_start_key(segment.after.take())
                .filter_expression("sk = :snapshot AND begins_with(pk, :tickets)")
                // A reserved word (Amazon DynamoDB Developer Guide, "Reserved words").
                .projection_expression("pk, sk, #snapshot")
                .expression_attribute_names("#snapshot", "snapshot")
                .expression_attribute_values(":snapshot", text(snapshot))
                .expression_attribute_values(":tickets", text(&partitions));
            let response = request.send().await.map_err(|error| unavailable(&error))?;
            let found = response.items.unwrap_or_default();
            tickets.extend(found.iter().filter_map(stored).filter(|ticket| filter.accepts(ticket)));
            segment.after = response.last_evaluated_key.filter(|key| !key.is_empty());
            if segment.after.is_none() {
                return Ok((tickets, None));
            }
            if tickets.len() >= TICKETS_PER_SEGMENT {
                break;
            }
        }
        Ok((tickets, Some(segment)))
    }
}

fn stored(item: &Item) -> Option<StoredTicket> {
    let snapshot = decode(item, "snapshot").and_then(|snapshot: Snapshot| match ItemKey::of(item) {
        Some(ItemKey { kind: ItemKind::Snapshot(ticket), .. }) if ticket == snapshot.ticket.id => {
            Ok(snapshot)
        }
        _ => Err(unusable(item, "snapshot", None)),
    });
    snapshot.map_or_else(
        |error| {
            report_unreadable(item, &error);
            None
        },
        StoredTicket::of,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::json::to_json;
    use crate::model::diff::change;
    use crate::model::snapshot::Seen;
    use crate::testing::ticket;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    fn item(id: &str) -> Value {
        let mut ticket = ticket();
        ticket.id = id.parse().unwrap();
        let snapshot = change(None, Some(Seen::without_fields(ticket, "d")), false).unwrap().snapshot;
        json!({
            "pk": { "S": format!("TICKET#north#{id}") }, "sk": { "S": "SNAPSHOT" },
            "snapshot": { "S": to_json(&snapshot) },
        })
    }

    /// A table whose part 0 has this number of pages, and the requests.
    fn table(pages: usize, per_page: usize) -> (Store, Arc<Mutex<Vec<Value>>>) {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            if request["Segment"] != 0 {
                return (200, json!({ "Items": [] }));
            }
            let page: usize =
                request["ExclusiveStartKey"]["sk"]["S"].as_str().map_or(0, |at| at.parse().unwrap());
            let items: Vec<Value> = (0..per_page).map(|n| item(&format!("t-{page}-{n}"))).collect();
            let next = page.saturating_add(1);
            let key = json!({ "pk": { "S": "p" }, "sk": { "S": next.to_string() } });
            let key = if next < pages {
                json!({ "Items": items, "LastEvaluatedKey": key })
            } else {
                json!({ "Items": items })
            };
            (200, key)
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), requests)
    }

    async fn pages(store: &Store) -> Vec<usize> {
        let (north, filter) = (OrganisationId::parse("north").unwrap(), SnapshotFilter::default());
        let (mut counts, mut at) = (Vec::new(), Some(TicketPosition::first()));
        while let Some(from) = at.take() {
            let page = store.tickets_page(&north, &filter, from).await.unwrap();
            counts.push(page.tickets.len());
            at = page.next;
        }
        counts
    }

    #[tokio::test]
    async fn every_ticket_is_on_one_page_and_a_page_is_bounded() {
        let (store, requests) = table(30, 1);
        assert_eq!(pages(&store).await, [12, 12, 6], "by requests");
        let requests = requests.lock().unwrap().clone();
        assert_eq!(requests.len(), 30 + 3, "a part that is read to its end is not asked again");
        assert!(
            requests
                .iter()
                .all(|request| request["TotalSegments"] == 4 && request["ConsistentRead"].is_null())
        );
        assert_eq!(pages(&table(3, 100).0).await, [200, 100], "by tickets");
    }

    /// The permission of a handler names these attributes.
    #[tokio::test]
    async fn only_snapshots_of_the_organisation_are_asked_for_and_no_other_attribute() {
        let (store, requests) = table(1, 1);
        assert_eq!(pages(&store).await, [1]);
        let request = requests.lock().unwrap()[0].clone();
        assert_eq!(request["ProjectionExpression"], "pk, sk, #snapshot");
        let values = json!({ ":snapshot": { "S": "SNAPSHOT" }, ":tickets": { "S": "TICKET#north#" } });
        assert_eq!(request["ExpressionAttributeValues"], values);
    }

    #[test]
    fn a_ticket_that_is_gone_or_unreadable_is_left_out() {
        let read = |item: &Value| {
            let text_of = |name: &str| item[name]["S"].as_str().map(|value| (name.to_owned(), text(value)));
            stored(&["pk", "sk", "snapshot"].into_iter().filter_map(text_of).collect())
        };
        assert!(read(&item("t-1")).is_some());
        let mut gone = item("t-1");
        gone["snapshot"]["S"] =
            json!(gone["snapshot"]["S"].as_str().unwrap().replace("\"gone\":false", "\"gone\":true"));
        assert_eq!(read(&gone), None);
        let mut other = item("t-1");
        other["pk"]["S"] = json!("TICKET#north#t-2");
        assert_eq!(read(&other), None);
        other["snapshot"]["S"] = json!("{");
        assert_eq!(read(&other), None);
    }
}
