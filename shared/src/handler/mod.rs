//! The runtime of a handler function, so that a handler's code is only its decision.
//!
//! On Lambda, events come from the handler's own queue, `decide` returns actions for each, and these are sent to the action
//! worker. In a terminal the same binary reads one event from standard input and prints the actions: the dry run.

mod decides;
mod invocation;
mod per_organisation;
mod plan;
pub mod reading;
mod run;
mod work;

pub use decides::{Decide, Decides, Reads};
pub use invocation::SettingsCheck;
pub use per_organisation::{Effective, SettingsByOrganisation};
pub use run::{run, run_reading};
pub use work::Handler;
