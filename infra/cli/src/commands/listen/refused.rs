//! Errors of AWS that say what the profile lacks.

use anyhow::{Error, Result, anyhow};
use aws_sdk_sns::error::ProvideErrorMetadata;

/// The result; an error names the IAM action, and where it is allowed if the profile lacks it.
pub(super) fn named<T, E>(result: Result<T, E>, action: &str, on: &str, stack: &str) -> Result<T>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    result.map_err(|error| {
        let is_denied =
            error.code().is_some_and(|code| code.contains("AccessDenied") || code.contains("Authorization"));
        if is_denied {
            return anyhow!(
                "the profile lacks {action} on {on}; attach the policy operators-of-{stack} (infra/stacks/operators.yaml)"
            );
        }
        Error::from(error).context(format!("{action} on {on} fails"))
    })
}
