//! A model of a stack that every page can read: two organisations, a handler, a journal, dead letters, and a day of charts.

use super::dead_letters::Account;
use super::events::Entries;
use super::table::Table;
use super::triggers::{Triggers, operation_of};
use crate::stub::xml;
use automations::clock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const ORGANISATIONS: [&str; 2] = ["north", "south"];
const QUEUES: [&str; 6] = [
    "a-hints",
    "a-hints-dead-letters",
    "a-follow-up.fifo",
    "a-follow-up-dead-letters.fifo",
    "a-actions.fifo",
    "a-actions-dead-letters.fifo",
];
const FUNCTIONS: [&str; 2] = ["a-follow-up", "a-webhook-ingest"];
const TOPIC: &str = "arn:aws:sns:ap-southeast-2:1:a-events.fifo";

/// The stack. Its clones share what changes.
#[derive(Clone)]
pub(super) struct Stack {
    /// Its dead letters of actions, and its audit.
    pub(super) dead_letters: Account,
    pub(super) table: Table,
    pub(super) triggers: Triggers,
    journal: Arc<Entries>,
    hints: Arc<AtomicU64>,
}

impl Stack {
    /// With three dead letters, and 120 entries of the journal.
    pub(super) fn new() -> Self {
        let dead_letters = Account::with("follow-up", &["not_found", "not_found", "outcome_unknown"]);
        let (journal, hints) = (Arc::new(Entries::of(120)), Arc::new(AtomicU64::new(12)));
        Self { dead_letters, table: Table::default(), triggers: Triggers::default(), journal, hints }
    }

    /// The same, of which these operations are denied.
    pub(super) fn denying(self, operations: &[&'static str]) -> Self {
        self.dead_letters.deny(operations);
        self
    }

    /// From now on this number of hints waits.
    pub(super) fn set_hints(&self, waiting: u64) {
        self.hints.store(waiting, Ordering::SeqCst);
    }

    pub(super) fn respond(&self, operation: &str, request: &Value) -> (u16, String) {
        if self.dead_letters.denies(operation_of(operation, request)) {
            return (400, json!({ "__type": "AccessDeniedException" }).to_string());
        }
        if let Some((status, response)) = self.table.respond(operation, request) {
            return (status, response.to_string());
        }
        if let Some(response) = self.triggers.respond(operation, request) {
            return (200, response.to_string());
        }
        let response = match operation {
            "ListStackResources" => return (200, xml(operation, &resources())),
            "DescribeStacks" => return (200, xml(operation, &described())),
            "DescribeAlarms" => json!({}),
            "Scan" => json!({ "Items": [] }),
            "GetMetricData" => json!({ "MetricDataResults": (0..20).map(series).collect::<Vec<_>>() }),
            "ListSubscriptionsByTopic" => {
                let subscription = format!(
                    "<Subscriptions><member><SubscriptionArn>{TOPIC}:1</SubscriptionArn><Protocol>sqs</Protocol>\
                     <Endpoint>arn:aws:sqs:ap-southeast-2:1:a-follow-up.fifo</Endpoint></member></Subscriptions>"
                );
                return (200, xml(operation, &subscription));
            }
            "GetSubscriptionAttributes" => {
                let policy = "<Attributes><entry><key>FilterPolicy</key>\
                    <value>{\"to\": {\"stage\": {\"name\": [\"Approved\", \"Settled\"]}}, \"organisation\": [\"north\"]}</value>\
                    </entry></Attributes>";
                return (200, xml(operation, policy));
            }
            "PublishBatch" => return (200, xml(operation, &self.published(request))),
            "ListSecrets" => {
                let secret = |name| json!({ "Name": format!("a/{name}/api-token") });
                json!({ "SecretList": ORGANISATIONS.map(secret) })
            }
            "GetSecretValue" => {
                let token = json!({
                    "endpoint": "https://api.example.com/graphql", "token": "x", "access": "read-write", "rehearsal": "passed",
                    "expires": clock::now().as_seconds().saturating_add(900_000),
                });
                json!({ "VersionId": "1", "SecretString": token.to_string() })
            }
            "DescribeSecret" => json!({ "VersionIdsToStages": { "1": ["AWSCURRENT"] } }),
            "GetQueueAttributes" if !is_of_actions(request) => {
                let is_hints = request["QueueUrl"].as_str().unwrap().ends_with("/a-hints");
                let waiting = if is_hints { self.hints.load(Ordering::SeqCst) } else { 0 };
                json!({ "Attributes": {
                    "ApproximateNumberOfMessages": waiting.to_string(), "ApproximateNumberOfMessagesDelayed": "0",
                    "ApproximateNumberOfMessagesNotVisible": "0",
                } })
            }
            "ReceiveMessage" if !is_of_actions(request) => json!({ "Messages": [] }),
            "Query" => self.queried(request),
            "BatchGetItem" if request.to_string().contains("JOURNAL#") => {
                self.journal.respond(operation, request)
            }
            _ if operation.contains("/functions/") => function(operation),
            _ if operation.contains("/schedules/a-follow-up") => {
                let input = r#"{"clock": "clock.follow-up", "scheduled_at": "<aws.scheduler.scheduled-time>", "schedule": "cron(0 8 ? * MON *)", "zone": "Australia/Sydney"}"#;
                json!({ "State": "ENABLED", "Target": { "Arn": "arn", "RoleArn": "arn", "Input": input } })
            }
            _ if operation.contains("/schedules/") => json!({ "Target": { "Arn": "arn", "RoleArn": "arn" } }),
            _ => return self.dead_letters.state().respond(operation, request),
        };
        (200, response.to_string())
    }

    /// Accepts events, which it keeps beside what is sent to queues.
    fn published(&self, request: &Value) -> String {
        let entry = |number: usize, name: &str| {
            let field = format!("PublishBatchRequestEntries.member.{number}.{name}");
            request[field].as_str().map(str::to_owned)
        };
        let ids: Vec<String> = (1..=10).filter_map(|number| entry(number, "Id")).collect();
        let messages = (1..=10).filter_map(|number| entry(number, "Message"));
        self.dead_letters.state().sent.extend(messages.map(Value::String));
        let accepted = |id: &String| format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>");
        format!("<Successful>{}</Successful><Failed/>", ids.iter().map(accepted).collect::<String>())
    }

    fn queried(&self, request: &Value) -> Value {
        let values = &request["ExpressionAttributeValues"];
        let now = clock::now().as_millis();
        let items: Vec<Value> = match values[":pk"]["S"].as_str() {
            None => return self.journal.respond("Query", request),
            Some("OPERATIONS") => {
                let mut items = self.dead_letters.state().items.clone();
                items.reverse();
                items
            }
            Some("CLOCKS") => vec![json!({
                "sk": { "S": "clock.follow-up" }, "fired_at": { "N": now.saturating_sub(120_000).to_string() },
                "schedule": { "S": "cron(0 8 ? * MON *) Australia/Sydney" },
            })],
            Some("ORGANISATIONS") => ORGANISATIONS
                .map(|name| json!({ "pk": { "S": "ORGANISATIONS" }, "sk": { "S": name } }))
                .to_vec(),
            Some(organisation) if organisation.starts_with("ORGANISATION#") => {
                let at = now.saturating_sub(120_000).to_string();
                vec![json!({ "version": { "S": "1" }, "at": { "N": at } })]
            }
            Some(ticket) => {
                self.journal.all.iter().filter(|entry| entry["pk"]["S"] == ticket).cloned().collect()
            }
        };
        json!({ "Count": items.len(), "Items": items })
    }
}

/// Whether a request is for the one queue that has dead letters.
fn is_of_actions(request: &Value) -> bool {
    request["QueueUrl"].as_str().unwrap().ends_with("/a-actions-dead-letters.fifo")
}

fn resources() -> String {
    let resource = |kind: &str, id: &str| {
        format!(
            "<member><ResourceType>{kind}</ResourceType><PhysicalResourceId>{id}</PhysicalResourceId></member>"
        )
    };
    let queues =
        QUEUES.map(|name| resource("AWS::SQS::Queue", &format!("https://sqs.example.com/1/{name}"))).concat();
    let functions = FUNCTIONS.map(|name| resource("AWS::Lambda::Function", name)).concat();
    let topic = resource("AWS::SNS::Topic", TOPIC);
    let schedules =
        ["a-follow-up", "a-reconciler"].map(|name| resource("AWS::Scheduler::Schedule", name)).concat();
    format!("<StackResourceSummaries>{queues}{functions}{topic}{schedules}</StackResourceSummaries>")
}

fn described() -> String {
    "<Stacks><member><StackName>a</StackName><CreationTime>2026-09-21T14:13:20Z</CreationTime>\
     <StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member><OutputKey>RotatorArn</OutputKey>\
     <OutputValue>arn:aws:lambda:ap-southeast-2:1:function:a-rotator</OutputValue></member></Outputs></member></Stacks>"
        .to_owned()
}

/// A request to Lambda, by its path.
fn function(path: &str) -> Value {
    if path.contains("/url") {
        return json!({
            "FunctionUrl": "https://hooks.example.com/", "FunctionArn": "arn", "AuthType": "NONE", "CreationTime": "",
        });
    }
    if path.contains("/aliases/") {
        return json!({ "Name": "live", "FunctionVersion": "12" });
    }
    let settings = json!({ "days": 3, "label": "follow-up" }).to_string();
    let variables = if path.contains("a-follow-up") {
        json!({ "HANDLER": "follow-up", "SETTINGS": settings, "DRY_RUN": "true" })
    } else {
        json!({})
    };
    json!({ "Version": "12", "State": "Active", "Environment": { "Variables": variables } })
}

/// A value for each half hour of a day, the newest first.
fn series(query: u64) -> Value {
    let now = clock::now().as_seconds();
    let times = (0..48_u64).map(|back| json!({ "$seconds": now.saturating_sub(back.saturating_mul(1_800)) }));
    let values = (0..48_u64).map(|back| back.saturating_mul(query.saturating_add(3)) % 17);
    json!({
        "Id": format!("q{query}"), "Label": "", "StatusCode": "Complete",
        "Timestamps": times.collect::<Vec<_>>(), "Values": values.collect::<Vec<_>>(),
    })
}
