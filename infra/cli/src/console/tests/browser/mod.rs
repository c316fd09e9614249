//! The console in headless Chromium: what a person with a browser sees, clicks and types. Without Chromium these tests do not run, and
//! say so; `cargo xtask test` says whether they ran.

mod accessibility;
mod changes;
mod layout;
mod live;
mod pages;
mod pauses;
mod reminders;
mod replay;
mod settings;
mod tab;
mod undo;

use self::tab::{Tab, with_browser};
use super::stack::Stack;
use serde_json::json;

/// The button of a confirmation, and that it is there.
const CONFIRM: &str = "form[action='/change'] button";
const CONFIRMATION: &str = "location.pathname === '/change' && document.readyState === 'complete' && document.querySelector(\"form[action='/change'] button\") !== null";

/// A stack with something on each page: a pause, settings of an organisation, reminders, actions that can be undone.
fn busy() -> Stack {
    let stack = super::undo::stack();
    let since = automations::clock::now().earlier(std::time::Duration::from_hours(3)).as_millis().to_string();
    stack.table.items().extend([
        super::reminders::reminder("t-1", "review", 3),
        super::reminders::reminder("t-2", "chase", 5),
        json!({
            "pk": { "S": "PAUSES" }, "sk": { "S": "HANDLER#follow-up" }, "since": { "N": since },
            "reason": { "S": "it adds the wrong label; Jo looks at it" },
        }),
        json!({
            "pk": { "S": "ORGANISATION#north" }, "sk": { "S": "HANDLER#follow-up" }, "revision": { "N": "1" },
            "settings": { "S": "{\"label\":\"Follow-up of the broker\",\"days\":5}" }, "dry_run": { "BOOL": false },
        }),
    ]);
    stack
}

/// Every page of the navigation, and those that lead on from it.
const PAGES: [&str; 13] = [
    "/",
    "/timeline?organisation=north&kind=ticket&id=t-1",
    "/events",
    "/dead-letters",
    "/dead-letters/one?id=m-2",
    "/handlers",
    "/handlers/try?handler=follow-up",
    "/settings?handler=follow-up&organisation=north",
    "/organisations",
    "/reminders?organisation=north",
    "/replay?since=2h&organisation=north",
    "/undo?handler=follow-up&since=2h",
    "/audit",
];
