//! The four steps by which Secrets Manager has an organisation's API token rotated.
//!
//! Each may come twice, or after a crash of the one before; none touches the version in use but the last, which moves
//! one label. So a rotation that fails leaves the token that works.

use automations::aws::rotation::{self, Rotating, Step, VersionStage};
use automations::aws::secret::{ApiToken, Credential};
use automations::failure::{Failure, Remedy, chain};
use automations::reason::Reason;
use automations::salestrekker::{self, Transport};
use automations::telemetry::EventName;
use automations::telemetry::metric::{self, Metric};
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

/// One version of one secret at Secrets Manager; a trait, so that a model of it can be put through every order of steps.
#[expect(async_fn_in_trait, reason = "nobody else implements it, and nothing here is sent between threads")]
pub trait Version {
    /// Where the version stands.
    ///
    /// # Errors
    /// [`rotation::Error::NotStaged`] where it stands nowhere.
    fn stage(&self) -> Result<VersionStage, rotation::Error>;
    /// How the organisation signs in.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn credential(&self) -> Result<Credential, rotation::Error>;
    /// The new token, where it was stored.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn pending(&self) -> Result<Option<ApiToken>, rotation::Error>;
    /// Stores the new token.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn store(&self, token: &ApiToken) -> Result<(), rotation::Error>;
    /// Makes the version the current one.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn promote(&self) -> Result<(), rotation::Error>;
}

/// Salestrekker, as far as a rotation goes there.
#[expect(async_fn_in_trait, reason = "nobody else implements it, and nothing here is sent between threads")]
pub trait Vendor {
    /// A new token.
    ///
    /// # Errors
    /// [`salestrekker::Error`].
    async fn sign_in(&self, credential: &Credential) -> Result<ApiToken, salestrekker::Error>;
    /// Whether it works.
    ///
    /// # Errors
    /// [`salestrekker::Error`].
    async fn try_token(&self, token: &ApiToken) -> Result<(), salestrekker::Error>;
}

impl Version for Rotating {
    fn stage(&self) -> Result<VersionStage, rotation::Error> {
        Self::stage(self)
    }

    async fn credential(&self) -> Result<Credential, rotation::Error> {
        Self::credential(self).await
    }

    async fn pending(&self) -> Result<Option<ApiToken>, rotation::Error> {
        Self::pending(self).await
    }

    async fn store(&self, token: &ApiToken) -> Result<(), rotation::Error> {
        Self::store(self, token).await
    }

    async fn promote(&self) -> Result<(), rotation::Error> {
        Self::promote(self).await
    }
}

impl Vendor for Transport {
    async fn sign_in(&self, credential: &Credential) -> Result<ApiToken, salestrekker::Error> {
        Ok(ApiToken::of(credential, Self::sign_in(self, credential).await?))
    }

    async fn try_token(&self, token: &ApiToken) -> Result<(), salestrekker::Error> {
        Self::try_token(self, token).await
    }
}

/// Does one step for one version of one secret.
///
/// # Errors
/// [`Error`]; the version in use is untouched.
pub async fn rotate(step: Step, version: &impl Version, vendor: &impl Vendor) -> Result<(), Error> {
    match (step, version.stage()?) {
        (_, VersionStage::Current) => {
            let event_name = EventName::RotationAlreadyFinished.as_str();
            tracing::info!(event_name, ?step, "this rotation had finished before");
            Ok(())
        }
        (Step::CreateSecret, VersionStage::Pending) => create(version, vendor).await,
        // The vendor made the token itself in createSecret: there is nothing to tell it.
        (Step::SetSecret, VersionStage::Pending) => Ok(()),
        (Step::TestSecret, VersionStage::Pending) => test(version, vendor).await,
        (Step::FinishSecret, VersionStage::Pending) => {
            // Nothing is promoted untried, in whatever order the steps come.
            test(version, vendor).await?;
            Ok(version.promote().await?)
        }
    }
}

/// The error as Lambda shall tell it to Secrets Manager: its kinds and places, no secret.
pub fn told(step: Step, error: &Error) -> String {
    let reason = match error {
        Error::Secret(error) => error.reason(),
        Error::Salestrekker(error) => error.reason(),
        Error::NothingPending => Reason::NothingPending,
    };
    if matches!(error, Error::Salestrekker(error) if error.remedy() == Remedy::RefreshCredential) {
        metric::record(Metric::CredentialRefused, 1);
    }
    let text = chain(error);
    tracing::error!(
        event_name = EventName::RotationStepFailed.as_str(),
        ?step,
        reason = reason.as_str(),
        error = text,
        "a rotation step failed; the token in use is unchanged"
    );
    text
}

async fn create(version: &impl Version, vendor: &impl Vendor) -> Result<(), Error> {
    if version.pending().await?.is_some() {
        return Ok(());
    }
    let credential = version.credential().await?;
    let token = vendor.sign_in(&credential).await?;
    Ok(version.store(&token).await?)
}

async fn test(version: &impl Version, vendor: &impl Vendor) -> Result<(), Error> {
    let pending = version.pending().await?.ok_or(Error::NothingPending)?;
    Ok(vendor.try_token(&pending).await?)
}

#[cfg(test)]
mod tests;
