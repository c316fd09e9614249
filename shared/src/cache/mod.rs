//! In-memory caches of one process.

pub(crate) mod refreshing;
pub mod ttl;
