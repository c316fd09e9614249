//! What the system promises, tried from outside on the deployed local stack. One file a promise; one organisation a
//! test, so that tests run side by side without seeing each other, which is itself a test of that.

#![expect(clippy::indexing_slicing, reason = "a test that finds less than it wants may panic")]

mod actions;
mod alarms;
mod api;
mod built;
mod chains;
mod client_fixture;
mod conformance;
mod credential;
mod dead_letters;
mod delivery;
mod deployed;
mod dry_run;
mod erased;
mod failures;
mod flood;
mod in_flight;
mod inbound;
mod ingest;
mod metrics;
mod notices;
mod once;
mod organisations;
mod patterns;
mod permissions;
mod privacy;
mod reading;
mod reconciled;
mod replayed;
mod rotation;
mod same_code;
mod secrets;
mod shipped;
mod sixty_handlers;
mod store;
mod support;
mod swapped;
mod tidy;
mod tracing;
mod versions;
mod webhooks;
mod words;
mod writer;
