//! Changes by mouse, by keyboard, and without scripts.

use super::*;

fn audit(command: &str, scope: &str, number: &str) -> [[String; 4]; 2] {
    [[command, scope, "started", ""], [command, scope, "done", number]].map(|row| row.map(str::to_owned))
}

/// Selects the first two dead letters, and asks for this.
async fn ask(tab: &Tab<'_>, what: &str) {
    tab.open("/dead-letters").await;
    tab.click("input[name=id][value=m-0]").await;
    tab.click("input[name=id][value=m-1]").await;
    tab.click(&format!("button[name=do][value={what}]")).await;
    tab.until(CONFIRMATION).await;
}

#[tokio::test]
async fn a_redrive_by_click_is_confirmed_and_a_second_click_changes_nothing_more() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        ask(tab, "redrive").await;
        tab.shows("Redrive 2 dead letters?").await;
        assert!(stack.dead_letters.audit().is_empty() && stack.dead_letters.state().sent.is_empty());
        let other = tab.another().await;
        other.open(&tab.value::<String>("location.pathname + location.search").await).await;
        for tab in [tab, &other] {
            tab.click(CONFIRM).await;
            tab.shows("2 sent back").await;
            assert_eq!(stack.dead_letters.audit(), audit("dlq redrive", "--id m-0 --id m-1", "2"));
            assert_eq!(stack.dead_letters.state().sent.len(), 2);
        }
        tab.open("/dead-letters").await;
        assert_eq!(tab.value::<usize>("document.querySelectorAll('input[name=id]').length").await, 1);
        tab.is_content().await;
        other.is_content().await;
    })
    .await;
}

#[tokio::test]
async fn a_drop_by_click_can_be_cancelled_and_is_done_once_when_it_is_confirmed() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        ask(tab, "drop").await;
        tab.shows("2 messages are permanently deleted").await;
        tab.click(".buttons a").await;
        tab.until("location.pathname === '/dead-letters' && document.readyState === 'complete'").await;
        assert_eq!(stack.dead_letters.state().messages.len(), 3);
        ask(tab, "drop").await;
        tab.click(CONFIRM).await;
        tab.shows("2 permanently deleted").await;
        // A reload asks for the page of the outcome again, and does not send the form.
        tab.reload().await;
        tab.shows("2 permanently deleted").await;
        assert_eq!(stack.dead_letters.audit(), audit("dlq drop", "--id m-0 --id m-1", "2"));
        assert_eq!(stack.dead_letters.state().messages.len(), 1);
        tab.is_content().await;
    })
    .await;
}

/// Presses Tab until the focus is on the element of this selector, and checks that each stop on the way is seen.
async fn tab_to(tab: &Tab<'_>, selector: &str) {
    let is_there = format!("document.activeElement.matches({})", serde_json::json!(selector));
    for _ in 0..60 {
        tab.press("Tab").await;
        let seen: (bool, String) = tab.value(FOCUS).await;
        assert!(seen.0, "the focus is not seen on {}", seen.1);
        if tab.value::<bool>(&is_there).await {
            return;
        }
    }
    panic!("Tab does not reach {selector}");
}

/// Whether the element with the focus has an outline, and is within the window.
const FOCUS: &str = "(() => {
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
    const isIn = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0;
    return [style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && isIn, element.outerHTML];
})()";

#[tokio::test]
async fn a_drop_is_possible_with_the_keyboard_alone_and_the_focus_is_always_seen() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        tab.open("/dead-letters").await;
        tab_to(tab, ".skip").await;
        tab_to(tab, "input[name=id][value=m-1]").await;
        tab.press(" ").await;
        tab_to(tab, "button[name=do][value=drop]").await;
        tab.press("Enter").await;
        tab.until(CONFIRMATION).await;
        tab_to(tab, CONFIRM).await;
        tab.press("Enter").await;
        tab.shows("1 permanently deleted").await;
        assert_eq!(stack.dead_letters.audit(), audit("dlq drop", "--id m-1", "1"));
    })
    .await;
}

#[tokio::test]
async fn without_scripts_a_redrive_goes_through_its_confirmation() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.without_scripts().await;
        tab.enter().await;
        assert!(tab.value::<String>("document.querySelector('time').textContent").await.ends_with("UTC"));
        ask(tab, "redrive").await;
        assert!(stack.dead_letters.audit().is_empty());
        tab.click(CONFIRM).await;
        tab.shows("2 sent back").await;
        assert_eq!(stack.dead_letters.audit(), audit("dlq redrive", "--id m-0 --id m-1", "2"));
    })
    .await;
}

#[tokio::test]
async fn all_that_fit_the_filter_are_redriven_by_one_click_and_its_confirmation() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        tab.open("/dead-letters?reason=not_found").await;
        tab.click("form[action='/dead-letters/matching'] button[value=redrive]").await;
        tab.until(CONFIRMATION).await;
        tab.shows("Redrive 2 dead letters?").await;
        tab.shows("2 of follow-up with not_found in a-actions-dead-letters.fifo").await;
        tab.click(CONFIRM).await;
        tab.shows("2 sent back").await;
        assert_eq!(stack.dead_letters.state().messages.len(), 1, "the one of another reason stays");
        tab.is_content().await;
    })
    .await;
}
