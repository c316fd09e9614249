//! What AWS must allow to those who deploy and operate the application: `infra/stacks/deployer.yaml` and `operators.yaml` grant it.

mod commands;
mod deployment;

pub use commands::{COMMANDS, CommandNeeds, Profile};
pub use deployment::{BY_SAM, BY_TYPE, Needed, of_deployment};
