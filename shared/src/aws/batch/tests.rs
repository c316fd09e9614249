use super::*;
use crate::aws::stub;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::Mutex;

#[test]
fn a_message_without_an_id_fails_the_batch_loudly() {
    let mut record = SqsMessage::default();
    assert!(envelope(record.clone()).is_none());
    record.message_id = Some(String::new());
    record.receipt_handle = Some("r".into());
    assert!(envelope(record.clone()).is_none());
    record.message_id = Some("m".into());
    assert!(envelope(record).is_some());
}

#[test]
fn delays_grow_and_advice_is_taken() {
    let retry = Remedy::Retry { after: None };
    let seconds: Vec<u64> = (1..12).map(|receives| delay(retry, receives, "").unwrap().as_secs()).collect();
    assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    let advised = Remedy::Retry { after: Some(Duration::from_secs(7)) };
    assert_eq!(delay(advised, 5, "m"), Some(Duration::from_secs(7)));
    assert_eq!(delay(Remedy::DeadLetter, 1, "m"), None);
}

fn record(body: &str, receives: u32) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(format!("id-{body}"));
    record.receipt_handle = Some("r".to_owned());
    record.body = Some(json!(body).to_string());
    record.attributes.insert("ApproximateReceiveCount".to_owned(), receives.to_string());
    record.attributes.insert("MessageGroupId".to_owned(), "g".to_owned());
    record
}

/// Works through one group, in which `a` fails retryably: what was worked on, what is kept, and the dead-lettered bodies.
async fn group_of(records: Vec<SqsMessage>) -> (Vec<String>, Vec<String>, Vec<Value>) {
    let dead_lettered: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&dead_lettered);
    let config = stub::config_with_responses(move |request| {
        seen.lock().unwrap().extend(request.get("MessageBody").cloned());
        (200, json!({ "MessageId": "d" }))
    });
    let queue = |name: &str| format!("http://127.0.0.1/{name}");
    let source = SourceQueue::new(crate::aws::sqs(&config), "f".to_owned(), queue("q.fifo"), queue("d.fifo"));
    let mut event = SqsEvent::default();
    event.records = records;
    let worked = Mutex::new(Vec::new());
    let work = async |message: &Message<String>, _: &Metrics| {
        worked.lock().unwrap().push(message.body.clone());
        let remedy = Remedy::Retry { after: None };
        let failed = MessageError { reason: Reason::TableUnavailable, remedy, text: "x".to_owned() };
        if message.body == "a" { Err(failed) } else { Ok(()) }
    };
    let until = clock::now().later(Duration::from_mins(1));
    let response = source.by_group(event, until, work).await.unwrap();
    let kept = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    let dead_lettered = dead_lettered.lock().unwrap().clone();
    (worked.into_inner().unwrap(), kept, dead_lettered)
}

/// B5 of the AWS facts: counts of a group go in step, as a receive takes as many messages of it as it can.
#[tokio::test]
async fn a_group_whose_first_message_was_dead_lettered_goes_on_at_once() {
    let records = ["a", "b", "c"].map(|body| record(body, MAX_RECEIVES)).to_vec();
    let (worked, kept, dead_lettered) = group_of(records).await;
    assert_eq!(worked, ["a", "b", "c"]);
    assert_eq!((kept, dead_lettered), (vec![], vec![json!("\"a\"")]));
}

#[tokio::test]
async fn a_message_that_waits_for_an_earlier_one_is_never_dead_lettered_untried() {
    let records = vec![record("a", 3), record("b", MAX_RECEIVES), record("c", MAX_RECEIVES)];
    let (worked, kept, dead_lettered) = group_of(records).await;
    assert_eq!(worked, ["a"]);
    assert_eq!((kept.len(), dead_lettered), (3, vec![]), "all three are retried");
}

proptest! {
    #[test]
    fn a_delay_is_never_more_than_a_quarter_of_an_hour(receives: u32, message: String) {
        let delay = delay(Remedy::RefreshCredential, receives, &message).unwrap();
        prop_assert!(delay >= Duration::from_secs(2) && delay <= MAX_DELAY);
    }
}
