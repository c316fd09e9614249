//! What handlers did, and its undo by the command's own code.

use super::*;
use automations::Action;
use automations::clock;
use automations::id::ActionId;
use automations::json::to_json;
use automations::model::action::PlannedAction;
use automations::store::{Done, Outcome};
use automations::testing::{a_ticket, stage_changed, ticket};
use serde_json::json;

/// The record of an action of `follow-up` about the events of `north` that the stack's journal has.
fn record(position: usize, action: Action) -> Value {
    let (event, now) = (stage_changed("Approved", "Settled"), clock::now());
    let planned = PlannedAction {
        id: ActionId::of(&event.id, "follow-up", position).unwrap(),
        organisation: "north".parse().unwrap(),
        event: event.id.clone(),
        hint: None,
        chain: Vec::new(),
        ticket_version: Some(2),
        handler: "follow-up".to_owned(),
        decided_at: now.earlier(Duration::from_mins(1)),
        attempt: 1,
        resent: None,
        action,
    };
    let id = planned.id.clone();
    let done = Done { planned, outcome: Outcome::Changed, done_at: now.earlier(Duration::from_secs(50)) };
    json!({
        "pk": { "S": format!("ACTION#north#{id}") }, "sk": { "S": "RESULT" }, "state": { "S": "done" },
        "result": { "S": to_json(&done) },
    })
}

/// A stack whose handler took a label off a ticket, and created a ticket.
pub(super) fn stack() -> Stack {
    let stack = Stack::new();
    let removed = Action::remove_label(&a_ticket().with_label("VIP").ticket(), "VIP");
    let created = Action::create_ticket(&ticket(), "Reviews", "Review");
    stack.table.items().extend([record(0, removed), record(1, created)]);
    stack
}

const PAGE: &str = "/undo?handler=follow-up&since=2h";

#[tokio::test]
async fn what_can_be_undone_and_what_not_is_shown_and_the_undo_is_sent_once_it_is_confirmed() {
    let stack = stack();
    let browser = Browser::at(&stack).await;
    let page = browser.get(PAGE).await;
    assert!(page.has("1 can be undone; 1 for a person."), "{}", page.text);
    assert!(
        page.has("can be undone: add the label VIP again") && page.has("for a person: "),
        "{}",
        page.text
    );
    assert!(page.is_closed() && !page.has("role=\"alert\""), "{}", page.text);
    let [token, since, until] = ["token", "since", "until"].map(|name| match name {
        "token" => page.field("token"),
        name => page
            .text
            .rsplit(&format!("name=\"{name}\" value=\""))
            .next()
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned(),
    });
    assert!(
        since.ends_with('Z') && until.ends_with('Z'),
        "the form has the times that were read: {since} {until}"
    );
    let fields = [("token", token.as_str()), ("handler", "follow-up"), ("since", &since), ("until", &until)];
    let asked = browser.post("/undo", &fields).await;
    assert!(asked.has("<h1>Undo 1 action?</h1>") && asked.has("1 remove_label of north"), "{}", asked.text);
    assert!(asked.has("The others stay as they are: 1 for a person."), "{}", asked.text);
    assert!(
        asked.has(&format!("automations undo --handler follow-up --since {since} --until {until} --yes"))
    );
    assert!(stack.dead_letters.state().sent.is_empty() && stack.dead_letters.audit().is_empty());
    let id = asked.field("id");
    let done = browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(done.has("1 undo sent"), "{}", done.text);
    let scope = format!("--handler follow-up --since {since} --until {until}");
    let row = |state: &str, number: &str| ["undo", &scope, state, number].map(str::to_owned);
    assert_eq!(stack.dead_letters.audit(), [row("started", ""), row("done", "1")]);
    let sent = stack.dead_letters.state().sent.clone();
    assert!(sent.len() == 1 && sent[0].to_string().contains("add_label"), "{sent:?}");
}

#[tokio::test]
async fn one_action_is_asked_for_and_what_is_wrong_is_said() {
    let stack = stack();
    let browser = Browser::at(&stack).await;
    let event = stage_changed("Approved", "Settled").id;
    let of = |position: usize| format!("{event}.follow-up.{position}");
    let page = browser.get(&format!("/undo?organisation=north&action={}", of(0))).await;
    assert!(page.has("1 can be undone.") && page.has(">Undo 1 …</button>"), "{}", page.text);
    let page = browser.get(&format!("/undo?organisation=north&action={}", of(1))).await;
    assert!(page.has("0 can be undone; 1 for a person.") && !page.has("<button type=\"submit\">Undo"));
    for (query, problem) in [
        ("handler=follow-up", "since when? such as 2h; or name one action and its organisation"),
        ("handler=follow-up&since=4d", "a page looks back three days at most"),
        ("handler=%3Cb%3E&since=soon", "not a time"),
        ("organisation=north&action=e.h.0", "north has no action e.h.0"),
    ] {
        let page = browser.get(&format!("/undo?{query}")).await;
        assert!(page.has(problem) && page.has("role=\"alert\"") && page.is_closed(), "{}", page.text);
    }
    let token = browser.get(PAGE).await.field("token");
    let person = of(1);
    let fields = [("token", token.as_str()), ("organisation", "north"), ("action", person.as_str())];
    let refused = browser.post("/undo", &fields).await;
    assert!(refused.has("there is nothing that can be undone"), "{}", refused.text);
}

#[tokio::test]
async fn an_undo_that_the_profile_may_not_make_is_disabled_and_names_the_action() {
    let stack = stack().denying(&["PutItem"]);
    let browser = Browser::at(&stack).await;
    let page = browser.get(PAGE).await;
    assert!(page.has("Undos are disabled: the profile lacks <code>dynamodb:PutItem</code>"), "{}", page.text);
    let token = page.field("token");
    let fields = [("token", token.as_str()), ("handler", "follow-up"), ("since", "2h")];
    let refused = browser.post("/undo", &fields).await;
    assert!(refused.has("the profile lacks dynamodb:PutItem"), "{}", refused.text);
    assert!(stack.dead_letters.state().sent.is_empty());
}
