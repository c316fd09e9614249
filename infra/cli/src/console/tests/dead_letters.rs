//! The page of dead letters, and what it changes: the same code as the command line, and the same row of the audit.

use super::*;
use crate::stub::xml;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// A stack with one dead-letter queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Account(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) messages: Vec<Value>,
    /// The ids of those that a reader holds.
    held: BTreeSet<String>,
    /// Operations that are denied.
    denied: Vec<&'static str>,
    pub(super) sent: Vec<Value>,
    /// What was put into the table.
    pub(super) items: Vec<Value>,
    receives: usize,
}

impl Account {
    /// Actions of this handler, dead-lettered for these reasons.
    pub(super) fn with(handler: &str, reasons: &[&str]) -> Self {
        let message = |(number, reason): (usize, &&str)| {
            let body = json!({
                "id": format!("e{number}.{handler}.0"), "organisation": "north", "event": format!("e{number}"), "handler": handler,
                "attempt": 1, "ticket_version": 1, "decided_at": "2026-09-21T14:13:20.000Z",
                "action": { "do": "create_note", "ticket": "t-1", "text": "Jane Citizen" },
            });
            json!({
                "MessageId": format!("m-{number}"), "ReceiptHandle": format!("m-{number}"), "Body": body.to_string(),
                "Attributes": { "MessageGroupId": format!("g{number}"), "SentTimestamp": number.saturating_add(1_000).to_string() },
                "MessageAttributes": {
                    "reason": { "DataType": "String", "StringValue": reason },
                    "error": { "DataType": "String", "StringValue": "<script>no such label</script>" },
                },
            })
        };
        let messages = reasons.iter().enumerate().map(message).collect();
        Self(Arc::new(Mutex::new(State { messages, ..State::default() })))
    }

    fn denying(self, operations: &[&'static str]) -> Self {
        self.deny(operations);
        self
    }

    /// From now on these operations are denied.
    pub(super) fn deny(&self, operations: &[&'static str]) {
        self.state().denied = operations.to_vec();
    }

    pub(super) fn denies(&self, operation: &str) -> bool {
        self.state().denied.contains(&operation)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn browser(&self) -> Browser {
        let account = self.clone();
        Browser::inside(move |operation, request| account.state().respond(operation, request)).await
    }

    /// The rows of the audit: command, scope, state and number.
    pub(super) fn audit(&self) -> Vec<[String; 4]> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let state = self.state();
        let row = |item: &Value| {
            [&item["command"]["S"], &item["scope"]["S"], &item["state"]["S"], &item["changed"]["N"]].map(text)
        };
        state.items.iter().map(row).collect()
    }
}

impl State {
    pub(super) fn respond(&mut self, operation: &str, request: &Value) -> (u16, String) {
        let refused = |code: &str| (400, json!({ "__type": code }).to_string());
        if self.denied.contains(&operation) {
            return refused("AccessDeniedException");
        }
        let receipt = request["ReceiptHandle"].as_str().unwrap_or_default().to_owned();
        let response = match operation {
            "ListStackResources" => {
                let queue = "<member><ResourceType>AWS::SQS::Queue</ResourceType><PhysicalResourceId>\
                    https://sqs.example.com/1/a-actions-dead-letters.fifo</PhysicalResourceId></member>";
                let queues = format!("<StackResourceSummaries>{queue}</StackResourceSummaries>");
                return (200, xml(operation, &queues));
            }
            "GetCallerIdentity" => return (200, xml(operation, "<Arn>arn:aws:iam::1:user/operator</Arn>")),
            "GetQueueAttributes" => json!({ "Attributes": {
                "ApproximateNumberOfMessages": self.messages.len().saturating_sub(self.held.len()).to_string(),
                "ApproximateNumberOfMessagesNotVisible": self.held.len().to_string(),
            } }),
            "ReceiveMessage" => {
                self.receives = self.receives.saturating_add(1);
                let id = |message: &Value| message["MessageId"].as_str().unwrap().to_owned();
                let free = self.messages.iter().filter(|message| !self.held.contains(&id(message)));
                let free: Vec<Value> = free.take(10).cloned().collect();
                self.held.extend(free.iter().map(id));
                json!({ "Messages": free })
            }
            "ChangeMessageVisibility" => {
                self.held.remove(&receipt);
                json!({})
            }
            "DeleteMessage" => {
                let before = self.messages.len();
                self.messages.retain(|message| message["ReceiptHandle"] != receipt.as_str());
                self.held.remove(&receipt);
                if self.messages.len() == before {
                    return refused("ReceiptHandleIsInvalid");
                }
                json!({})
            }
            "SendMessage" => {
                self.sent.push(request.clone());
                json!({ "MessageId": "new" })
            }
            "SendMessageBatch" => {
                let entries = request["Entries"].as_array().cloned().unwrap_or_default();
                let sent = entries
                    .iter()
                    .map(|entry| json!({ "Id": entry["Id"], "MessageId": "new", "MD5OfMessageBody": "" }));
                let sent = json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": [] });
                self.sent.extend(entries);
                sent
            }
            "PutItem" | "UpdateItem" if request.get("ConditionExpression").is_some() => {
                return refused("ConditionalCheckFailedException");
            }
            "PutItem" => {
                self.items.push(request["Item"].clone());
                json!({})
            }
            "Query" => json!({ "Items": [], "Count": 0 }),
            "BatchGetItem" => json!({ "Responses": {} }),
            other => panic!("{other}"),
        };
        (200, response.to_string())
    }
}

/// The page, and the fields of a form of it.
async fn opened(browser: &Browser) -> (Shown, String) {
    let page = browser.get("/dead-letters").await;
    let token = page.field("token");
    (page, token)
}

/// Rows 1 and 9 of the anchors.
#[tokio::test]
async fn dead_letters_are_grouped_and_nothing_of_a_person_or_hostile_is_on_the_page() {
    let account = Account::with("follow-up", &["not_found", "not_found", "outcome_unknown"]);
    let browser = account.browser().await;
    let (page, _) = opened(&browser).await;
    let group = "<td>follow-up</td><td>not_found</td><td>2</td>";
    assert!(page.has(group) && page.has("<td>outcome_unknown</td><td>1</td>"), "{}", page.text);
    assert!(
        page.is_closed() && !page.has("Jane") && page.has("&#60;script&#62;no such label"),
        "{}",
        page.text
    );
    let address = "/dead-letters?queue=a-actions-dead-letters.fifo&handler=follow-up&reason=outcome_unknown";
    assert!(page.has(&address.replace('&', "&#38;")), "{}", page.text);
    let filtered = browser.get(address).await;
    assert!(filtered.has("<h2>1 with outcome_unknown</h2>") && filtered.has("value=\"m-2\""));
    assert!(!filtered.has("value=\"m-0\""), "{}", filtered.text);
    let one = browser.get("/dead-letters/one?id=m-2").await;
    assert!(one.has("create_note") && one.has("… (12 characters)"), "{}", one.text);
    assert!(one.is_closed() && !one.has("Jane"), "{}", one.text);
    let gone = browser.get("/dead-letters/one?id=m-9").await;
    assert!(gone.has("role=\"alert\"") && !gone.has("<button"), "{}", gone.text);
    assert!(account.state().held.is_empty(), "they are put back");
}

#[tokio::test]
async fn the_filters_of_the_command_are_in_the_address_and_a_wrong_value_is_named() {
    let account = Account::with("h", &["not_found", "superseded"]);
    let browser = account.browser().await;
    let all = "/dead-letters?organisation=north&handler=h&reason=not_found&kind=create_note&since=1970-01-01T00:00:01Z";
    let page = browser.get(all).await;
    assert!(page.has("value=\"m-0\"") && !page.has("value=\"m-1\""), "{}", page.text);
    assert!(page.has("name=\"kind\" value=\"create_note\""), "the form keeps it: {}", page.text);
    for other in ["organisation=south", "kind=add_label", "label=VIP", "until=1970-01-01T00:00:01Z"] {
        let page = browser.get(&format!("/dead-letters?{other}")).await;
        assert!(!page.has("value=\"m-0\"") && !page.has("value=\"m-1\""), "{other}: {}", page.text);
    }
    let wrong = browser.get("/dead-letters?since=yesterday").await;
    assert!(wrong.has("not a time: yesterday"), "{}", wrong.text);
}

/// A reader hides dead letters from every other one while it has them.
#[tokio::test]
async fn views_read_the_queues_once_until_they_are_asked_to_read_again() {
    let account = Account::with("h", &["not_found"; 3]);
    let browser = account.browser().await;
    opened(&browser).await;
    let once = account.state().receives;
    for path in ["/dead-letters?reason=not_found", "/dead-letters/one?id=m-1", "/dead-letters"] {
        browser.get(path).await;
    }
    assert_eq!(account.state().receives, once);
    browser.getting("/dead-letters?reason=not_found&again=true").send().await.unwrap();
    browser.get("/dead-letters?reason=not_found").await;
    assert!(account.state().receives > once);
}

/// Row 9 of the anchors: what is confirmed is what is done, by the command's own code and with its row of the audit.
#[tokio::test]
async fn a_redrive_is_confirmed_done_once_and_recorded() {
    let account = Account::with("h", &["not_found", "not_found", "outcome_unknown"]);
    let browser = account.browser().await;
    let (_, token) = opened(&browser).await;
    let fields =
        [("token", token.as_str()), ("do", "redrive"), ("id", "m-0"), ("id", "m-2"), ("shown", "m-1")];
    let asked = browser.post("/dead-letters/selected", &fields).await;
    assert!(asked.has("<h1>Redrive 2 dead letters?</h1>"), "{}", asked.text);
    assert!(
        asked.has("2 from a-actions-dead-letters.fifo")
            && asked.has("1 action that may have taken effect (outcome_unknown) stays")
    );
    assert!(asked.has("automations dlq redrive --id m-0 --id m-2") && asked.is_closed(), "{}", asked.text);
    assert!(account.audit().is_empty(), "nothing before the confirmation");
    assert!(account.state().sent.is_empty());
    let id = asked.field("id");
    let confirm = [("token", token.as_str()), ("id", id.as_str())];
    let done = browser.post("/change", &confirm).await;
    assert!(done.has("1 sent back") && done.has("1 stays because the outcome is unknown"), "{}", done.text);
    let audit = account.audit();
    let row =
        |state: &str, number: &str| ["dlq redrive", "--id m-0 --id m-2", state, number].map(str::to_owned);
    assert_eq!(audit, [row("started", ""), row("done", "1")]);
    // A second click, and a reload.
    let again = browser.post("/change", &confirm).await;
    assert!(again.has("1 sent back"), "{}", again.text);
    assert_eq!(account.audit().len(), 2);
    assert_eq!(account.state().sent.len(), 1);
    let (page, _) = opened(&browser).await;
    assert!(!page.has("value=\"m-0\"") && page.has("value=\"m-1\""), "it is read again after a change");
}

#[tokio::test]
async fn what_has_an_unknown_outcome_is_sent_back_only_with_consent() {
    let account = Account::with("h", &["outcome_unknown"]);
    let browser = account.browser().await;
    let (_, token) = opened(&browser).await;
    let selected = [("token", token.as_str()), ("do", "redrive-page"), ("shown", "m-0")];
    let asked = browser.post("/dead-letters/selected", &selected).await;
    assert!(asked.has("name=\"consent\" value=\"retry-unknown\""), "{}", asked.text);
    assert!(!asked.has("out-of-order") && !asked.has("checked"), "{}", asked.text);
    let id = asked.field("id");
    let confirm = [("token", token.as_str()), ("id", id.as_str()), ("consent", "retry-unknown")];
    browser.post("/change", &confirm).await;
    assert!(account.audit()[0][1].contains("--retry-unknown"), "{:?}", account.audit());
}

#[tokio::test]
async fn a_drop_says_that_it_is_permanent_and_without_the_token_nothing_is_deleted() {
    let account = Account::with("h", &["not_found"; 3]);
    let browser = account.browser().await;
    let (_, token) = opened(&browser).await;
    let selected = |token| [("token", token), ("do", "drop"), ("id", "m-0"), ("id", "m-1")];
    // Of another run, so of another session.
    let (_, other) = opened(&account.browser().await).await;
    let refused = browser.post("/dead-letters/selected", &selected(&other)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let asked = browser.post("/dead-letters/selected", &selected(&token)).await;
    assert!(
        asked.has("Drop 2 dead letters?") && asked.has("2 messages are permanently deleted"),
        "{}",
        asked.text
    );
    let id = asked.field("id");
    for wrong in ["", "x", other.as_str()] {
        let refused = browser.post("/change", &[("token", wrong), ("id", &id)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    assert!(account.audit().is_empty());
    assert_eq!(account.state().messages.len(), 3);
    let done = browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(done.has("2 permanently deleted"), "{}", done.text);
    assert_eq!(account.state().messages.len(), 1);
    assert_eq!(account.audit()[1], ["dlq drop", "--id m-0 --id m-1", "done", "2"].map(str::to_owned));
}

/// A selection without ids would be every dead letter.
#[tokio::test]
async fn nothing_selected_or_something_that_is_gone_changes_nothing() {
    let account = Account::with("h", &["not_found"; 2]);
    let browser = account.browser().await;
    let (_, token) = opened(&browser).await;
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("do", "drop")], "select at least one"),
        (&[("do", "drop-page")], "select at least one"),
        (
            &[("do", "drop"), ("id", "m-0"), ("id", "m-9")],
            "1 of those selected is not among the dead letters",
        ),
        (&[("do", "erase"), ("id", "m-0")], "say what is to be done"),
    ];
    for (fields, problem) in cases {
        let fields = [&[("token", token.as_str())], fields].concat();
        let refused = browser.post("/dead-letters/selected", &fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.has(problem) && refused.has("value=\"m-0\""), "{}", refused.text);
    }
    assert!(account.audit().is_empty());
    assert_eq!(account.state().messages.len(), 2);
}

#[tokio::test]
async fn a_change_that_the_profile_may_not_make_is_disabled_and_names_the_action() {
    for (denied, action) in [("PutItem", "dynamodb:PutItem"), ("DeleteMessage", "sqs:DeleteMessage")] {
        let account = Account::with("h", &["not_found"]).denying(&[denied]);
        let browser = account.browser().await;
        let (page, token) = opened(&browser).await;
        assert!(page.has(&format!("the profile lacks <code>{action}</code>")), "{}", page.text);
        assert_eq!(page.text.matches(" disabled aria-describedby=\"denied\"").count(), 5);
        let fields = [("token", token.as_str()), ("do", "drop"), ("id", "m-0")];
        let refused = browser.post("/dead-letters/selected", &fields).await;
        assert!(refused.has(&format!("the profile lacks {action}")), "{}", refused.text);
        assert_eq!(account.state().messages.len(), 1);
    }
    // What cannot be found out without sending a message is said by the change itself.
    let account = Account::with("h", &["not_found"]).denying(&["SendMessage"]);
    let browser = account.browser().await;
    let (page, token) = opened(&browser).await;
    assert!(!page.has("disabled"), "{}", page.text);
    let fields = [("token", token.as_str()), ("do", "redrive"), ("id", "m-0")];
    let asked = browser.post("/dead-letters/selected", &fields).await;
    let id = asked.field("id");
    let failed = browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(
        failed.has("role=\"alert\"") && failed.has("the profile needs sqs:SendMessage"),
        "{}",
        failed.text
    );
    assert_eq!(account.audit()[1][2], "failed");
}

/// Bounded: of 5,000 dead letters some are read, and the page says so.
#[tokio::test]
async fn a_page_is_bounded_and_leads_to_the_next() {
    let account = Account::with("h", &vec!["not_found"; 5_000]);
    let browser = account.browser().await;
    let (page, token) = opened(&browser).await;
    assert_eq!(page.text.matches("name=\"id\"").count(), 50);
    assert!(page.has("about 5000 dead letters, of which 300 were read"), "{}", page.text);
    assert!(
        page.has("<h2>300 that were read</h2>") && page.has("href=\"/dead-letters?page=1\""),
        "{}",
        page.text
    );
    assert!(account.state().receives <= 31, "{}", account.state().receives);
    let last = browser.get("/dead-letters?page=5").await;
    assert_eq!(last.text.matches("name=\"id\"").count(), 50);
    assert!(!last.has("rel=\"next\"") && last.has("rel=\"prev\""), "{}", last.text);
    let beyond = browser.get("/dead-letters?page=18446744073709551615").await;
    assert_eq!((beyond.status, beyond.text.matches("name=\"id\"").count()), (StatusCode::OK, 0));
    let ids: Vec<String> = (250..300).map(|number| format!("m-{number}")).collect();
    let shown = ids.iter().map(|id| ("shown", id.as_str()));
    let fields: Vec<_> = [("token", token.as_str()), ("do", "drop-page")].into_iter().chain(shown).collect();
    let asked = browser.post("/dead-letters/selected", &fields).await;
    assert!(asked.has("Drop 50 dead letters?"), "{}", asked.text);
}
