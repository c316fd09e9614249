//! The vendor: the only place that knows its GraphQL. What is known of it, and how surely, is said beside each
//! document in `documents/`; the schema in `shared/schema/` is a reconstruction, and every document is checked
//! against it.

mod client;
mod document;
mod error;
mod look;
mod model;
mod names;
mod transport;

pub use client::Client;
pub use error::Error;
pub use model::{FullTicket, NewTicket, Stage, TicketRole, Values, Workflow};
pub use transport::Transport;
