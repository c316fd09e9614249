//! The four steps in which Secrets Manager rotates an organisation's API token.
//!
//! Each step may be called twice, or after a crash of the one before. Only the last one touches the version in use, by moving
//! one staging label. So the current token still works after a rotation that failed.

use automations::aws::rotation::{self, SecretVersion, Step, VersionStage};
use automations::aws::secret::{ApiToken, Credential};
use automations::failure::{Failure, Remedy, chain};
use automations::reason::Reason;
use automations::salestrekker::{self, Transport};
use automations::telemetry::EventName;
use automations::telemetry::metric::{self, Metric};
use automations::tracing;

/// Why a step failed. Secrets Manager retries it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Secrets Manager failed.
    #[error(transparent)]
    Secret(#[from] rotation::Error),
    /// Salestrekker failed.
    #[error("the new token cannot be obtained or does not work")]
    Salestrekker(#[from] salestrekker::Error),
    /// `testSecret` was called before `createSecret`.
    #[error("there is no pending version to test; createSecret must run first")]
    NothingPending,
}

/// One version of one secret at Secrets Manager; a trait, so that tests can run a model of it through every order of steps.
#[expect(async_fn_in_trait, reason = "only this crate implements it, and no future is sent between threads")]
pub trait Version {
    /// The stage of the version.
    ///
    /// # Errors
    /// [`rotation::Error::NotPending`] if it has none.
    fn stage(&self) -> Result<VersionStage, rotation::Error>;
    /// The credential with which the organisation signs in.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn credential(&self) -> Result<Credential, rotation::Error>;
    /// The new token, if it is stored.
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

/// The part of Salestrekker that a rotation needs.
#[expect(async_fn_in_trait, reason = "only this crate implements it, and no future is sent between threads")]
pub trait Vendor {
    /// A new token.
    ///
    /// # Errors
    /// [`salestrekker::Error`].
    async fn sign_in(&self, credential: &Credential) -> Result<ApiToken, salestrekker::Error>;
    /// Tests whether the token works.
    ///
    /// # Errors
    /// [`salestrekker::Error`].
    async fn try_token(&self, token: &ApiToken) -> Result<(), salestrekker::Error>;
}

impl Version for SecretVersion {
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
        // The vendor issued the token in createSecret, so there is nothing to set.
        (Step::SetSecret, VersionStage::Pending) => Ok(()),
        (Step::TestSecret, VersionStage::Pending) => test(version, vendor).await,
        (Step::FinishSecret, VersionStage::Pending) => {
            // No token is promoted untested, in whatever order the steps are called.
            test(version, vendor).await?;
            Ok(version.promote().await?)
        }
    }
}

/// Logs an error and returns its text for Lambda, which contains no secret.
pub fn log_failure(step: Step, error: &Error) -> String {
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
