//! The Salestrekker stand-in: a GraphQL server over the reconstructed schema, with its state in memory, and a control API for
//! tests. All its data is invented.

mod control;
mod fault;
mod http;
mod inputs;
mod mutation;
mod objects;
mod query;
mod seed;
mod token;
mod vendor;
mod webhooks;
mod world;

pub use http::server;
pub use seed::{Seeded, seeded};
pub use webhooks::Payload;
