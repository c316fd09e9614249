//! A replay by click.

use super::*;

#[tokio::test]
async fn events_are_replayed_after_their_confirmation() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        tab.open("/replay").await;
        tab.write("input[name=since]", "1m").await;
        tab.write("input[name=organisation]", "south").await;
        tab.press("Enter").await;
        tab.until("location.search.includes('organisation=south') && document.readyState === 'complete'")
            .await;
        tab.shows("ticket.label_added").await;
        tab.click("form[action='/replay'][method=post] button").await;
        tab.until(CONFIRMATION).await;
        tab.shows("of the journal published again").await;
        assert!(stack.dead_letters.state().sent.is_empty());
        tab.click(CONFIRM).await;
        tab.shows("published again; actions that were performed are not performed again").await;
        assert!(!stack.dead_letters.state().sent.is_empty());
        tab.is_content().await;
    })
    .await;
}
