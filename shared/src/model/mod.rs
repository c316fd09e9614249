//! The pure part, without clock, network and AWS: the messages between the functions, and how changes and events are computed.

pub mod action;
pub mod amount;
pub mod answers;
pub mod check_schedule;
mod condition;
pub mod content_encoding;
pub mod date;
pub mod diff;
pub mod event;
pub mod field_changes;
pub mod field_value;
pub mod hint;
pub mod inbound;
pub mod kinds;
pub mod lead;
pub mod message_group;
mod multipart;
mod ordered_map;
pub mod own_changes;
pub mod phone;
pub mod resent;
pub mod snapshot;
pub mod stage_age;
pub mod ticket;
pub mod ticket_fields;
pub mod ticket_part;
pub mod webhook;
