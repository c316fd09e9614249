//! Dead letters against a model of a FIFO queue of SQS with a clock: a message group is blocked while a message of it is held, and a
//! receipt is refused when its time has passed (Amazon SQS API Reference, `ReceiveMessage`, `DeleteMessage`,
//! `ChangeMessageVisibility`; B8 of the AWS facts). The local engine accepts such a receipt.

use super::*;
use crate::bulk::Limits;
use crate::stub;
use aws_sdk_sqs::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const QUEUES: &str = "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>\
    <ResourceType>AWS::SQS::Queue</ResourceType>\
    <PhysicalResourceId>https://sqs.example.com/1/a-actions-dead-letters.fifo</PhysicalResourceId>\
    </member></StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>";

#[derive(Debug, Clone)]
struct Waiting {
    id: String,
    group: String,
    reason: &'static str,
    receives: usize,
    held_until: u64,
}

#[derive(Debug, Clone, Default)]
struct Account(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    messages: Vec<Waiting>,
    /// The seconds that have passed.
    now: u64,
    /// The operations, and how many seconds each takes.
    operations: Vec<String>,
    seconds: BTreeMap<&'static str, u64>,
    /// The ids of the dead letters that were sent back.
    sent: Vec<String>,
    /// The number of receipts that were refused.
    refused: usize,
    deletes_nothing: bool,
    /// Messages that are gone, but counted still.
    counted_late: usize,
}

impl Account {
    /// Dead letters by group: how many, and their reason.
    fn with(groups: &[(&str, usize, &'static str)], seconds: &[(&'static str, u64)]) -> Self {
        let messages = groups.iter().flat_map(|&(group, number, reason)| {
            (0..number).map(move |at| Waiting {
                id: format!("{group}-{reason}-{at}"),
                group: group.to_owned(),
                reason,
                receives: 0,
                held_until: 0,
            })
        });
        let seconds = seconds.iter().copied().collect();
        let state = State { messages: messages.collect(), seconds, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Each in a group of its own.
    fn apart(number: usize, seconds: &[(&'static str, u64)]) -> Self {
        let groups: Vec<String> = (0..number).map(|at| format!("g{at}")).collect();
        let groups: Vec<_> = groups.iter().map(|group| (group.as_str(), 1, "not_found")).collect();
        Self::with(&groups, seconds)
    }

    fn queues(&self) -> DeadLetterQueues {
        let config = stub::config_of(self.clone());
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        DeadLetterQueues::new(&config, "a".to_owned(), store, Timestamp::from_seconds(9))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    /// The response, or the code of the refusal.
    fn respond(&mut self, operation: &str, request: &Value) -> Result<Value, &'static str> {
        self.operations.push(operation.to_owned());
        let seconds = self.seconds.get(operation).copied().unwrap_or_default();
        self.now = self.now.saturating_add(seconds);
        let now = self.now;
        let held = |message: &Waiting| now < message.held_until;
        let receipt = request["ReceiptHandle"].as_str().unwrap_or_default();
        let position = self.messages.iter().position(|message| {
            held(message)
                && receipt == format!("{}/{}", message.id, message.receives)
                && !self.deletes_nothing
        });
        match operation {
            "GetQueueAttributes" => {
                let held = self.messages.iter().filter(|message| held(message)).count();
                let visible = self.messages.len().saturating_sub(held).saturating_add(self.counted_late);
                Ok(json!({ "Attributes": {
                    "ApproximateNumberOfMessages": visible.to_string(),
                    "ApproximateNumberOfMessagesNotVisible": held.to_string(),
                } }))
            }
            "ReceiveMessage" => {
                let blocked: BTreeSet<String> =
                    self.messages.iter().filter(|message| held(message)).map(|it| it.group.clone()).collect();
                let free = self.messages.iter_mut().filter(|message| !blocked.contains(&message.group));
                let until = now.saturating_add(request["VisibilityTimeout"].as_u64().unwrap());
                let messages = free.take(10).map(|message| {
                    message.receives = message.receives.saturating_add(1);
                    message.held_until = until;
                    as_json(message)
                });
                Ok(json!({ "Messages": messages.collect::<Vec<_>>() }))
            }
            "DeleteMessage" | "ChangeMessageVisibility" => match (position, operation) {
                (Some(at), "DeleteMessage") => {
                    self.messages.remove(at);
                    Ok(json!({}))
                }
                (Some(at), _) => {
                    self.messages[at].held_until = 0;
                    Ok(json!({}))
                }
                (None, _) => {
                    self.refused = self.refused.saturating_add(1);
                    let is_delete = operation == "DeleteMessage";
                    let not_in_flight = "AWS.SimpleQueueService.MessageNotInflight";
                    Err(if is_delete { "InvalidParameterValue" } else { not_in_flight })
                }
            },
            "SendMessage" => {
                self.sent.push(request["MessageDeduplicationId"].as_str().unwrap().to_owned());
                Ok(json!({ "MessageId": "new" }))
            }
            "Query" => Ok(json!({ "Items": [], "Count": 0 })),
            "BatchGetItem" => Ok(json!({ "Responses": {} })),
            _ => Err("UnsupportedOperation"),
        }
    }
}

fn as_json(message: &Waiting) -> Value {
    let Waiting { id, group, reason, receives, .. } = message;
    let body = json!({
        "id": format!("e{id}.h.0"), "organisation": "north", "event": format!("e{id}"), "handler": "h", "attempt": 1,
        "ticket_version": 1, "decided_at": "2026-09-21T14:13:20.000Z",
        "action": { "do": "add_label", "ticket": "t-1", "label": "x" },
    });
    json!({
        "MessageId": id, "ReceiptHandle": format!("{id}/{receives}"), "Body": body.to_string(),
        "Attributes": { "MessageGroupId": group, "SentTimestamp": "1000" },
        "MessageAttributes": { "reason": { "DataType": "String", "StringValue": reason } },
    })
}

impl HttpClient for Account {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Account {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let (status, body) = match target.split_once('.') {
            None => (200, QUEUES.to_owned()),
            Some((_, operation)) => {
                let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
                match self.state().respond(operation, &body) {
                    Ok(response) => (200, response.to_string()),
                    Err(code) => (400, json!({ "__type": code }).to_string()),
                }
            }
        };
        let response = HttpResponse::new(u16::try_into(status).unwrap(), SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn of(reason: &str) -> Selection {
    Selection { reason: Some(reason.to_owned()), ..Selection::default() }
}

#[tokio::test]
async fn a_redrive_of_many_sends_each_back_right_after_its_check_and_while_it_is_held() {
    let account = Account::apart(100, &[("Query", 2)]);
    let redriven = account.queues().redrive(&Selection::default(), Consent::default()).await.unwrap();
    assert_eq!((redriven.redriven, redriven.not_deleted), (100, 0));
    let state = account.state();
    assert_eq!(state.refused, 0, "200 s are not too long");
    let steps = state.operations.iter().filter(|name| ["Query", "SendMessage"].contains(&name.as_str()));
    let steps: Vec<&str> = steps.map(String::as_str).collect();
    assert_eq!(steps, ["Query", "SendMessage"].repeat(100));
}

#[tokio::test]
async fn a_redrive_that_outlasts_the_hold_goes_on_and_sends_nothing_twice() {
    let in_one_group = Account::with(&[("t-1", 30, "not_found")], &[("Query", 301)]);
    for (number, account) in [(100, Account::apart(100, &[("Query", 10)])), (30, in_one_group)] {
        let redriven = account.queues().redrive(&Selection::default(), Consent::default()).await.unwrap();
        assert_eq!((redriven.redriven, redriven.not_deleted), (number, 0));
        let state = account.state();
        assert!(state.refused > 0 && state.messages.is_empty(), "{} refused", state.refused);
        assert_eq!((state.sent.len(), BTreeSet::from_iter(&state.sent).len()), (number, number));
    }
}

#[tokio::test]
async fn what_is_never_deleted_is_counted_and_ends_the_command() {
    let account = Account::apart(3, &[]);
    account.state().deletes_nothing = true;
    let redriven = account.queues().redrive(&Selection::default(), Consent::default()).await.unwrap();
    assert_eq!((redriven.redriven, redriven.not_deleted), (3, 3));
    account.state().messages.iter_mut().for_each(|message| message.held_until = 0);
    assert_eq!(account.queues().drop(&Selection::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_list_puts_all_back_before_it_checks_them_and_goes_on_if_the_hold_is_over() {
    for (seconds, is_refused) in [(0, false), (20, true)] {
        let account = Account::apart(30, &[("Query", 60), ("ChangeMessageVisibility", seconds)]);
        let summaries = account.queues().list().await.unwrap();
        assert!(summaries[0].reasons["not_found"] > 0, "{summaries:?}");
        let state = account.state();
        let at = |name: &str| state.operations.iter().position(|operation| operation == name);
        let last = state.operations.iter().rposition(|operation| operation == "ChangeMessageVisibility");
        assert!(last.is_some() && last < at("Query"), "{:?}", state.operations);
        assert_eq!(state.refused > 0, is_refused, "{seconds} s");
    }
}

#[tokio::test]
async fn what_is_behind_the_first_ten_of_a_group_is_said() {
    let account = Account::with(&[("t-1", 10, "not_found"), ("t-1", 2, "superseded")], &[]);
    let first: Vec<String> = (0..10).map(|at| format!("t-1-not_found-{at}")).collect();
    let more = vec![MoreBehind { queue: "a-actions-dead-letters.fifo".to_owned(), in_front: first }];
    let queues = account.queues();
    let redriven = queues.redrive(&of("superseded"), Consent::default()).await.unwrap();
    assert_eq!((redriven.redriven, &redriven.more_behind), (0, &more));
    assert_eq!(queues.read(&of("superseded")).await.unwrap().more_behind, more);
    let dropped = queues.drop_within(&of("superseded"), &Bulk::default()).await.unwrap();
    assert_eq!(dropped, Dropped { deleted: 0, left: 0, more_behind: more });
    let dropped = queues.drop_within(&of("not_found"), &Bulk::default()).await.unwrap();
    assert_eq!(dropped, Dropped { deleted: 10, left: 0, more_behind: vec![] });
    let redriven = queues.redrive(&of("superseded"), Consent::default()).await.unwrap();
    assert_eq!((redriven.redriven, redriven.more_behind), (2, vec![]));
}

/// `automations erase`: what is behind the first ten of a ticket is a person's data too.
#[tokio::test]
async fn what_is_dropped_by_its_body_is_dropped_to_the_end_of_its_group_and_the_rest_is_put_back() {
    let account = Account::with(&[("t-1", 25, "not_found"), ("t-2", 3, "not_found")], &[]);
    let dropped = account.queues().drop_where(|body| body.contains("et-1-")).await.unwrap();
    assert_eq!(dropped, 25);
    assert_eq!(account.queues().drop(&Selection::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn more_is_said_to_be_behind_a_group_that_a_response_cut_off_and_behind_no_other() {
    let cut_off = Account::with(&[("t-1", 7, "not_found"), ("t-2", 5, "not_found")], &[]);
    let taken = cut_off.queues().read(&Selection::default()).await.unwrap();
    assert_eq!(taken.more_behind.last().unwrap().in_front.len(), 3);
    let counted_late = Account::with(&[("t-1", 3, "not_found")], &[]);
    counted_late.state().counted_late = 5;
    for account in [
        Account::with(&[("t-1", 7, "not_found"), ("t-2", 3, "not_found")], &[]),
        Account::apart(25, &[]),
        counted_late,
    ] {
        assert_eq!(account.queues().read(&Selection::default()).await.unwrap().more_behind, []);
    }
}

fn limits(limit: usize) -> Limits {
    Limits { limit: std::num::NonZeroUsize::new(limit), rate: None }
}

#[tokio::test]
async fn a_limited_redrive_sends_the_first_of_a_group_and_the_same_command_again_the_next_ones() {
    let account = Account::with(&[("t-1", 25, "not_found"), ("t-2", 2, "superseded")], &[]);
    let mut all = Vec::new();
    for (run, (sent, left)) in [(10, 0), (10, 5), (5, 0)].into_iter().enumerate() {
        let bulk = Bulk::new(limits(10));
        let redriven =
            account.queues().redrive_within(&of("not_found"), Consent::default(), &bulk).await.unwrap();
        assert_eq!(
            (redriven.redriven, bulk.tally.changed()),
            (sent, u64::try_from(sent).unwrap()),
            "run {run}"
        );
        // SQS shows the first ten of the group, so that what is behind them is not counted.
        assert!(redriven.left >= left, "run {run}: {redriven:?}");
        all.extend(std::mem::take(&mut account.state().sent));
    }
    let expected: Vec<String> = (0..25).map(|at| format!("t-1-not_found-{at}")).collect();
    assert_eq!(all, expected, "each once, in the order of the group");
    assert!(
        account.state().messages.iter().all(|message| message.held_until == 0),
        "the others are put back"
    );
}

#[tokio::test]
async fn a_redrive_that_its_operator_ends_puts_the_rest_back_and_goes_on_later() {
    let account = Account::apart(8, &[]);
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let bulk = Bulk::default().until(receiver);
    sender.send(true).unwrap();
    let ended =
        account.queues().redrive_within(&Selection::default(), Consent::default(), &bulk).await.unwrap();
    assert_eq!((ended.redriven, ended.left, bulk.is_stopped()), (0, 8, true));
    assert!(account.state().messages.iter().all(|message| message.held_until == 0));
    let redriven = account.queues().redrive(&Selection::default(), Consent::default()).await.unwrap();
    assert_eq!((redriven.redriven, redriven.left), (8, 0));
}

/// With a rate, a run may last longer than messages are held.
#[tokio::test]
async fn messages_that_were_held_for_long_are_read_again_before_they_are_sent() {
    let account = Account::with(&[("t-1", 4, "not_found"), ("t-2", 1, "not_found")], &[]);
    let queues = DeadLetterQueues { most_held: Duration::ZERO, ..account.queues() };
    let redriven = queues.redrive(&Selection::default(), Consent::default()).await.unwrap();
    assert_eq!((redriven.redriven, redriven.left), (5, 0));
    {
        let state = account.state();
        assert_eq!((state.sent.len(), BTreeSet::from_iter(&state.sent).len(), state.refused), (5, 5, 0));
        let receives = state.operations.iter().filter(|name| *name == "ReceiveMessage").count();
        assert!(receives >= 5, "each in a round of its own");
    }
    let account = Account::apart(5, &[]);
    let queues = DeadLetterQueues { most_held: Duration::ZERO, ..account.queues() };
    assert_eq!(queues.drop(&Selection::default()).await.unwrap(), 5);
}

#[tokio::test]
async fn a_limited_deletion_deletes_no_more_and_says_how_many_are_left() {
    let account = Account::apart(8, &[]);
    let dropped = account.queues().drop_within(&of("not_found"), &Bulk::new(limits(3))).await.unwrap();
    assert_eq!((dropped.deleted, dropped.left), (3, 5));
    assert_eq!(account.state().messages.len(), 5);
    assert!(account.state().messages.iter().all(|message| message.held_until == 0));
}

#[tokio::test]
async fn a_plan_counts_by_handler_and_reason_and_changes_nothing() {
    let account = Account::with(
        &[("t-1", 3, "not_found"), ("t-2", 2, "outcome_unknown"), ("t-3", 1, "superseded")],
        &[],
    );
    let plan = account.queues().redrive_plan(&Selection::default(), Consent::default()).await.unwrap();
    let groups: Vec<_> = plan.groups.iter().map(|group| (group.reason.as_str(), group.number)).collect();
    assert_eq!((plan.number, plan.outcome_unknown), (4, 2));
    assert_eq!(groups, [("not_found", 3), ("superseded", 1)]);
    assert!(plan.groups.iter().all(|group| group.handler.as_deref() == Some("h")));
    assert_eq!(account.queues().drop_plan(&of("outcome_unknown")).await.unwrap().number, 2);
    let state = account.state();
    assert!(state.sent.is_empty() && state.messages.len() == 6);
    assert!(!state.operations.iter().any(|name| name == "DeleteMessage"));
}

#[tokio::test]
async fn every_part_of_a_selection_must_hold() {
    let account = Account::with(&[("t-1", 2, "not_found")], &[]);
    let text = |text: &str| Some(text.to_owned());
    let all = Selection {
        organisation: "north".parse().ok(),
        handler: text("h"),
        reason: text("not_found"),
        kind: text("add_label"),
        label: text("x"),
        since: Some(Timestamp::from_millis(1_000)),
        until: Some(Timestamp::from_millis(1_001)),
        ..Selection::default()
    };
    let found = async |selection: &Selection| account.queues().show(selection).await.unwrap().len();
    assert_eq!(found(&all).await, 2);
    let wrong = [
        Selection { organisation: "south".parse().ok(), ..all.clone() },
        Selection { handler: text("g"), ..all.clone() },
        Selection { reason: text("superseded"), ..all.clone() },
        Selection { kind: text("remove_label"), ..all.clone() },
        Selection { label: text("y"), ..all.clone() },
        Selection { since: Some(Timestamp::from_millis(1_001)), ..all.clone() },
        Selection { until: Some(Timestamp::from_millis(1_000)), ..all.clone() },
        Selection { queue: text("hints"), ..all.clone() },
    ];
    for selection in wrong {
        assert_eq!(found(&selection).await, 0, "{selection:?}");
    }
    assert!(all.is_limited() && !Selection { queue: text("hints"), ..Selection::default() }.is_limited());
}
