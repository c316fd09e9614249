//! The operator's program `automations`, as a library: its commands, for `main.rs` and for the end-to-end tests.

pub mod account;
pub mod audit;
pub mod bulk;
pub mod catalogue;
mod checkout;
pub mod commands;
pub mod console;
pub mod event_filter;
mod event_text;
pub mod exit_code;
pub mod filter_policy;
pub mod handler_entries;
pub mod nearest;
pub mod permissions;
mod reminder_text;
pub mod report;
pub mod schedules;
mod stack_resources;
#[cfg(test)]
mod stub;
pub mod template_quiet_periods;
pub mod template_schedules;
pub mod template_table;
mod time;
pub mod timeline;
pub mod undo;

pub use commands::alias_check::AliasCheck;
pub use commands::dead_letters::{
    Consent, DeadLetter, DeadLetterQueues, Dropped, MoreBehind, Outcome, Plan, PlanGroup, Redriven,
    Selection, Summary,
};
pub use commands::dry_run::{DryRunResult, HandlerUnderTest, events};
pub use commands::erase::{Eraser, StoredData, Subject};
pub use commands::organisation;
pub use commands::replay::{Replay, ReplayGroup, Replayer, groups};
pub use commands::smoke::Smoke;
pub use commands::status;
pub use report::Check;
