//! What an operator does with what was given up (look, send it back, or let it go), and with organisations.

mod letters;
pub mod organisation;
mod redrive;

pub use letters::{Letter, Letters, Selection, Summary};
pub use redrive::Redriven;

use anyhow::{Result, bail};

/// AWS as this profile sees it, or the local stack.
///
/// # Errors
/// Where there is neither.
pub async fn config(profile: Option<&str>, is_local: bool) -> Result<aws_config::SdkConfig> {
    match profile {
        Some(profile) => {
            let loader = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12());
            Ok(loader.profile_name(profile).load().await)
        }
        None if is_local => Ok(automations::aws::load().await),
        None => bail!(
            "there is no stack to look at: start one with `cargo xtask up`, or name an AWS profile with --profile"
        ),
    }
}
