//! Pauses on the pages: what is shown, and what is changed by the commands' own code.

use super::*;

/// The fields of a form of a pause.
fn fields<'a>(token: &'a str, kind: &'a str, what: &'a str, name: &'a str) -> [(&'a str, &'a str); 4] {
    [("token", token), ("do", kind), ("what", what), ("name", name)]
}

/// Asks for a pause or its end, confirms it, and returns both pages.
async fn done(browser: &Browser, kind: &str, (what, name): (&str, &str), text: &str) -> [Shown; 2] {
    let token = browser.get("/").await.field("token");
    let asked = browser.post("/pauses", &fields(&token, kind, what, name)).await;
    let id = asked.field("id");
    let done = browser.post("/change", &[("token", &token), ("id", &id), ("text", text)]).await;
    [asked, done]
}

fn audited(command: &str, scope: &str) -> [[String; 4]; 2] {
    [[command, scope, "started", ""], [command, scope, "done", "1"]].map(|row| row.map(str::to_owned))
}

#[tokio::test]
async fn a_handler_is_paused_and_resumed_with_its_trigger_and_its_rows_of_the_audit() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let [asked, paused] = done(&browser, "pause", ("handler", "follow-up"), " a wrong label ").await;
    assert!(asked.has("<h1>Pause the handler follow-up?</h1>") && asked.has("1 handler decides on nothing"));
    assert!(asked.has("automations pause --handler follow-up --yes") && asked.is_closed(), "{}", asked.text);
    assert!(asked.has("Now 0 messages wait in the queue."), "{}", asked.text);
    assert!(
        paused.has("the handler follow-up is paused; it takes effect within a minute"),
        "{}",
        paused.text
    );
    assert_eq!(stack.triggers.changed().get("a-follow-up.fifo"), Some(&false));
    let item = stack.table.get("PAUSES", "HANDLER#follow-up").unwrap();
    assert_eq!(item["reason"]["S"], "a wrong label");
    assert_eq!(stack.dead_letters.audit(), audited("pause", "--handler follow-up"));
    for path in ["/", "/handlers"] {
        let page = browser.get(path).await;
        assert!(page.has("arn:aws:iam::1:user/operator") && page.has("a wrong label"), "{}", page.text);
        assert!(page.has("aria-label=\"Resume the handler follow-up …\""), "{}", page.text);
    }
    let [asked, resumed] = done(&browser, "resume", ("handler", "follow-up"), "").await;
    assert!(asked.has("1 handler decides again") && !asked.has("name=\"text\""), "{}", asked.text);
    assert!(resumed.has("the handler follow-up is resumed"), "{}", resumed.text);
    assert_eq!(stack.triggers.changed().get("a-follow-up.fifo"), Some(&true));
    assert!(stack.table.items().is_empty());
    assert_eq!(stack.dead_letters.audit()[2..], audited("resume", "--handler follow-up"));
    assert!(!browser.get("/").await.has("a wrong label"), "it is read again after a change");
}

/// The drill with the console alone: what is sent back to something that is paused is not done at once.
#[tokio::test]
async fn a_redrive_to_what_is_paused_says_that_it_waits_and_a_drop_does_not() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let token = browser.get("/dead-letters").await.field("token");
    let of = |kind| [("token", token.as_str()), ("do", kind), ("id", "m-0")];
    let waits = "What is sent back there waits until it is resumed.";
    assert!(!browser.post("/dead-letters/selected", &of("redrive")).await.has(waits));
    done(&browser, "pause", ("organisation", "south"), "").await;
    assert!(!browser.post("/dead-letters/selected", &of("redrive")).await.has(waits));
    done(&browser, "pause", ("writing", ""), "").await;
    let asked = browser.post("/dead-letters/selected", &of("redrive")).await;
    assert!(asked.has("Paused: all writing") && asked.has(waits), "{}", asked.text);
    assert!(!browser.post("/dead-letters/selected", &of("drop")).await.has(waits));
}

#[tokio::test]
async fn all_writing_and_an_organisation_are_paused_and_resumed() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let [asked, _] = done(&browser, "pause", ("writing", ""), "").await;
    assert!(asked.has("No action of any organisation is performed"), "{}", asked.text);
    assert_eq!(stack.triggers.changed().get("a-actions.fifo"), Some(&false));
    let [asked, paused] = done(&browser, "pause", ("organisation", "north"), "").await;
    assert!(asked.has("1 organisation: its tickets are not fetched"), "{}", asked.text);
    assert!(paused.has("the organisation north is paused"), "{}", paused.text);
    let overview = browser.get("/").await;
    assert!(overview.has(">all writing</th>") && overview.has(">the organisation north</th>"));
    assert!(!overview.has("Pause all writing"), "{}", overview.text);
    let organisations = browser.get("/organisations").await;
    assert!(organisations.has("aria-label=\"Resume the organisation north …\""), "{}", organisations.text);
    assert!(organisations.has("aria-label=\"Pause the organisation south …\""), "{}", organisations.text);
    let [_, resumed] = done(&browser, "resume", ("writing", ""), "").await;
    assert!(resumed.has("all writing is resumed"), "{}", resumed.text);
    assert_eq!(stack.dead_letters.audit()[4..], audited("resume", "--writing"));
    let [asked, resumed] = done(&browser, "resume", ("organisation", "north"), "").await;
    assert!(asked.has("It takes about two minutes"), "{}", asked.text);
    assert!(resumed.has("0 messages were sent again") && resumed.has("0 tickets are"), "{}", resumed.text);
    assert!(stack.table.items().is_empty());
}

#[tokio::test]
async fn a_pause_that_the_profile_may_not_make_is_disabled_and_names_the_action() {
    for (denied, action) in [
        ("PutItem", "dynamodb:PutItem"),
        ("ListEventSourceMappings", "lambda:ListEventSourceMappings"),
        ("DisableAlarmActions", "cloudwatch:DisableAlarmActions"),
    ] {
        let stack = Stack::new().denying(&[denied]);
        let browser = Browser::at(&stack).await;
        for path in ["/", "/handlers", "/organisations"] {
            let page = browser.get(path).await;
            assert!(page.has(&format!("disabled: the profile lacks <code>{action}</code>")), "{}", page.text);
            assert!(page.has("\" disabled aria-describedby=\"denied\">Pause"), "{}", page.text);
        }
        let token = browser.get("/handlers").await.field("token");
        let refused = browser.post("/pauses", &fields(&token, "pause", "handler", "follow-up")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.has(&format!("the profile lacks {action}")), "{}", refused.text);
        assert!(stack.dead_letters.audit().is_empty() && stack.table.items().is_empty());
    }
    // What AWS cannot be asked about is said by the change itself.
    let browser = Browser::at(&Stack::new().denying(&["UpdateEventSourceMapping"])).await;
    let [_, failed] = done(&browser, "pause", ("handler", "follow-up"), "").await;
    assert!(failed.has("the profile needs lambda:UpdateEventSourceMapping"), "{}", failed.text);
}

#[tokio::test]
async fn what_is_not_there_is_not_paused() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let token = browser.get("/").await.field("token");
    for (kind, what, name, problem) in [
        ("pause", "organisation", "west", "west"),
        ("pause", "organisation", "<script>", "organisation"),
        ("pause", "everything", "", "neither a handler, nor an organisation"),
        ("stop", "writing", "", "say what is to be done"),
    ] {
        let refused = browser.post("/pauses", &fields(&token, kind, what, name)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.has(problem) && refused.has("role=\"alert\"") && refused.is_closed(),
            "{}",
            refused.text
        );
    }
    assert!(stack.dead_letters.audit().is_empty() && stack.table.items().is_empty());
}
