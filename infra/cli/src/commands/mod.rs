//! The commands: each module has its arguments and what it does.

pub mod alias_check;
pub mod audit;
pub mod console;
pub mod dead_letters;
pub mod dry_run;
pub mod erase;
pub mod graphql_schema;
pub mod listen;
pub mod new_handler;
pub mod organisation;
pub mod pause;
pub mod preflight;
pub mod reminders;
pub mod replay;
mod schemas;
pub mod settings;
pub mod smoke;
pub mod status;
pub mod timeline;
pub mod undo;

pub use new_handler::events;
