//! Settings by organisation on their page, and what is changed by the commands' own code.

use super::*;
use serde_json::json;

const PAGE: &str = "/settings?handler=follow-up&organisation=north";

/// A form of the page for `north`.
fn fields<'a>(token: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("token", token), ("handler", "follow-up"), ("organisation", "north")], more].concat()
}

async fn confirmed(browser: &Browser, token: &str, asked: &Shown) -> Shown {
    let id = asked.field("id");
    browser.post("/change", &[("token", token), ("id", &id)]).await
}

#[tokio::test]
async fn values_are_checked_confirmed_stored_and_recorded_without_themselves() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let page = browser.get(PAGE).await;
    assert!(page.has("&#34;label&#34;: &#34;follow-up&#34;") && page.has(">south</a>"), "{}", page.text);
    assert!(browser.get("/handlers").await.has("Settings by organisation</a>: none has its own"));
    let token = page.field("token");
    let set = [("values", "{\"label\": \"Done & dusted\"}"), ("enabled", ""), ("dry_run", "false")];
    let asked = browser.post("/settings/set", &fields(&token, &set)).await;
    assert!(asked.has("Set the settings of follow-up for north?") && asked.is_closed(), "{}", asked.text);
    assert!(asked.has("1 organisation, north: 1 value of follow-up in place") && asked.has("is performed"));
    assert!(asked.has("automations settings set --organisation north --handler follow-up"), "{}", asked.text);
    assert!(stack.table.items().is_empty() && stack.dead_letters.audit().is_empty());
    let done = confirmed(&browser, &token, &asked).await;
    assert!(
        done.has("follow-up for north: enabled; its own values: label") && done.has("within a minute"),
        "{}",
        done.text
    );
    let scope = "--organisation north --handler follow-up --key label --dry-run false";
    let row = |state: &str, number: &str| ["settings set", scope, state, number].map(str::to_owned);
    assert_eq!(stack.dead_letters.audit(), [row("started", ""), row("done", "1")]);
    let item = stack.table.get("ORGANISATION#north", "HANDLER#follow-up").unwrap();
    assert_eq!(item["settings"]["S"], json!({ "label": "Done & dusted" }).to_string());
    let page = browser.get(PAGE).await;
    assert!(page.has("<code>label: &#34;Done &#38; dusted&#34;</code>"), "{}", page.text);
    assert!(browser.get("/handlers").await.has("Settings by organisation</a>: 1 has its own"));
    let unset =
        browser.post("/settings/unset", &fields(&token, &[("do", "selected"), ("key", "label")])).await;
    assert!(unset.has("1 value of follow-up as in its entry again (label)"), "{}", unset.text);
    confirmed(&browser, &token, &unset).await;
    let item = stack.table.get("ORGANISATION#north", "HANDLER#follow-up").unwrap();
    assert_eq!((&item["settings"]["S"], &item["dry_run"]["BOOL"]), (&json!("{}"), &json!(false)));
    let all = browser.post("/settings/unset", &fields(&token, &[("do", "all")])).await;
    assert!(all.has("automations settings unset --organisation north --handler follow-up<"), "{}", all.text);
    confirmed(&browser, &token, &all).await;
    assert!(stack.table.items().is_empty());
}

/// The drill with the console alone: a name that is wrong in an entry is wrong for every organisation.
#[tokio::test]
async fn values_for_all_organisations_are_one_change_and_a_disabled_handler_is_on_the_overview() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let page = browser.get("/settings?handler=follow-up").await;
    assert!(page.has("href=\"/settings?handler=follow-up&#38;organisation=*\""), "{}", page.text);
    let page = browser.get("/settings?handler=follow-up&organisation=*").await;
    assert!(page.has("Set for all organisations") && page.is_closed(), "{}", page.text);
    let token = page.field("token");
    let set = [("values", "{\"label\": \"Client\"}"), ("enabled", "false")];
    let whom = [("token", token.as_str()), ("handler", "follow-up"), ("organisation", "*")];
    let asked = browser.post("/settings/set", &[&whom[..], &set].concat()).await;
    assert!(asked.has("Set the settings of follow-up for all organisations?"), "{}", asked.text);
    assert!(
        asked.has("2 of 2 organisations, each of which is changed: 1 value of follow-up"),
        "{}",
        asked.text
    );
    assert!(asked.has("settings set --all-organisations --handler follow-up"), "{}", asked.text);
    assert!(stack.table.items().is_empty());
    let done = confirmed(&browser, &token, &asked).await;
    assert!(done.has("follow-up: changed for 2 of 2 organisations"), "{}", done.text);
    let scope = "--all-organisations --handler follow-up --key label --enabled false";
    let row = |state: &str, number: &str| ["settings set", scope, state, number].map(str::to_owned);
    assert_eq!(stack.dead_letters.audit(), [row("started", ""), row("done", "2")]);
    for organisation in ["north", "south"] {
        assert!(stack.table.get(&format!("ORGANISATION#{organisation}"), "HANDLER#follow-up").is_some());
    }
    let overview = browser.get("/").await;
    assert!(overview.has("follow-up</a> is disabled by its settings in north, south."), "{}", overview.text);
    assert!(browser.get("/handlers").await.has("2 have their own, and it is disabled in 2"));
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let token = browser.get(PAGE).await.field("token");
    for (values, problem) in [
        ("[1]", "the settings are not a JSON object"),
        ("{\"label\": ", "the settings are not a JSON object: EOF"),
        ("{\"wrong\": 1, \"label\": \"<b>\"}", "do not fit follow-up: invalid value at `wrong`"),
    ] {
        let set = [("values", values), ("enabled", "false"), ("dry_run", "true")];
        let refused = browser.post("/settings/set", &fields(&token, &set)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        let beside = refused.text.split("<p id=\"values-problem\" role=\"alert\" class=\"problem\">").nth(1);
        assert!(beside.unwrap().split("</p>").next().unwrap().contains(problem), "{}", refused.text);
        let typed = values.replace('"', "&#34;").replace('<', "&#60;").replace('>', "&#62;");
        assert!(refused.has(&format!("aria-invalid=\"true\">{typed}</textarea>")), "{}", refused.text);
        assert!(refused.has("<option value=\"false\" selected>no: it decides nothing"), "{}", refused.text);
        assert!(refused.has("<option value=\"true\" selected>yes: actions are only logged"));
    }
    let nothing = browser.post("/settings/set", &fields(&token, &[("values", " ")])).await;
    assert!(nothing.has("say what to set"), "{}", nothing.text);
    let missing =
        browser.post("/settings/unset", &fields(&token, &[("do", "selected"), ("key", "label")])).await;
    assert!(missing.status == StatusCode::BAD_REQUEST, "{}", missing.text);
    assert!(stack.table.items().is_empty() && stack.dead_letters.audit().is_empty());
}

#[tokio::test]
async fn of_two_changes_at_once_the_later_is_refused() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let token = browser.get(PAGE).await.field("token");
    let asked = async |label: &str| {
        let values = json!({ "label": label }).to_string();
        browser.post("/settings/set", &fields(&token, &[("values", &values)])).await
    };
    let (one, other) = (asked("one").await, asked("other").await);
    confirmed(&browser, &token, &one).await;
    let refused = confirmed(&browser, &token, &other).await;
    assert!(refused.has("changed by another command meanwhile"), "{}", refused.text);
    assert!(stack.table.items()[0].to_string().contains("one"));
}

#[tokio::test]
async fn settings_that_the_profile_may_not_change_are_disabled_and_an_unknown_handler_is_said() {
    for (denied, action) in [("Invoke", "lambda:InvokeFunction"), ("DeleteItem", "dynamodb:DeleteItem")] {
        let stack = Stack::new().denying(&[denied]);
        let browser = Browser::at(&stack).await;
        let page = browser.get(PAGE).await;
        assert!(page.has(&format!("disabled: the profile lacks <code>{action}</code>")), "{}", page.text);
        assert!(page.has("<button type=\"submit\" disabled"), "{}", page.text);
        let token = page.field("token");
        let set = fields(&token, &[("values", "{\"a\": 1}")]);
        let refused = browser.post("/settings/set", &set).await;
        assert!(refused.has(&format!("the profile lacks {action}")), "{}", refused.text);
    }
    let browser = Browser::at(&Stack::new()).await;
    let unknown = browser.get("/settings?handler=%3Cscript%3E").await;
    assert!(unknown.has("there is no handler &#60;script&#62;") && unknown.is_closed(), "{}", unknown.text);
    let unknown = browser.get("/settings?handler=follow-up&organisation=west").await;
    assert!(unknown.has("there is no organisation west"), "{}", unknown.text);
}
