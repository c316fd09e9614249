//! Salestrekker's stand-in: a real GraphQL server over the reconstructed schema, with its state in memory, and a small
//! control API for tests. Everything that it holds is invented.

mod control;
mod http;
mod inputs;
mod mutation;
mod objects;
mod query;
mod token;
mod world;

pub use http::server;
