//! A tab of headless Chromium, with a profile of its own that is removed afterwards.

use crate::account::Target;
use crate::console::Console;
use crate::console::tests::stack::Stack;
use crate::stub;
use chromiumoxide::cdp::browser_protocol::dom::ScrollIntoViewIfNeededParams;
use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetScriptExecutionDisabledParams};
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::js_protocol::runtime::{
    ConsoleApiCalledType, EvaluateParams, EventConsoleApiCalled, EventExceptionThrown,
};
use chromiumoxide::detection::DetectionOptions;
use chromiumoxide::listeners::EventStream;
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures::{FutureExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most that a page, a click or an update may take; updates come every ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tab, and what its page has complained about.
pub(super) struct Tab<'a> {
    browser: &'a Browser,
    page: Page,
    base: String,
    /// The address that the command printed.
    url: String,
    problems: Mutex<Problems>,
}

/// Errors of scripts, and what the browser itself reports, as violations of the policy.
struct Problems {
    entries: EventStream<EventEntryAdded>,
    calls: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
}

/// Does a test in a tab of a browser at a console of this stack, if there is a browser. The browser ends with the test.
pub(super) async fn with_browser(stack: &Stack, test: impl AsyncFnOnce(&Tab<'_>)) {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let profile = std::env::temp_dir().join(format!("automations-console-{}-{number}", std::process::id()));
    let Some(config) = config(&profile) else { return };
    let stack = stack.clone();
    let config_of_stack =
        stub::config(Duration::ZERO, move |operation, request| stack.respond(operation, request));
    let target = Target { config: config_of_stack, local: None, stack: "a".to_owned() };
    let console = Console::bind(target, 0).await.unwrap();
    let url = console.url.clone();
    tokio::spawn(console.serve());
    let (mut browser, mut handler) = Browser::launch(config).await.unwrap();
    let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
    let done = {
        let tab = Tab::of(&browser, url).await;
        AssertUnwindSafe(test(&tab)).catch_unwind().await
    };
    browser.close().await.unwrap();
    browser.wait().await.unwrap();
    events.await.unwrap();
    // Its processes may outlive the first of them by a moment.
    until(async || !profile.exists() || std::fs::remove_dir_all(&profile).is_ok()).await.unwrap();
    if let Err(panic) = done {
        resume_unwind(panic);
    }
}

/// None without Chromium.
fn config(profile: &PathBuf) -> Option<BrowserConfig> {
    let found = DetectionOptions { msedge: false, unstable: false };
    // No sandbox: it needs rights that containers lack, and every page is our own.
    let config = BrowserConfig::builder().chrome_detection(found).new_headless_mode().no_sandbox();
    let config = config.user_data_dir(profile).viewport(None).window_size(1280, 800).build();
    let text = "not run: there is no Chromium; `apt-get install chromium` installs it, and CHROME=PATH names another";
    config.map_err(|_not_found| println!("{text}")).ok()
}

/// Waits for a condition; an error if it does not come.
async fn until(mut condition: impl AsyncFnMut() -> bool) -> Result<(), &'static str> {
    let start = Instant::now();
    while !condition().await {
        if start.elapsed() > PATIENCE {
            return Err("it did not happen in time");
        }
        #[expect(clippy::disallowed_methods, reason = "the pause between two checks of a condition")]
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    Ok(())
}

impl<'a> Tab<'a> {
    async fn of(browser: &'a Browser, url: String) -> Self {
        let page = browser.new_page("about:blank").await.unwrap();
        page.enable_log().await.unwrap();
        page.enable_runtime().await.unwrap();
        let problems = Problems {
            entries: page.event_listener().await.unwrap(),
            calls: page.event_listener().await.unwrap(),
            exceptions: page.event_listener().await.unwrap(),
        };
        let base = url.split("/enter").next().unwrap().to_owned();
        Self { browser, page, base, url, problems: Mutex::new(problems) }
    }

    /// Another tab of the same browser.
    pub(super) async fn another(&self) -> Self {
        Self::of(self.browser, self.url.clone()).await
    }

    /// Opens the address that the command printed, and waits for the overview that it leads to.
    pub(super) async fn enter(&self) {
        self.page.goto(self.url.as_str()).await.unwrap();
        self.until("location.pathname === '/' && document.querySelector('main') !== null").await;
    }

    /// Opens a page, after the one that is there has loaded.
    pub(super) async fn open(&self, path: &str) {
        self.until("document.readyState === 'complete' && (window.isLeft = true)").await;
        self.page.goto(format!("{}{path}", self.base)).await.unwrap();
        self.until("!window.isLeft && document.readyState === 'complete'").await;
    }

    pub(super) async fn reload(&self) {
        self.page.reload().await.unwrap();
    }

    /// The value of an expression, or of what it promises.
    pub(super) async fn value<T: DeserializeOwned>(&self, expression: &str) -> T {
        let value = self.evaluated(expression).await;
        value.unwrap_or_else(|| panic!("{expression} has no value of this type"))
    }

    /// None if it cannot be evaluated, as between two pages.
    async fn evaluated<T: DeserializeOwned>(&self, expression: &str) -> Option<T> {
        let wanted =
            EvaluateParams::builder().expression(expression).await_promise(true).return_by_value(true);
        let result = self.page.evaluate_expression(wanted.build().unwrap()).await.ok()?;
        result.into_value().ok()
    }

    /// Waits until an expression is true.
    pub(super) async fn until(&self, condition: &str) {
        let happened = until(async || self.evaluated(condition).await == Some(true)).await;
        if happened.is_err() {
            let seen = self.evaluated::<String>("location.href + '\\n' + document.body.innerText").await;
            panic!("never: {condition}; {}", seen.unwrap_or_default());
        }
    }

    /// Waits until the page shows this text.
    pub(super) async fn shows(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", serde_json::json!(text))).await;
    }

    /// Clicks on the first element of this selector, as with a mouse.
    pub(super) async fn click(&self, selector: &str) {
        // What loads meanwhile has other nodes.
        self.until("document.readyState === 'complete'").await;
        let element = self.page.find_element(selector).await.unwrap();
        // Not the crate's own click: it scrolls by a script, and waits for it for ever where none runs.
        self.page.bring_to_front().await.unwrap();
        let scrolled = ScrollIntoViewIfNeededParams::builder().node_id(element.node_id).build();
        self.page.execute(scrolled).await.unwrap();
        self.page.click(element.clickable_point().await.unwrap()).await.unwrap();
    }

    /// Types into the first element of this selector.
    pub(super) async fn write(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.page.find_element(selector).await.unwrap().type_str(text).await.unwrap();
    }

    /// Presses a key, wherever the focus is.
    pub(super) async fn press(&self, key: &str) {
        self.page.find_element("html").await.unwrap().press_key(key).await.unwrap();
    }

    /// From now on the viewer has a window of this width, and prefers `light` or `dark`.
    pub(super) async fn look(&self, width: u32, scheme: &str) {
        let size = SetDeviceMetricsOverrideParams::new(width, 900, 1.0, false);
        self.page.execute(size).await.unwrap();
        let preferred = MediaFeature::new("prefers-color-scheme", scheme);
        self.page.emulate_media_features(vec![preferred]).await.unwrap();
    }

    /// From now on no script runs.
    pub(super) async fn without_scripts(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    /// The whole page as PNG.
    pub(super) async fn screenshot(&self) -> Vec<u8> {
        let whole = chromiumoxide::page::ScreenshotParams::builder().full_page(true).build();
        self.page.screenshot(whole).await.unwrap()
    }

    /// The value of a cookie that scripts may not read, and whether it is strict.
    pub(super) async fn cookies(&self) -> Vec<chromiumoxide::cdp::browser_protocol::network::Cookie> {
        self.page.get_cookies().await.unwrap()
    }

    /// What the pages have complained about since the last call.
    pub(super) async fn problems(&self) -> Vec<String> {
        // A round trip: what was reported before its response has arrived.
        self.value::<u32>("1").await;
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        while let Some(Some(event)) = problems.entries.next().now_or_never() {
            let entry = &event.entry;
            if matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning) {
                found.push(format!("{} ({})", entry.text, entry.url.clone().unwrap_or_default()));
            }
        }
        while let Some(Some(event)) = problems.calls.next().now_or_never() {
            let is_bad =
                [ConsoleApiCalledType::Error, ConsoleApiCalledType::Warning, ConsoleApiCalledType::Assert];
            if is_bad.contains(&event.r#type) {
                found.push(format!("{:?}", event.args));
            }
        }
        while let Some(Some(event)) = problems.exceptions.next().now_or_never() {
            found.push(format!("{:?}", event.exception_details));
        }
        found
    }

    /// Fails if a page has complained.
    pub(super) async fn is_content(&self) {
        assert_eq!(self.problems().await, [""; 0]);
    }
}
