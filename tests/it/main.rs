//! End-to-end tests on the deployed local stack: one file per promise of the system. Each test has its own organisation, so
//! that tests run in parallel, which also tests that organisations are isolated.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod actions;
mod alarms;
mod api;
mod built;
mod chains;
mod circles;
mod client_fixture;
mod conformance;
mod credential;
mod dead_letters;
mod delivery;
mod denied;
mod deployed;
mod dry_run;
mod erased;
mod failures;
mod fields;
mod filters;
mod flood;
mod in_flight;
mod inbound;
mod ingest;
mod listed;
mod metrics;
mod notices;
mod once;
mod ordering;
mod ordering_page;
mod organisations;
mod permissions;
mod privacy;
mod reading;
mod reconciled;
mod rehearsed;
mod replayed;
mod rotation;
mod same_code;
mod secrets;
mod senders;
mod shipped;
mod sixty_handlers;
mod slow_neighbour;
mod store;
mod superseded;
mod support;
mod swapped;
mod tidy;
mod tracing;
mod unreadable;
mod versions;
mod webhooks;
mod words;
mod writer;
