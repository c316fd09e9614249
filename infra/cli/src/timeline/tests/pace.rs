//! The pace: a ticket with a thousand events is read in a few rounds of requests, which are made side by side.

use super::super::read::{Reader, Wanted};
use super::*;
use crate::stub::{self, xml};
use automations::aws;
use automations::json::to_json;
use automations::model::event::EventKind;
use automations::model::ticket::Ticket;
use automations::store::Store;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const EVENTS: u64 = 1_000;
const HANDLERS: usize = 5;
/// Events in a page of 1 MB.
const PAGE: usize = 400;
/// A usual response of AWS within a region takes less.
const LATENCY: Duration = Duration::from_millis(20);

fn event(version: u64) -> Event {
    let mut event = settled();
    let EventKind::StageChanged { from, to, .. } = event.kind.clone() else { panic!() };
    event.kind = EventKind::StageChanged { ticket: Ticket { version, ..ticket() }, from, to };
    let (organisation, cause) = (event.organisation.clone(), event.cause.clone());
    Event::of_change(&organisation, event.observed_at.later(Duration::from_secs(version)), &cause, event.kind)
        .unwrap()
}

fn resources() -> String {
    let resource = |kind: &str, id: &str| {
        format!(
            "<member><ResourceType>{kind}</ResourceType><PhysicalResourceId>{id}</PhysicalResourceId></member>"
        )
    };
    let functions = (0..HANDLERS).map(|number| resource("AWS::Lambda::Function", &format!("a-h{number}")));
    let topic = resource("AWS::SNS::Topic", "arn:aws:sns:r:1:a-events.fifo");
    let queue = resource("AWS::SQS::Queue", "https://sqs.example.com/1/a-actions-dead-letters.fifo");
    let all: String = functions.chain([topic, queue]).collect();
    xml("ListStackResources", &format!("<StackResourceSummaries>{all}</StackResourceSummaries>"))
}

fn respond(operation: &str, request: &Value, events: &[Event]) -> String {
    match operation {
        "ListStackResources" => resources(),
        "ListSubscriptionsByTopic" => {
            let subscription = |number| {
                format!(
                    "<member><Endpoint>arn:aws:sqs:r:1:a-h{number}.fifo</Endpoint><SubscriptionArn>s{number}</SubscriptionArn></member>"
                )
            };
            let all: String = (0..HANDLERS).map(subscription).collect();
            xml("ListSubscriptionsByTopic", &format!("<Subscriptions>{all}</Subscriptions>"))
        }
        "GetSubscriptionAttributes" => {
            // Every second handler receives the events.
            let kind =
                if request["SubscriptionArn"].as_str().is_some_and(|arn| arn.ends_with(['0', '2', '4'])) {
                    "stage_changed"
                } else {
                    "created"
                };
            let policy = format!("{{&quot;type&quot;: [&quot;ticket.{kind}&quot;]}}");
            let entry = format!("<entry><key>FilterPolicy</key><value>{policy}</value></entry>");
            xml("GetSubscriptionAttributes", &format!("<Attributes>{entry}</Attributes>"))
        }
        "GetQueueAttributes" => json!({ "Attributes": {} }).to_string(),
        "Query"
            // Reminders, and what waits.
            if request["ExpressionAttributeValues"].get(":prefix").is_some() =>
        {
            json!({ "Items": [] }).to_string()
        }
        // The organisation's settings of handlers, and what is paused.
        "Query"
            if request["ExpressionAttributeValues"][":pk"]["S"]
                .as_str()
                .is_some_and(|pk| pk == "PAUSES" || pk.starts_with("ORGANISATION#")) =>
        {
            json!({ "Items": [] }).to_string()
        }
        "Query" => {
            let start = &request["ExclusiveStartKey"]["n"]["N"];
            let start: usize = start.as_str().map_or(0, |start| start.parse().unwrap());
            let page = events.iter().skip(start).take(PAGE);
            let items: Vec<Value> =
                page.map(|event| json!({ "events": { "S": to_json(&[event]) } })).collect();
            let end = start.saturating_add(items.len());
            let more = (end < events.len()).then(|| json!({ "n": { "N": end.to_string() } }));
            json!({ "Items": items, "LastEvaluatedKey": more }).to_string()
        }
        "BatchGetItem" => {
            let keys = request["RequestItems"]["t"]["Keys"].as_array().unwrap();
            let found = keys.iter().filter(|key| key["pk"]["S"].as_str().unwrap().ends_with(".h0.0"));
            let items: Vec<Value> = found
                .map(|key| {
                    let mut item = key.clone();
                    let done = Done {
                        planned: planned(&events[0], "h0", 0),
                        outcome: Outcome::Changed,
                        done_at: at(5),
                    };
                    item["state"] = json!({ "S": "done" });
                    item["result"] = json!({ "S": to_json(&done) });
                    item
                })
                .collect();
            json!({ "Responses": { "t": items } }).to_string()
        }
        path if path.contains("/functions/") => {
            let name = path.split("a-").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
            json!({ "Environment": { "Variables": { "HANDLER": name } } }).to_string()
        }
        other => panic!("{other}"),
    }
}

/// Row 1 of the anchors: within a second. Requests that take 20 ms each and the program's own time, in a debug build, were 0.97 s on two
/// shared cores; the numbers of requests are what a slower machine does not change.
#[tokio::test]
async fn a_ticket_with_a_thousand_events_takes_a_few_rounds_of_requests() {
    let events: Vec<Event> = (1..=EVENTS).map(event).collect();
    let running: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&running);
    let served = events.clone();
    let config = stub::config(LATENCY, move |operation, request| {
        seen.lock().unwrap().push(operation.to_owned());
        (200, respond(operation, request, &served))
    });
    let store = Store::new(aws::dynamodb(&config), "t".to_owned());
    let reader = Reader::new(&config, "a".to_owned(), store, at(9));
    let start = std::time::Instant::now();
    let wanted = Wanted::Ticket(ticket().id);
    let most = usize::try_from(EVENTS).unwrap();
    let kept = Box::pin(reader.read(&events[0].organisation, &wanted, at(0), most)).await.unwrap();
    let timeline = assemble(&kept);
    let text = timeline.to_string();
    let all = start.elapsed();
    let requests = running.lock().unwrap().clone();
    let of = |name: &str| requests.iter().filter(|request| *request == name).count();
    assert_eq!(of("Query"), 3 + 4, "a page each, the reminders, what waits, the settings and the pauses");
    // 3 handlers × 4 positions + 2 × 1, in batches of 100; then the positions after the one that was found,
    // and whether it was undone; and the snapshot, and its outbox before the journal.
    assert_eq!(of("BatchGetItem"), 140 + 20 + 2, "{requests:?}");
    assert_eq!(text.lines().filter(|line| line.contains(" h0 decided 1 action")).count(), 1_000);
    assert!(text.contains("not subscribed to this kind of event"), "{}", &text[..2_000]);
    assert!(all < Duration::from_secs(10), "{all:?}");
}
