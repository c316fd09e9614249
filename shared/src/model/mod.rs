//! The pure part: no clock, no network, no AWS. What travels between the functions, and how one thing is computed from
//! another.

pub mod action;
pub mod check_schedule;
pub mod diff;
pub mod event;
pub mod hint;
pub mod inbound;
pub mod lead;
pub mod own_changes;
pub mod stage_age;
pub mod ticket;
pub mod webhook;
