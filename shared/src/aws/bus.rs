//! Publishing events on the EventBridge bus. Every partial failure is detected.

use crate::aws::batching::batches;
use crate::failure::{Failure, Remedy};
use crate::json;
use crate::model::event::{Event, SOURCE};
use crate::reason::Reason;
use crate::telemetry::xray::TraceHeader;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures::{StreamExt as _, stream};
use std::collections::BTreeSet;

/// Entries and bytes of one request (Amazon EventBridge API Reference, `PutEvents`).
const MAX_REQUEST_ENTRIES: usize = 10;
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// Requests that are in flight at the same time.
const MAX_CONCURRENT_LANES: usize = 8;

/// The bus.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    name: String,
}

/// An event in a request.
#[derive(Debug)]
struct Entry<'a> {
    group: usize,
    kind: &'a str,
    detail: String,
    trace: Option<TraceHeader>,
}

/// The bus did not accept the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("EventBridge did not accept the events")]
pub struct PublishError;

impl Failure for PublishError {
    fn remedy(&self) -> Remedy {
        Remedy::Retry { after: None }
    }

    fn reason(&self) -> Reason {
        Reason::PublishFailed
    }
}

impl Bus {
    /// The bus of this name.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Publishes events, those of each group in their order, in as few calls as `EventBridge` allows. One
    /// result for each group: whether all of its events were accepted.
    pub async fn publish(&self, groups: &[&[Event]]) -> Vec<Result<(), PublishError>> {
        let lanes = lanes(groups).into_iter().map(|lane| self.put_in_order(lane));
        let failed: Vec<BTreeSet<usize>> = stream::iter(lanes).buffered(MAX_CONCURRENT_LANES).collect().await;
        let failed: BTreeSet<usize> = failed.into_iter().flatten().collect();
        let result = |group| if failed.contains(&group) { Err(PublishError) } else { Ok(()) };
        (0..groups.len()).map(result).collect()
    }

    /// Sends one request after the other. Returns the groups of which an event was not accepted.
    async fn put_in_order(&self, lane: Vec<Vec<Entry<'_>>>) -> BTreeSet<usize> {
        let mut failed = BTreeSet::new();
        for mut request in lane {
            // An earlier event of the group was not accepted, so the later ones would be out of order.
            request.retain(|entry| !failed.contains(&entry.group));
            if !request.is_empty() {
                failed.extend(self.put(request).await);
            }
        }
        failed
    }

    /// Sends one request. Returns the groups of the entries that were not accepted.
    async fn put(&self, request: Vec<Entry<'_>>) -> Vec<usize> {
        let groups: Vec<usize> = request.iter().map(|entry| entry.group).collect();
        let entries = request.into_iter().map(|Entry { kind, detail, trace, .. }| {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.name).source(SOURCE);
            let entry = entry.detail_type(kind).detail(detail);
            entry.set_trace_header(trace.map(String::from)).build()
        });
        let response = self.client.put_events().set_entries(Some(entries.collect())).send().await;
        let Ok(response) = response else { return groups };
        // "The event ID and error entries in the response are in the same order as the entries in the request."
        let mut accepted = response.entries().iter().map(|entry| entry.event_id().is_some());
        groups.into_iter().filter(|_| !accepted.next().unwrap_or(false)).collect()
    }
}

/// The requests for these groups' events, in lanes. The requests of a lane are sent one after the other, as a
/// group that begins in one continues in the next; lanes may be sent in any order.
fn lanes<'a>(groups: &[&'a [Event]]) -> Vec<Vec<Vec<Entry<'a>>>> {
    let entries = groups.iter().enumerate().flat_map(|(group, events)| {
        events.iter().map(move |event| Entry {
            group,
            kind: event.kind.name(),
            detail: json::to_json(event),
            trace: event.cause.trace().cloned(),
        })
    });
    let size =
        |entry: &Entry<'_>| entry.detail.len().saturating_add(entry.kind.len()).saturating_add(SOURCE.len());
    let mut lanes: Vec<Vec<Vec<Entry<'_>>>> = Vec::new();
    for request in batches(entries, MAX_REQUEST_ENTRIES, MAX_REQUEST_BYTES, size) {
        let first = request.first().map(|entry| entry.group);
        match lanes.last_mut() {
            Some(lane) if lane.last().and_then(|before| Some(before.last()?.group)) == first => {
                lane.push(request);
            }
            _ => lanes.push(vec![request]),
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::testing::stage_changed;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    proptest! {
        #[test]
        fn a_groups_events_are_in_one_lane_in_order_and_requests_are_as_few_as_can_be(
            lengths in proptest::collection::vec(0..25_usize, 0..40)
        ) {
            let event = stage_changed("a", "b");
            let groups: Vec<Vec<Event>> = lengths.iter().map(|length| vec![event.clone(); *length]).collect();
            let groups: Vec<&[Event]> = groups.iter().map(Vec::as_slice).collect();
            let lanes = lanes(&groups);
            let count: usize = lengths.iter().sum();
            prop_assert_eq!(lanes.iter().map(Vec::len).sum::<usize>(), count.div_ceil(MAX_REQUEST_ENTRIES));
            let mut seen = BTreeSet::new();
            for lane in &lanes {
                let own: BTreeSet<usize> = lane.iter().flatten().map(|entry| entry.group).collect();
                prop_assert!(seen.is_disjoint(&own), "a group in two lanes");
                seen.extend(own);
            }
            let all: Vec<usize> = lanes.iter().flatten().flatten().map(|entry| entry.group).collect();
            prop_assert!(all.is_sorted());
            prop_assert_eq!(all.len(), count);
        }
    }

    #[tokio::test]
    async fn what_was_to_follow_a_refused_event_is_not_sent_and_other_tickets_events_are() {
        let requests: Arc<Mutex<Vec<usize>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            let count = request["Entries"].as_array().unwrap().len();
            seen.lock().unwrap().push(count);
            let is_rejected = |position| count == MAX_REQUEST_ENTRIES && position == 2;
            let entry = |position| {
                if is_rejected(position) { json!({ "ErrorCode": "x" }) } else { json!({ "EventId": "e" }) }
            };
            let entries: Vec<_> = (0..count).map(entry).collect();
            (200, json!({ "FailedEntryCount": 0, "Entries": entries }))
        });
        let bus = Bus::new(aws::eventbridge(&config), "b".to_owned());
        let event = stage_changed("a", "b");
        let [long, short] = [vec![event.clone(); 12], vec![event]];
        assert_eq!(bus.publish(&[&long, &short]).await, [Err(PublishError), Ok(())]);
        assert_eq!(*requests.lock().unwrap(), [10, 1], "the other two of the long group are not sent");
    }

    #[test]
    fn tickets_with_one_event_each_need_not_wait_for_each_other() {
        let event = [stage_changed("a", "b")];
        assert_eq!(lanes(&vec![&event[..]; 100]).len(), 10);
    }
}
