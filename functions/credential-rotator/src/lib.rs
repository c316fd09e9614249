//! The four steps by which Secrets Manager has an organisation's API token rotated.
//!
//! Each may come twice, or after a crash of the one before; none touches the version in use but the last, which moves
//! one label. So a rotation that fails leaves the token that works.

use automations::failure::{Failure, chain};
use automations::rotation::{self, Rotating, Stage, Step};
use automations::salestrekker::{self, Transport};
use automations::secret::ApiToken;
use automations::tracing;

/// Why a step failed. Secrets Manager tries it again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// At Secrets Manager.
    #[error(transparent)]
    Secret(#[from] rotation::Error),
    /// At Salestrekker.
    #[error("the new token cannot be had or does not work")]
    Salestrekker(#[from] salestrekker::Error),
    /// testSecret came before createSecret.
    #[error("there is no pending version to test; createSecret comes first")]
    NothingPending,
}

/// Does one step for one version of one secret.
///
/// # Errors
/// [`Error`]; the version in use is untouched.
pub async fn rotate(step: Step, version: &Rotating, transport: &Transport) -> Result<(), Error> {
    match (step, version.stage()?) {
        (_, Stage::Current) => {
            tracing::info!(?step, "this rotation was finished before");
            Ok(())
        }
        (Step::CreateSecret, Stage::Pending) => create(version, transport).await,
        // The vendor made the token itself in createSecret: there is nothing to tell it.
        (Step::SetSecret, Stage::Pending) => Ok(()),
        (Step::TestSecret, Stage::Pending) => test(version, transport).await,
        (Step::FinishSecret, Stage::Pending) => {
            // Nothing is promoted untried, in whatever order the steps come.
            test(version, transport).await?;
            Ok(version.promote().await?)
        }
    }
}

/// The error as Lambda shall tell it to Secrets Manager: its kinds and places, no secret.
pub fn told(step: Step, error: &Error) -> String {
    let kind = match error {
        Error::Secret(error) => error.kind(),
        Error::Salestrekker(error) => error.kind(),
        Error::NothingPending => "nothing_pending",
    };
    let text = chain(error);
    tracing::error!(
        ?step,
        failure.kind = kind,
        failure = text,
        "a rotation step failed; the token in use is untouched"
    );
    text
}

async fn create(version: &Rotating, transport: &Transport) -> Result<(), Error> {
    if version.pending().await?.is_some() {
        return Ok(());
    }
    let credential = version.credential().await?;
    let token = transport.sign_in(&credential).await?;
    Ok(version.store(&ApiToken { endpoint: credential.endpoint, token }).await?)
}

async fn test(version: &Rotating, transport: &Transport) -> Result<(), Error> {
    let pending = version.pending().await?.ok_or(Error::NothingPending)?;
    Ok(transport.try_token(&pending).await?)
}
