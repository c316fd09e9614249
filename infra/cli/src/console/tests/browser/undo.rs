//! An undo by click.

use super::*;
use crate::console::tests::undo;

#[tokio::test]
async fn what_a_handler_did_is_undone_after_its_confirmation() {
    let stack = undo::stack();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        tab.open("/undo").await;
        tab.write("input[name=handler]", "follow-up").await;
        tab.write("input[name=since]", "2h").await;
        tab.press("Enter").await;
        tab.until("location.search.includes('since=2h') && document.readyState === 'complete'").await;
        tab.shows("1 can be undone; 1 for a person").await;
        tab.click("form[action='/undo'][method=post] button").await;
        tab.until(CONFIRMATION).await;
        tab.shows("1 remove_label of north").await;
        tab.click(CONFIRM).await;
        tab.shows("1 undo sent").await;
        assert_eq!(stack.dead_letters.state().sent.len(), 1);
        tab.is_content().await;
    })
    .await;
}
