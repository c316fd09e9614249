//! What a handler's author needs, in no function: a new handler and its removal, and the events that there are.

pub mod events;
pub mod folder;
pub mod project;
pub mod schemas;
pub mod table;
