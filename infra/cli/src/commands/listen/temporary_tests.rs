//! What a run makes and removes, at a model of SQS and SNS.

use super::*;
use crate::stub;
use serde_json::Value;
use std::sync::{Arc, Mutex};

const TOPIC: &str = "arn:aws:sns:ap-southeast-2:111122223333:s-events.fifo";
const NOW: u64 = 1_790_000_000;

type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A topic whose account has these queues and subscribed queues, refuses this operation, and says what it was asked for.
fn topic(queues: &[String], subscribed: &[String], refused: &'static str) -> (Topic, Calls) {
    let calls = Calls::default();
    let (seen, queues, subscribed) = (Arc::clone(&calls), queues.to_vec(), subscribed.to_vec());
    let config = stub::config(Duration::ZERO, move |operation, request| {
        seen.lock().unwrap().push((operation.to_owned(), request.clone()));
        let url = |name: &str| format!("https://sqs/1/{name}");
        if operation == refused {
            let xml = "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>";
            let json = json!({ "__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no" });
            let is_of_sns = ["Subscribe", "Unsubscribe"].contains(&operation);
            return (403, if is_of_sns { xml.to_owned() } else { json.to_string() });
        }
        let body = match operation {
            "ListQueues" => {
                json!({ "QueueUrls": queues.iter().map(|name| url(name)).collect::<Vec<_>>() }).to_string()
            }
            "GetQueueUrl" | "CreateQueue" => {
                json!({ "QueueUrl": url(request["QueueName"].as_str().unwrap()) }).to_string()
            }
            "GetQueueAttributes" => json!({ "Attributes": { "KmsMasterKeyId": "key-1" } }).to_string(),
            "DeleteQueue" => "{}".to_owned(),
            "Subscribe" => stub::xml(operation, "<SubscriptionArn>sub-1</SubscriptionArn>"),
            "Unsubscribe" => "<UnsubscribeResponse/>".to_owned(),
            "ListSubscriptionsByTopic" => {
                let members = subscribed.iter().map(|name| {
                    format!("<member><SubscriptionArn>of-{name}</SubscriptionArn><Endpoint>arn:aws:sqs:r:1:{name}</Endpoint></member>")
                });
                let members: String = members.collect();
                stub::xml(operation, &format!("<Subscriptions>{members}</Subscriptions>"))
            }
            other => panic!("{other}"),
        };
        (200, body)
    });
    let (sqs, sns) = (aws::sqs(&config), aws::sns(&config));
    (Topic { sqs, sns, arn: TOPIC.to_owned(), stack: "s".to_owned() }, calls)
}

fn of_run(stack: &str, hours_ago: u64) -> String {
    let began = Timestamp::from_seconds(NOW).earlier(Duration::from_hours(hours_ago));
    name(stack, began, "0a")
}

fn asked(calls: &Calls, wanted: &str) -> Vec<Value> {
    let calls = calls.lock().unwrap();
    calls.iter().filter(|(operation, _)| operation == wanted).map(|(_, request)| request.clone()).collect()
}

/// Row 18 of the anchors.
#[tokio::test]
async fn a_run_makes_a_queue_that_only_the_topic_may_send_to_and_keeps_nothing_for_long() {
    let (topic, calls) = topic(&[], &[], "");
    let temporary = topic.subscribe("{\"type\": [\"a\"]}", Timestamp::from_seconds(NOW), "0a").await.unwrap();
    assert_eq!(temporary.queue, "s-listen_1790000000_0a.fifo");
    let attributes = asked(&calls, "CreateQueue")[0]["Attributes"].clone();
    assert_eq!(attributes["MessageRetentionPeriod"], "300");
    assert_eq!((&attributes["FifoQueue"], &attributes["KmsMasterKeyId"]), (&json!("true"), &json!("key-1")));
    let policy: Value = serde_json::from_str(attributes["Policy"].as_str().unwrap()).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Condition"]["ArnEquals"]["aws:SourceArn"], TOPIC);
    assert_eq!(statement["Resource"], "arn:aws:sqs:ap-southeast-2:111122223333:s-listen_1790000000_0a.fifo");
    let subscribed = asked(&calls, "Subscribe")[0].clone();
    assert_eq!(subscribed["Endpoint"], statement["Resource"]);
    assert!(subscribed.to_string().contains("MessageBody"), "{subscribed}");
    topic.remove(&temporary).await.unwrap();
    assert_eq!(asked(&calls, "Unsubscribe")[0]["SubscriptionArn"], "sub-1");
    assert_eq!(asked(&calls, "DeleteQueue")[0]["QueueUrl"], "https://sqs/1/s-listen_1790000000_0a.fifo");
}

#[tokio::test]
async fn a_queue_that_gets_no_subscription_is_deleted_and_the_permission_is_named() {
    let (topic, calls) = topic(&[], &[], "Subscribe");
    let error = topic.subscribe("{}", Timestamp::from_seconds(NOW), "0a").await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the profile lacks sns:Subscribe on {TOPIC}")), "{error}");
    assert!(error.contains("operators-of-s"), "{error}");
    assert_eq!(asked(&calls, "DeleteQueue").len(), 1);
}

/// It would go on receiving.
#[tokio::test]
async fn the_queue_is_deleted_also_if_its_subscription_cannot_be() {
    let (topic, calls) = topic(&[], &[], "Unsubscribe");
    let temporary = topic.subscribe("{}", Timestamp::from_seconds(NOW), "0a").await.unwrap();
    let error = topic.remove(&temporary).await.unwrap_err().to_string();
    assert!(error.contains("sns:Unsubscribe"), "{error}");
    assert_eq!(asked(&calls, "DeleteQueue").len(), 1);
}

#[tokio::test]
async fn what_crashed_runs_left_is_removed_and_nothing_else() {
    let handler = "s-listen-to-all.fifo".to_owned();
    let queues = [of_run("s", 7), of_run("s", 5), handler.clone(), "s-listen_x_0a.fifo".to_owned()];
    // The queue of this one is gone already.
    let subscribed = [of_run("s", 8), of_run("s", 5), of_run("s-dev", 9), handler];
    let (topic, calls) = topic(&queues, &subscribed, "");
    let left = topic.left_behind(Timestamp::from_seconds(NOW)).await.unwrap();
    assert_eq!(topic.clean(&left).await.unwrap(), 2);
    let deleted: Vec<Value> =
        asked(&calls, "DeleteQueue").iter().map(|call| call["QueueUrl"].clone()).collect();
    assert_eq!(deleted, [json!(format!("https://sqs/1/{}", of_run("s", 7)))]);
    let unsubscribed = asked(&calls, "Unsubscribe");
    assert_eq!(unsubscribed.len(), 1);
    assert_eq!(unsubscribed[0]["SubscriptionArn"], format!("of-{}", of_run("s", 8)));
}

#[test]
fn a_run_ends_before_another_takes_it_for_a_crashed_one() {
    assert!(LONGEST_RUN + Duration::from_hours(1) < LEFT_BEHIND);
}
