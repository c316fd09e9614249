//! The part of a page that reads itself again.

use super::*;

#[tokio::test]
async fn the_overview_shows_what_changed_without_a_reload() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        let waiting = "[...document.querySelectorAll('#live tbody tr')][2].cells[1].textContent";
        let row: String =
            tab.value("[...document.querySelectorAll('#live tbody tr')][2].cells[0].textContent").await;
        assert_eq!((row.as_str(), tab.value::<String>(waiting).await.as_str()), ("a-hints", "12"));
        tab.value::<u32>("window.isStillTheSame = 1").await;
        stack.set_hints(3_417);
        tab.until(&format!("{waiting} === '3417'")).await;
        assert_eq!(tab.value::<u32>("window.isStillTheSame").await, 1, "not reloaded");
        tab.shows("Updated ").await;
        let times: Vec<String> =
            tab.value("[...document.querySelectorAll('time')].map((time) => time.textContent)").await;
        assert!(
            times.iter().all(|time| !time.contains("UTC")),
            "swapped times are the viewer's too: {times:?}"
        );
        tab.click(".live button").await;
        tab.shows("Paused").await;
        tab.is_content().await;
    })
    .await;
}
