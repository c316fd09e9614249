//! Reminders by click.

use super::*;
use crate::console::tests::reminders::reminder;

#[tokio::test]
async fn a_reminder_is_found_by_its_filter_and_cancelled_by_click() {
    let stack = Stack::new();
    stack.table.items().extend([reminder("t-1", "review", 3), reminder("t-2", "chase", 5)]);
    with_browser(&stack, async |tab| {
        tab.enter().await;
        tab.open("/reminders").await;
        tab.write("input[name=organisation]", "north").await;
        tab.write("input[name=due_within]", "1w").await;
        tab.press("Enter").await;
        tab.until("location.search.includes('due_within=1w') && document.readyState === 'complete'").await;
        let rows = "document.querySelectorAll('tbody tr').length";
        assert_eq!(tab.value::<usize>(rows).await, 2);
        tab.click("button[aria-label='Cancel chase of t-2 …']").await;
        tab.until(CONFIRMATION).await;
        tab.shows("Cancel 1 reminder?").await;
        tab.click(CONFIRM).await;
        tab.shows("1 reminder cancelled").await;
        tab.click("main p a[href^='/reminders']").await;
        tab.until("location.pathname === '/reminders' && document.readyState === 'complete'").await;
        assert_eq!(tab.value::<usize>(rows).await, 1);
        tab.is_content().await;
    })
    .await;
}
