//! Settings by organisation, by keyboard and mouse.

use super::*;

#[tokio::test]
async fn an_organisations_value_is_corrected_beside_the_error_set_and_unset() {
    let stack = Stack::new();
    with_browser(&stack, async |tab| {
        tab.enter().await;
        tab.open("/handlers").await;
        tab.click("a[href='/settings?handler=follow-up']").await;
        tab.until("location.pathname === '/settings' && document.readyState === 'complete'").await;
        tab.click("th a").await;
        tab.until(
            "location.search.includes('organisation=north') && document.querySelector('textarea') !== null",
        )
        .await;
        tab.write("textarea", "{\"label\": }").await;
        tab.click("form[action='/settings/set'] button").await;
        tab.shows("the settings are not a JSON object").await;
        let typed: String = tab.value("document.querySelector('textarea').value").await;
        assert_eq!(typed, "{\"label\": }", "it is not lost");
        let described: bool = tab
            .value(
                "document.querySelector('textarea').getAttribute('aria-describedby').split(' ')\
                 .every((id) => document.getElementById(id) !== null)",
            )
            .await;
        assert!(described);
        tab.value::<String>("document.querySelector('textarea').value = '{\"label\": \"Done\"}'").await;
        tab.click("form[action='/settings/set'] button").await;
        tab.until(CONFIRMATION).await;
        tab.shows("1 organisation, north: 1 value of follow-up").await;
        tab.click(CONFIRM).await;
        tab.shows("follow-up for north: enabled").await;
        assert_eq!(stack.table.items()[0]["settings"]["S"], "{\"label\":\"Done\"}");
        tab.open("/settings?handler=follow-up&organisation=north").await;
        tab.shows("label: \"Done\"").await;
        tab.click("input[name=key][value=label]").await;
        tab.click("button[name=do][value=selected]").await;
        tab.until(CONFIRMATION).await;
        tab.click(CONFIRM).await;
        tab.shows("it takes effect within a minute").await;
        assert!(stack.table.items().is_empty());
        let problems = tab.problems().await;
        // The page that says what was wrong has the status 400, which Chromium reports.
        assert!(problems.iter().all(|problem| problem.contains("400")), "{problems:?}");
    })
    .await;
}
