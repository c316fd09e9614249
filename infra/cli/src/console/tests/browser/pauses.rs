//! Pauses by click: a handler, an organisation, all writing.

use super::*;

/// Presses the button of this name, and confirms with this reason.
async fn change(tab: &Tab<'_>, button: &str, reason: Option<&str>) {
    tab.click(&format!("button[aria-label='{button} …']")).await;
    tab.until(CONFIRMATION).await;
    if let Some(reason) = reason {
        tab.write("input[name=text]", reason).await;
    }
    tab.click(CONFIRM).await;
    tab.until("document.body.innerText.includes('It is recorded in the audit')").await;
}

#[tokio::test]
async fn a_handler_an_organisation_and_all_writing_are_paused_and_resumed_where_they_are_shown() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        for (path, what, key) in [
            ("/handlers", "the handler follow-up", "HANDLER#follow-up"),
            ("/organisations", "the organisation north", "ORGANISATION#north"),
            ("/", "all writing", "WRITING"),
        ] {
            tab.open(path).await;
            change(tab, &format!("Pause {what}"), Some("wrong label")).await;
            tab.shows(&format!("{what} is paused")).await;
            assert_eq!(stack.table.get("PAUSES", key).unwrap()["reason"]["S"], "wrong label");
            tab.open(path).await;
            tab.shows("wrong label").await;
            tab.open("/").await;
            let row =
                format!("[...document.querySelectorAll('th')].some((head) => head.textContent === '{what}')");
            assert!(tab.value::<bool>(&row).await, "{what} is on the overview");
            let by = "document.querySelector('[aria-label=Paused] tbody tr').cells[3].textContent";
            assert_eq!(tab.value::<String>(by).await, "arn:aws:iam::1:user/operator");
            tab.open(path).await;
            change(tab, &format!("Resume {what}"), None).await;
            tab.shows(&format!("{what} is resumed")).await;
            assert!(stack.table.items().is_empty());
        }
        let commands: Vec<String> =
            stack.dead_letters.audit().into_iter().map(|[command, ..]| command).collect();
        assert_eq!(commands, ["pause", "pause", "resume", "resume"].repeat(3));
        tab.is_content().await;
    })
    .await;
}

#[tokio::test]
async fn a_button_that_the_profile_may_not_use_is_disabled_and_says_why() {
    with_browser(&Stack::new().denying(&["PutItem"]), async |tab| {
        tab.enter().await;
        for path in ["/", "/handlers", "/organisations"] {
            tab.open(path).await;
            let reasons: Vec<String> = tab
                .value(
                    "[...document.querySelectorAll(\"form[action='/pauses'] button\")].map((button) => \
                     button.disabled && document.getElementById(button.getAttribute('aria-describedby')).textContent)",
                )
                .await;
            assert!(!reasons.is_empty(), "{path}");
            assert!(reasons.iter().all(|reason| reason.contains("the profile lacks dynamodb:PutItem")), "{reasons:?}");
        }
    })
    .await;
}
