//! Publishing events on the EventBridge bus, with every partial failure seen.

use crate::event::{Event, SOURCE};
use crate::failure::{Failure, Remedy};
use crate::pack::packs;
use crate::wire;
use crate::xray::TraceHeader;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

/// A request may hold this many entries and bytes (Amazon EventBridge API Reference, `PutEvents`).
const MOST_IN_REQUEST: usize = 10;
const LARGEST_REQUEST: usize = 256 * 1024;

/// The bus.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    name: String,
}

/// Why an event was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("EventBridge does not accept the event now")]
pub struct NotPublished;

impl Failure for NotPublished {
    fn remedy(&self) -> Remedy {
        Remedy::Retry { after: None }
    }

    fn kind(&self) -> &'static str {
        "not_published"
    }
}

/// An event's kind, its JSON, and the trace of X-Ray that it is part of.
type Entry<'a> = (&'a str, String, Option<TraceHeader>);

impl Bus {
    /// The bus of this name.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Publishes events in as few calls as EventBridge allows; one result for each, in their order.
    pub async fn publish(&self, events: &[Event]) -> Vec<Result<(), NotPublished>> {
        let entries = events
            .iter()
            .map(|event| (event.what.kind(), wire::to_json(event), event.cause.trace().cloned()));
        let size = |(kind, detail, _): &Entry<'_>| {
            detail.len().saturating_add(kind.len()).saturating_add(SOURCE.len())
        };
        let mut results = Vec::with_capacity(events.len());
        for request in packs(entries, MOST_IN_REQUEST, LARGEST_REQUEST, size) {
            results.extend(self.put(request).await);
        }
        results
    }

    async fn put(&self, request: Vec<Entry<'_>>) -> Vec<Result<(), NotPublished>> {
        let count = request.len();
        let entries = request.into_iter().map(|(kind, detail, trace)| {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.name).source(SOURCE);
            let entry = entry.detail_type(kind).detail(detail);
            entry.set_trace_header(trace.map(String::from)).build()
        });
        let answer = self.client.put_events().set_entries(Some(entries.collect())).send().await;
        let Ok(answer) = answer else { return vec![Err(NotPublished); count] };
        // "The event ID and error entries in the response are in the same order as the entries in the request."
        let results = answer.entries().iter().map(|entry| entry.event_id().map(|_| ()).ok_or(NotPublished));
        let mut results: Vec<_> = results.take(count).collect();
        results.resize(count, Err(NotPublished));
        results
    }
}
