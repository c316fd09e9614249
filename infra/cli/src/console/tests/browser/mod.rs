//! The console in headless Chromium: what a person with a browser sees, clicks and types. Without Chromium these tests do not run, and
//! say so; `cargo xtask test` says whether they ran.

mod accessibility;
mod changes;
mod layout;
mod live;
mod pages;
mod pauses;
mod reminders;
mod settings;
mod tab;
mod undo;

use self::tab::{Tab, with_browser};
use super::stack::Stack;

/// The button of a confirmation, and that it is there.
const CONFIRM: &str = "form[action='/change'] button";
const CONFIRMATION: &str = "location.pathname === '/change' && document.readyState === 'complete' && document.querySelector(\"form[action='/change'] button\") !== null";

/// Every page of the navigation, and those that lead on from it.
const PAGES: [&str; 12] = [
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
    "/undo?handler=follow-up&since=2h",
    "/audit",
];
