//! The console in headless Chromium: what a person with a browser sees, clicks and types. Without Chromium these tests do not run, and
//! say so; `cargo xtask test` says whether they ran.

mod accessibility;
mod changes;
mod layout;
mod live;
mod pages;
mod stack;
mod tab;

use self::stack::Stack;
use self::tab::{Tab, with_browser};

/// Every page of the navigation, and those that lead on from it.
const PAGES: [&str; 9] = [
    "/",
    "/timeline?organisation=north&kind=ticket&id=t-1",
    "/events",
    "/dead-letters",
    "/dead-letters/one?id=m-2",
    "/handlers",
    "/handlers/try?handler=follow-up",
    "/organisations",
    "/audit",
];
