//! A change of all dead letters that fit the filter.

use super::dead_letters::Account;
use super::*;
use std::sync::Mutex;
use std::sync::mpsc::channel;

const HANDLER: &str = "follow-up";

async fn browser(account: &Account) -> Browser {
    let account = account.clone();
    Browser::inside(move |operation, request| account.state().respond(operation, request)).await
}

/// Asks for the change of all that fit, and returns the page with the token of the session.
async fn asked(browser: &Browser, change: &str, filter: &[(&str, &str)]) -> (Shown, String) {
    let token = browser.get("/dead-letters").await.field("token");
    let fields = [&[("token", token.as_str()), ("do", change)], filter].concat();
    (browser.post("/dead-letters/matching", &fields).await, token)
}

/// Confirms it, and waits until it has ended.
async fn confirmed(browser: &Browser, token: &str, asked: &Shown, more: &[(&str, &str)]) -> Shown {
    let id = asked.field("id");
    let fields = [&[("token", token), ("id", id.as_str())], more].concat();
    let mut page = browser.post("/change", &fields).await;
    let start = std::time::Instant::now();
    while page.has("It is being done") {
        assert!(start.elapsed() < Duration::from_mins(1), "{}", page.text);
        assert!(page.has("data-live=\"2\"") && page.is_closed(), "{}", page.text);
        page = browser.get(&format!("/change?id={id}")).await;
    }
    page
}

/// Row 9 of the anchors: also those on no page, and no other.
#[tokio::test]
async fn all_that_fit_are_counted_confirmed_and_sent_back_once_and_no_other() {
    let reasons = [vec!["not_found"; 120], vec!["outcome_unknown"; 2], vec!["superseded"; 7]].concat();
    let account = Account::with(HANDLER, &reasons);
    let browser = browser(&account).await;
    let (page, token) = asked(&browser, "redrive", &[("reason", "not_found")]).await;
    assert!(page.has("<h1>Redrive 120 dead letters?</h1>") && page.is_closed(), "{}", page.text);
    assert!(page.has("120 of follow-up with not_found in a-actions-dead-letters.fifo"), "{}", page.text);
    assert!(page.has("automations dlq redrive --reason not_found --until "), "{}", page.text);
    assert!(page.has(" --limit 120<") && page.has("about 1000 were looked at"), "{}", page.text);
    assert!(account.audit().is_empty() && account.state().sent.is_empty());
    let done = confirmed(&browser, &token, &page, &[]).await;
    assert!(done.has("120 sent back"), "{}", done.text);
    assert_eq!(account.state().sent.len(), 120);
    assert_eq!(account.state().messages.len(), 9);
    let audit = account.audit();
    assert!(audit[0][1].starts_with("--reason not_found --until "), "{audit:?}");
    assert_eq!((audit.len(), audit[1][2].as_str(), audit[1][3].as_str()), (2, "done", "120"));
}

#[tokio::test]
async fn no_more_are_changed_than_were_counted() {
    let account = Account::with(HANDLER, &["not_found"; 12]);
    let browser = browser(&account).await;
    let (page, token) = asked(&browser, "drop", &[("handler", HANDLER)]).await;
    assert!(page.has("<h1>Drop 12 dead letters?</h1>") && page.has("12 messages are permanently deleted"));
    // As those behind a message group's first ones would be.
    let more = Account::with(HANDLER, &["not_found"; 20]).state().messages.split_off(12);
    account.state().messages.extend(more);
    let done = confirmed(&browser, &token, &page, &[]).await;
    assert!(done.has("12 permanently deleted"), "{}", done.text);
    assert_eq!(account.state().messages.len(), 8);
}

/// Row 9 of the anchors: bounded, and it says so.
#[tokio::test]
async fn a_click_changes_at_most_a_thousand() {
    let account = Account::with(HANDLER, &vec!["not_found"; 1_400]);
    let browser = browser(&account).await;
    let (page, token) = asked(&browser, "redrive", &[]).await;
    assert!(page.has("<h1>Redrive 1000 dead letters?</h1>"), "{}", page.text);
    let done = confirmed(&browser, &token, &page, &[]).await;
    assert!(done.has("1000 sent back"), "{}", done.text);
    assert_eq!(account.state().messages.len(), 400);
}

#[tokio::test]
async fn what_has_an_unknown_outcome_needs_consent_and_a_drop_needs_a_filter() {
    let account = Account::with(HANDLER, &["outcome_unknown"; 3]);
    let browser = browser(&account).await;
    let filter = [("reason", "outcome_unknown")];
    let (page, token) = asked(&browser, "redrive", &filter).await;
    assert!(
        page.has("<h1>Redrive 0 dead letters?</h1>") && page.has("none without your consent"),
        "{}",
        page.text
    );
    assert!(page.has("name=\"consent\" value=\"retry-unknown\""), "{}", page.text);
    let none = confirmed(&browser, &token, &page, &[]).await;
    assert!(none.has("0 sent back: all need your consent"), "{}", none.text);
    assert!(account.audit().is_empty(), "{:?}", account.audit());
    for (change, filter, problem) in [
        ("drop", &[][..], "fill in a field of the filter"),
        ("drop", &[("queue", "actions")], "fill in a field of the filter"),
        ("drop", &[("reason", "not_found")], "no dead letter that was read fits"),
        ("erase", &[], "say what is to be done"),
        ("redrive", &[("since", "yesterday")], "not a time: yesterday"),
    ] {
        let (page, _) = asked(&browser, change, filter).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.has(problem), "{}", page.text);
    }
    let page = browser.get("/dead-letters").await;
    assert!(page.has("Redrive all that there are …") && !page.has("Drop all that fit"), "{}", page.text);
    let page = browser.get("/dead-letters?reason=outcome_unknown").await;
    assert!(page.has("Redrive all that fit the filter …") && page.has("Drop all that fit the filter …"));
}

#[tokio::test]
async fn a_profile_that_may_not_change_them_reads_none_for_it() {
    let account = Account::with(HANDLER, &["not_found"; 3]);
    account.deny(&["DeleteMessage"]);
    let browser = browser(&account).await;
    let (refused, _) = asked(&browser, "redrive", &[]).await;
    assert!(refused.has("the profile lacks sqs:DeleteMessage"), "{}", refused.text);
    assert!(account.state().sent.is_empty());
}

/// Decision 84: it goes on behind its page.
#[tokio::test]
async fn a_long_change_goes_on_behind_its_page_which_says_how_far_it_is() {
    let account = Account::with(HANDLER, &["not_found"; 3]);
    let (sender, receiver) = channel::<()>();
    let (waits, slow) = (Mutex::new(receiver), account.clone());
    let browser = Browser::inside(move |operation, request| {
        let is_last = operation == "DeleteMessage"
            && request["ReceiptHandle"] != "no-receipt"
            && slow.state().messages.len() == 1;
        if is_last {
            // Until the test goes on; the change has a thread of its own.
            let _ = waits.lock().unwrap().recv();
        }
        slow.state().respond(operation, request)
    });
    let browser = browser.await;
    let (page, token) = asked(&browser, "drop", &[("handler", HANDLER)]).await;
    let id = page.field("id");
    let running = browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(running.has("It is being done: 2 so far") && running.has("data-live=\"2\""), "{}", running.text);
    assert!(running.has("<h1>Drop 3 dead letters</h1>") && running.is_closed(), "{}", running.text);
    drop(sender);
    let done = confirmed(&browser, &token, &page, &[]).await;
    assert!(done.has("3 permanently deleted"), "{}", done.text);
    assert_eq!(account.audit().len(), 2, "the second click did nothing");
}
