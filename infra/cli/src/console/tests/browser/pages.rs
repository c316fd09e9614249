//! Each page as a browser opens it.

use super::*;

/// The secret leaves the address, and the cookie is one that no script and no other site can use.
#[tokio::test]
async fn the_printed_address_leads_to_the_overview_and_the_secret_is_gone_from_it() {
    with_browser(&Stack::new(), async |tab| {
        tab.enter().await;
        let address: String = tab.value("location.href").await;
        assert!(address.ends_with('/') && !address.contains("secret"), "{address}");
        let cookies = tab.cookies().await;
        let [cookie] = cookies.as_slice() else { panic!("{cookies:?}") };
        assert!(cookie.name.starts_with("automations-console-") && cookie.http_only, "{cookie:?}");
        assert_eq!(cookie.same_site.as_ref().map(AsRef::as_ref), Some("Strict"), "{cookie:?}");
        assert_eq!(tab.value::<String>("document.cookie").await, "");
        assert_eq!(tab.value::<String>("document.referrer").await, "");
        tab.is_content().await;
    })
    .await;
}

#[tokio::test]
async fn every_page_loads_without_an_error_or_a_violation_of_the_policy() {
    with_browser(&busy(), async |tab| {
        tab.enter().await;
        for path in PAGES {
            tab.open(path).await;
            assert_eq!(tab.problems().await, [""; 0], "{path}");
            let problems = "[...document.querySelectorAll('[role=alert], .problem')].map((problem) => problem.textContent)";
            assert_eq!(tab.value::<Vec<String>>(problems).await, [""; 0], "{path}");
            // The style sheet and the script were loaded: the script replaced UTC by the viewer's zone.
            let sheets: usize = tab.value("document.styleSheets[0].cssRules.length").await;
            assert!(sheets > 10, "{path}");
            let times: Vec<String> =
                tab.value("[...document.querySelectorAll('time')].map((time) => time.textContent + time.title)").await;
            assert!(times.iter().all(|time| !time.contains("UTC") && time.ends_with('Z')), "{path}: {times:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_handlers_schedule_has_its_last_and_its_next_firing() {
    with_browser(&Stack::new(), async |tab| {
        tab.enter().await;
        tab.open("/handlers").await;
        let text: String = tab.value("document.querySelector('.schedule').textContent").await;
        assert!(text.starts_with("Schedule: cron(0 8 ? * MON *), Australia/Sydney. Next "), "{text}");
        let times: Vec<String> =
            tab.value("[...document.querySelectorAll('.schedule time')].map((time) => time.dateTime)").await;
        let [next, last] = times.as_slice() else { panic!("{times:?}") };
        assert!(next.ends_with(":00:00.000Z") && last < next, "{times:?}");
    })
    .await;
}

#[tokio::test]
async fn the_filter_is_in_the_address_and_survives_a_reload() {
    with_browser(&Stack::new(), async |tab| {
        tab.enter().await;
        tab.open("/events").await;
        let organisations =
            "[...document.querySelectorAll('tbody tr')].map((row) => row.cells[1].textContent)";
        let all: Vec<String> = tab.value(organisations).await;
        assert!(all.contains(&"north".to_owned()) && all.contains(&"south".to_owned()), "{all:?}");
        tab.write("input[name=organisation]", "south").await;
        tab.press("Enter").await;
        tab.until("location.search.includes('organisation=south') && document.readyState === 'complete'")
            .await;
        let address: String = tab.value("location.href").await;
        for _ in 0..2 {
            let shown: Vec<String> = tab.value(organisations).await;
            assert!(!shown.is_empty() && shown.iter().all(|name| name == "south"), "{shown:?}");
            assert_eq!(
                tab.value::<String>("document.querySelector('input[name=organisation]').value").await,
                "south"
            );
            tab.reload().await;
            tab.until("document.readyState === 'complete'").await;
            assert_eq!(tab.value::<String>("location.href").await, address);
        }
        tab.is_content().await;
    })
    .await;
}
