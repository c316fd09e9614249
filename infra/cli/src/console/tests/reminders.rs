//! Reminders on their page, and their cancellation by the command's own code.

use super::*;
use automations::clock::{self, Timestamp};
use automations::json::to_json;
use automations::model::reminder::{OnlyWhile, Reminder, When};
use automations::model::speed::Speed;
use serde_json::json;

/// A reminder of `north` that is due in this number of days.
pub(super) fn reminder(ticket: &str, key: &str, days: u64) -> Value {
    let due_at = clock::now().later(Duration::from_hours(24_u64.saturating_mul(days)));
    let reminder = Reminder {
        key: key.parse().unwrap(),
        when: When::after_days(1),
        only_while: OnlyWhile::default(),
        event_at: Timestamp::from_seconds(1_790_000_000),
        set_at: Timestamp::from_seconds(1_790_000_000),
        set_by: "follow-up".to_owned(),
        action: "e.follow-up.0".parse().unwrap(),
        speed: Speed::default(),
    };
    json!({
        "pk": { "S": format!("TICKET#north#{ticket}") }, "sk": { "S": format!("REMINDER#{key}") },
        "reminder": { "S": to_json(&reminder) }, "set_by_action": { "S": "e.follow-up.0" }, "state": { "S": "waits" },
        "due_shard": { "S": "0" }, "next_check": { "N": due_at.as_millis().to_string() },
    })
}

fn stack() -> Stack {
    let stack = Stack::new();
    let all = [("t-1", "review", 3), ("t-2", "review", 5), ("t-2", "chase", 20), ("t-3", "review", 60)];
    stack.table.items().extend(all.map(|(ticket, key, days)| reminder(ticket, key, days)));
    stack
}

#[tokio::test]
async fn reminders_are_listed_by_their_time_within_a_time_and_of_a_key_or_a_ticket() {
    let browser = Browser::at(&stack()).await;
    let shown = async |query: &str| {
        let page = browser.get(&format!("/reminders?organisation=north{query}")).await;
        assert!(page.is_closed() && !page.has("role=\"alert\""), "{}", page.text);
        let cells =
            page.text.split("aria-label=\"Cancel ").skip(1).filter_map(|rest| rest.split(" …").next());
        cells.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(shown("").await, ["review of t-1", "review of t-2", "chase of t-2"]);
    assert_eq!(shown("&due_within=4d").await, ["review of t-1"]);
    assert_eq!(
        shown("&key=review&due_within=90d").await,
        ["review of t-1", "review of t-2", "review of t-3"]
    );
    assert_eq!(shown("&ticket=t-3").await, ["review of t-3"]);
    for wrong in
        ["organisation=north&due_within=soon", "organisation=north&key=%3Cb%3E", "organisation=%3Cb%3E"]
    {
        let page = browser.get(&format!("/reminders?{wrong}")).await;
        assert!(page.has("role=\"alert\"") && page.is_closed(), "{}", page.text);
    }
    assert!(browser.get("/reminders").await.has("Name an organisation."));
}

#[tokio::test]
async fn one_reminder_or_all_of_a_key_are_cancelled_after_their_confirmation() {
    let stack = stack();
    let browser = Browser::at(&stack).await;
    let token = browser.get("/reminders?organisation=north").await.field("token");
    let states = || {
        let items = stack.table.items();
        let waits = items.iter().filter(|item| item["state"]["S"] == "waits");
        waits
            .filter_map(|item| item["pk"]["S"].as_str()?.rsplit('#').next().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let fields = |more: &[(&'static str, &'static str)]| {
        [
            &[("token", token.clone()), ("organisation", "north".to_owned())],
            more.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>().as_slice(),
        ]
        .concat()
    };
    let post = async |more: &[(&'static str, &'static str)]| {
        let fields = fields(more);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/reminders/cancel", &fields).await
    };
    let one = post(&[("one", "t-2 chase")]).await;
    assert!(
        one.has("<h1>Cancel 1 reminder?</h1>") && one.has("1 reminder of 1 ticket of north"),
        "{}",
        one.text
    );
    assert!(one.has("automations reminders cancel --organisation north --ticket t-2 --key chase --yes"));
    assert!(stack.dead_letters.audit().is_empty());
    let id = one.field("id");
    let done = browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(done.has("1 reminder cancelled"), "{}", done.text);
    let scope = "--organisation north --ticket t-2 --key chase";
    let row = |state: &str, number: &str| ["reminders cancel", scope, state, number].map(str::to_owned);
    assert_eq!(stack.dead_letters.audit(), [row("started", ""), row("done", "1")]);
    assert_eq!(states(), ["t-1", "t-2", "t-3"]);
    let all = post(&[("key", "review"), ("due_within", "90d")]).await;
    assert!(all.has("<h1>Cancel 3 reminders?</h1>") && all.has("set by follow-up"), "{}", all.text);
    let id = all.field("id");
    browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(states().is_empty());
    for (more, problem) in
        [(&[][..], "name a ticket or a key"), (&[("one", "t-1 review")], "no such reminder waits any more")]
    {
        let refused = post(more).await;
        assert!(refused.status == StatusCode::BAD_REQUEST && refused.has(problem), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_cancellation_that_the_profile_may_not_make_is_disabled_and_names_the_action() {
    let browser = Browser::at(&stack().denying(&["UpdateItem"])).await;
    let page = browser.get("/reminders?organisation=north&key=review").await;
    assert!(page.has("disabled: the profile lacks <code>dynamodb:UpdateItem</code>"), "{}", page.text);
    assert_eq!(page.text.matches(" disabled aria-describedby=\"denied\"").count(), 3);
    let token = page.field("token");
    let fields = [("token", token.as_str()), ("organisation", "north"), ("key", "review")];
    let refused = browser.post("/reminders/cancel", &fields).await;
    assert!(refused.has("the profile lacks dynamodb:UpdateItem"), "{}", refused.text);
}
