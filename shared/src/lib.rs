//! What every Salestrekker automation shares.
//!
//! A webhook is a hint, the API is the truth, the difference is the event. The modules, from the top down; a module
//! uses only those below it (a tidy test holds it to that):
//!
//! - [`example`]: invented tickets and events for tests and dry runs
//! - [`handler`]: the loop that a handler function runs in, and its dry run
//! - [`reading`]: what a handler may read that must know more than its event carries
//! - [`batch`]: one SQS batch in, one partial batch response out
//! - [`store`]: DynamoDB: snapshots with their outbox, the journal, what was done
//! - [`queue`], [`bus`]: send to SQS and EventBridge, every partial failure seen
//! - [`salestrekker`]: the vendor; the only place that knows its GraphQL
//! - [`notice`]: signed messages to somewhere else
//! - [`secret`], [`rotation`]: Secrets Manager: reading with a cache, and the staging of a new version
//! - [`aws`], [`telemetry`], [`config`]: what a function sets up once, in init
//! - [`metric`]: what is counted and measured, as `CloudWatch` reads it from the logs
//! - [`webhook`]: bytes to ids; the only place that knows what a webhook looks like
//! - [`watch`]: when a ticket is looked at again though nobody asked: pure
//! - [`age`]: how long a ticket has stood in its stage: pure
//! - [`diff`]: two snapshots to what happened: pure
//! - [`trace`]: what an action of ours leaves at a ticket, to know it again: pure
//! - [`hint`], [`event`], [`action`]: what travels between the functions
//! - [`lead`]: somebody who may become a client
//! - [`inbound`]: what a webhook that is not Salestrekker's brings
//! - [`ticket`]: the part of a ticket that is kept
//! - [`wire`]: JSON in and out of our own types, with errors that say where, never what
//! - [`failure`], [`id`], [`clock`], [`private`], [`endpoint`], [`xray`]: the words under all of it

pub mod action;
pub mod age;
pub mod aws;
pub mod batch;
pub mod bus;
pub mod clock;
pub mod config;
pub mod diff;
pub mod endpoint;
pub mod event;
pub mod example;
pub mod failure;
mod fresh;
pub mod handler;
pub mod hint;
mod http;
pub mod id;
pub mod inbound;
mod kept;
pub mod lead;
pub mod metric;
pub mod notice;
mod pack;
pub mod private;
pub mod queue;
pub mod reading;
pub mod rotation;
pub mod salestrekker;
pub mod secret;
pub mod store;
pub mod telemetry;
pub mod ticket;
pub mod trace;
pub mod watch;
pub mod webhook;
pub mod wire;
pub mod xray;

pub use action::Action;
pub use event::{Event, What};
pub use ticket::Ticket;

// A function depends on this crate and tokio alone, so that all are built with one set of features.
pub use aws_lambda_events;
pub use futures;
pub use lambda_http;
pub use lambda_runtime;
pub use serde;
pub use serde_json;
pub use tracing;
