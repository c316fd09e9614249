//! The library of Salestrekker automations.
//!
//! An author of handlers needs, in this order:
//!
//! - [`handler::run`]: the `main` of a handler, with an example; [`handler::reading`] if it must read more than its event
//! - [`Event`] and [`EventKind`]: what happened; [`Ticket`]: the ticket as it is afterwards
//! - [`Action`]: what to do
//! - [`testing`]: invented tickets and events, and [`testing::assert_decides`]
//! - [`inbound`] and [`lead`]: forms of a website, and the contacts made from them
//!
//! The rest is for the system's own functions; docs/architecture.md describes each folder. A folder uses only those of a lower
//! rank, which a test checks.

pub mod alarm;
pub mod aws;
pub mod cache;
pub mod clock;
pub mod config;
pub mod digest;
pub mod endpoint;
pub mod failure;
pub mod handler;
mod http;
pub mod id;
pub mod init;
pub mod json;
pub mod model;
pub mod notice;
pub mod private;
pub mod reason;
pub mod salestrekker;
pub mod store;
pub mod telemetry;
pub mod testing;

pub use model::action::Action;
pub use model::event::{Event, EventKind};
pub use model::ticket::Ticket;
pub use model::{inbound, lead};

// Functions depend on this crate and tokio alone, so that all are built with one set of features.
pub use aws_lambda_events;
pub use futures;
pub use lambda_http;
pub use lambda_runtime;
pub use serde;
pub use serde_json;
pub use strum;
pub use tracing;
