use super::*;
use crate::aws::stub;
use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::SqsMessage;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

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

/// A message of the group `g` that was sent now.
fn record(body: &str, receives: u32) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(format!("id-{body}"));
    record.receipt_handle = Some("r".to_owned());
    record.body = Some(json!(body).to_string());
    let attributes = [
        ("ApproximateReceiveCount", receives.to_string()),
        ("MessageGroupId", "g".to_owned()),
        ("SentTimestamp", clock::now().as_millis().to_string()),
    ];
    record.attributes.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    record
}

/// An action of a newer version of the program.
fn of_newer_version(group: &str, age: Duration) -> SqsMessage {
    let mut record = record("new", 1);
    let action = json!({ "id": "e.h.0", "organisation": "north", "action": { "do": "archive" } });
    record.body = Some(action.to_string());
    let sent = clock::now().earlier(age).as_millis().to_string();
    let attributes = [("MessageGroupId", group.to_owned()), ("SentTimestamp", sent)];
    record.attributes.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    record
}

/// An instance of a function whose work on `a` fails so: what it worked on, what it kept last, and what it dead-lettered.
struct Instance {
    source: SourceQueue,
    remedy: Remedy,
    dead_lettered: Arc<Mutex<Vec<Value>>>,
}

impl Instance {
    fn failing_with(remedy: Remedy) -> Self {
        let dead_lettered: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&dead_lettered);
        let config = stub::config_with_responses(move |request| {
            if request.get("MessageBody").is_some() {
                seen.lock().unwrap().push(request.clone());
            }
            (200, json!({ "MessageId": "d" }))
        });
        Self { dead_lettered, ..Self::with(&config, remedy) }
    }

    fn with(config: &SdkConfig, remedy: Remedy) -> Self {
        let queue = |name: &str| format!("http://127.0.0.1/{name}");
        let client = crate::aws::sqs(config);
        let source =
            SourceQueue::new(client, SourceKind::Actions, "f".to_owned(), queue("q.fifo"), queue("d.fifo"));
        Self { source, remedy, dead_lettered: Arc::default() }
    }

    async fn work(&self, records: Vec<SqsMessage>) -> (Vec<String>, Vec<String>) {
        self.work_until(records, clock::now().later(Duration::from_mins(1))).await
    }

    async fn work_until(&self, records: Vec<SqsMessage>, until: Timestamp) -> (Vec<String>, Vec<String>) {
        let mut event = SqsEvent::default();
        event.records = records;
        let worked = Mutex::new(Vec::new());
        let work = async |message: &Message<String>, _: &Metrics| {
            worked.lock().unwrap().push(message.body.clone());
            let (reason, remedy) = (Reason::TableUnavailable, self.remedy);
            let failed = MessageError { reason, remedy, text: "x".to_owned() };
            if message.body == "a" { Err(failed) } else { Ok(()) }
        };
        let response = self.source.by_group(event, until, work).await.unwrap();
        let kept = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
        (worked.into_inner().unwrap(), kept.collect())
    }

    /// The bodies of the dead letters, with their reasons.
    fn dead_letters(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let dead_lettered = self.dead_lettered.lock().unwrap();
        let dead_letters = dead_lettered.iter().map(|request| {
            let reason = &request["MessageAttributes"]["reason"]["StringValue"];
            (text(&request["MessageBody"]), text(reason))
        });
        dead_letters.collect()
    }
}

const RETRY: Remedy = Remedy::Retry { after: None };
const WAIT: Remedy = Remedy::Wait { after: None };

/// B5 of the AWS facts: counts of a group go in step, as a receive takes as many messages of it as it can.
/// Each message waits for all the others: the batch ends only if no group waits for another one.
#[tokio::test]
async fn all_groups_of_a_batch_are_worked_on_at_the_same_time() {
    let together = tokio::sync::Barrier::new(10);
    let mut event = SqsEvent::default();
    event.records = (0..10)
        .map(|number| {
            let mut record = record(&number.to_string(), 1);
            record.attributes.insert("MessageGroupId".to_owned(), format!("g{number}"));
            record
        })
        .collect();
    let instance = Instance::failing_with(Remedy::DeadLetter);
    let work = async |_: &Message<String>, _: &Metrics| {
        together.wait().await;
        Ok(())
    };
    let until = clock::now().later(Duration::from_mins(1));
    let batch = tokio::time::timeout(Duration::from_secs(9), instance.source.by_group(event, until, work));
    assert_eq!(batch.await.unwrap().unwrap().batch_item_failures.len(), 0);
}

#[tokio::test]
async fn a_group_whose_first_message_was_dead_lettered_goes_on_at_once() {
    let instance = Instance::failing_with(RETRY);
    let records = || ["a", "b", "c"].map(|body| record(body, MAX_RECEIVES)).to_vec();
    for _ in 0..2 {
        let (worked, kept) = instance.work(records()).await;
        assert_eq!((worked, kept.len()), (vec!["a".to_owned()], 3));
    }
    let (worked, kept) = instance.work(records()).await;
    assert_eq!((worked.join(""), kept), ("abc".to_owned(), vec![]));
    assert_eq!(instance.dead_letters(), [("\"a\"".to_owned(), "retries_exhausted".to_owned())]);
}

#[tokio::test]
async fn a_message_that_waits_for_an_earlier_one_is_never_dead_lettered_untried() {
    let instance = Instance::failing_with(RETRY);
    let records = vec![record("a", 3), record("b", QUEUE_MAX_RECEIVES), record("c", QUEUE_MAX_RECEIVES)];
    let (worked, kept) = instance.work(records).await;
    assert_eq!(worked, ["a"]);
    assert_eq!((kept.len(), instance.dead_letters()), (3, vec![]), "all three are retried");
}

/// C8 of the AWS facts.
#[tokio::test]
async fn neither_throttling_nor_lack_of_time_spends_a_last_receive() {
    let instance = Instance::failing_with(WAIT);
    for _ in 0..9 {
        let (_, kept) = instance.work(vec![record("a", QUEUE_MAX_RECEIVES)]).await;
        let late = instance.work_until(vec![record("b", QUEUE_MAX_RECEIVES)], clock::now()).await;
        assert_eq!((kept.len(), late.0.len(), late.1.len()), (1, 0, 1));
    }
    assert_eq!(instance.dead_letters(), []);
}

/// F13 of the field faults.
#[tokio::test]
async fn an_unknown_kind_waits_with_its_group_while_others_pass_and_is_dead_lettered_after_an_hour() {
    let instance = Instance::failing_with(RETRY);
    let minutes = |minutes| Duration::from_mins(minutes);
    let (worked, kept) = instance.work(vec![of_newer_version("g", minutes(59)), record("b", 1)]).await;
    assert_eq!((worked.len(), kept), (0, vec!["id-new".to_owned(), "id-b".to_owned()]), "in order");
    let (worked, kept) = instance.work(vec![of_newer_version("other", minutes(1)), record("b", 1)]).await;
    assert_eq!((worked.join(""), kept), ("b".to_owned(), vec!["id-new".to_owned()]));
    assert_eq!(instance.dead_letters(), []);
    let (worked, kept) = instance.work(vec![of_newer_version("g", minutes(61)), record("b", 1)]).await;
    assert_eq!((worked.join(""), kept), ("b".to_owned(), vec![]));
    assert_eq!(instance.dead_letters()[0].1, "unknown_kind");
}

#[tokio::test]
async fn what_is_no_message_at_all_is_final_at_once() {
    let instance = Instance::failing_with(RETRY);
    let mut malformed = record("b", 1);
    malformed.body = Some("{".to_owned());
    assert_eq!(instance.work(vec![malformed]).await, (vec![], vec![]));
    assert_eq!(instance.dead_letters(), [("{".to_owned(), "malformed_message".to_owned())]);
}

#[tokio::test]
async fn a_message_that_cannot_be_dead_lettered_comes_back_with_those_behind_it() {
    let delays: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&delays);
    let config = stub::config_with_responses(move |request| {
        if request.get("MessageBody").is_some() {
            return (400, json!({ "__type": "AccessDeniedException" }));
        }
        seen.lock().unwrap().push(request["VisibilityTimeout"].clone());
        (200, json!({}))
    });
    let instance = Instance::with(&config, Remedy::DeadLetter);
    let (worked, kept) = instance.work(vec![record("a", 1), record("b", 1)]).await;
    assert_eq!((worked.join(""), kept.len()), ("a".to_owned(), 2));
    assert_eq!(*delays.lock().unwrap(), vec![json!(MAX_DELAY.as_secs()); 2], "in order again");
}

/// C1 of the AWS facts: after three receives, SQS's own metric of the oldest message leaves a message out.
#[tokio::test]
async fn the_age_of_a_message_that_is_received_again_is_recorded_on_every_receive() {
    let instance = Instance::failing_with(RETRY);
    let age = async |record: SqsMessage, remedy| {
        let metrics = Metrics::default();
        let error = MessageError { reason: Reason::TableUnavailable, remedy, text: "x".to_owned() };
        instance.source.settle(&envelope(record).unwrap(), Err(error), &metrics).await;
        let metric = |of: fn(SourceKind) -> Metric| metrics.of(of(SourceKind::Actions));
        (metric(Metric::RetriedMessageAge), metric(Metric::MessagesFailed))
    };
    let sent = |minutes| {
        let mut record = record("a", 9);
        let sent = clock::now().earlier(Duration::from_mins(minutes)).as_millis().to_string();
        record.attributes.insert("SentTimestamp".to_owned(), sent);
        record
    };
    assert_eq!(age(sent(40), RETRY).await, (vec![2_400], vec![1]));
    assert_eq!(age(sent(300), WAIT).await, (vec![18_000], vec![]), "what only waits has not failed");
    assert_eq!(age(sent(1), Remedy::OtherVersion).await, (vec![60], vec![]));
    assert_eq!(age(sent(40), Remedy::DeadLetter).await, (vec![], vec![1]), "it does not wait any longer");
    let mut unknown = sent(1);
    unknown.attributes.remove("SentTimestamp");
    assert_eq!(age(unknown, RETRY).await, (vec![], vec![1]), "and not since 1970");
}

/// Works on the groups as runs of up to `longest` messages, whose results are these by body, and puts back those without; returns
/// the runs, and what is not acknowledged.
async fn in_runs(
    instance: &Instance,
    bodies: &[&str],
    longest: usize,
    result: impl Fn(&str) -> Option<Result<(), MessageError>>,
) -> (Vec<String>, Vec<String>) {
    let mut event = SqsEvent::default();
    event.records = bodies.iter().map(|body| record(body, 1)).collect();
    let runs = Mutex::new(Vec::new());
    let work = async |groups: &mut [Group<'_, String>]| {
        for group in groups {
            loop {
                let mut run = group.next_run(|run, _| run.len() < longest).await;
                if run.is_empty() {
                    break;
                }
                runs.lock()
                    .unwrap()
                    .push(run.iter().map(|message| message.body.as_str()).collect::<String>());
                while !run.is_empty() {
                    let Some(result) = result(&run[0].body) else { break };
                    group.settle(run.remove(0), result).await;
                }
                group.put_back(run);
            }
        }
    };
    let until = clock::now().later(Duration::from_mins(1));
    let response = instance.source.in_groups(event, until, work).await.unwrap();
    let kept = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
    (runs.into_inner().unwrap(), kept.collect())
}

fn failed(remedy: Remedy) -> Result<(), MessageError> {
    Err(MessageError { reason: Reason::TableUnavailable, remedy, text: "x".to_owned() })
}

#[tokio::test]
async fn of_messages_that_are_taken_together_one_that_is_retried_stops_only_those_that_were_not_done() {
    let instance = Instance::failing_with(RETRY);
    let result = |body: &str| match body {
        "b" => Some(failed(RETRY)),
        "d" => Some(failed(Remedy::DeadLetter)),
        _ => Some(Ok(())),
    };
    let (runs, kept) = in_runs(&instance, &["a", "b", "c", "d", "e"], 4, result).await;
    assert_eq!(runs, ["abcd"], "the fifth waits");
    assert_eq!(kept, ["id-b", "id-d", "id-e"], "what was done is acknowledged");
    assert_eq!(instance.dead_letters(), [], "the fourth is judged when its turn comes");
}

#[tokio::test]
async fn what_is_put_back_is_next_and_a_message_that_is_dead_lettered_lets_it_go_on() {
    let instance = Instance::failing_with(RETRY);
    let put_back = Mutex::new(0);
    let result = |body: &str| {
        let mut put_back = put_back.lock().unwrap();
        match body {
            "b" => Some(failed(Remedy::DeadLetter)),
            "c" if *put_back < 2 => {
                *put_back += 1;
                None
            }
            _ => Some(Ok(())),
        }
    };
    let (runs, kept) = in_runs(&instance, &["a", "b", "c", "d"], 3, result).await;
    assert_eq!((runs.join(" "), kept), ("abc cd cd".to_owned(), vec![]));
    assert_eq!(instance.dead_letters().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_taken_and_never_settled_is_not_acknowledged() {
    let instance = Instance::failing_with(RETRY);
    let mut event = SqsEvent::default();
    event.records = ["a", "b", "c"].map(|body| record(body, 1)).to_vec();
    let work = async |groups: &mut [Group<'_, String>]| {
        let mut run = groups[0].next_run(|run, _| run.len() < 2).await;
        groups[0].settle(run.remove(0), Ok(())).await;
    };
    let until = clock::now().later(Duration::from_mins(1));
    let response = instance.source.in_groups(event, until, work).await.unwrap();
    let kept = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
    assert_eq!(kept.collect::<Vec<_>>(), ["id-c", "id-b"]);
}
