//! The four steps in which Secrets Manager rotates an organisation's API token.
//!
//! Each step may be called twice, or after a crash of the one before. Only the last one touches the version in use, by moving
//! one staging label. So the current token still works after a rotation that failed.
//!
//! Secrets Manager attempts a rotation that failed again with the same version, whose value cannot be changed. So a version whose
//! token was revoked, or obtained with an older key, would hang for ever. The last step stores a new token beside it then.

use automations::aws::rotation::{self, SecretVersion, Step, VersionStage};
use automations::aws::secret::{ApiToken, Credential};
use automations::failure::{Failure, Remedy, chain};
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
    /// The token in use, if it is usable.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn current(&self) -> Result<Option<ApiToken>, rotation::Error>;
    /// The new token, if it is stored.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn pending(&self) -> Result<Option<ApiToken>, rotation::Error>;
    /// Stores the new token, unless there is one.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn store(&self, token: &ApiToken) -> Result<(), rotation::Error>;
    /// Makes the version the current one.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn promote(&self) -> Result<(), rotation::Error>;
    /// Makes another token the current one instead, and ends the rotation.
    ///
    /// # Errors
    /// [`rotation::Error`].
    async fn replace(&self, token: &ApiToken) -> Result<(), rotation::Error>;
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

    async fn current(&self) -> Result<Option<ApiToken>, rotation::Error> {
        Self::current(self).await
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

    async fn replace(&self, token: &ApiToken) -> Result<(), rotation::Error> {
        Self::replace(self, token).await
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
        // Secrets Manager must go on to finishSecret, which tests again and replaces a token that does not work.
        (Step::TestSecret, VersionStage::Pending) => {
            is_usable(version, &version.credential().await?, vendor).await.map(drop)
        }
        (Step::FinishSecret, VersionStage::Pending) => finish(version, vendor).await,
    }
}

/// Logs an error and returns its text for Lambda, which contains no secret.
pub fn log_failure(step: Step, error: &Error) -> String {
    let reason = match error {
        Error::Secret(error) => error.reason(),
        Error::Salestrekker(error) => error.reason(),
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

/// Promotes the new token if it is usable, else another one. No token is promoted untested, in whatever order the steps are
/// called.
async fn finish(version: &impl Version, vendor: &impl Vendor) -> Result<(), Error> {
    let credential = version.credential().await?;
    if is_usable(version, &credential, vendor).await? {
        return Ok(version.promote().await?);
    }
    tracing::warn!(
        event_name = EventName::RotationPendingReplaced.as_str(),
        "the pending token was refused, or is older than the key or the token in use; a new one replaces it"
    );
    let token = vendor.sign_in(&credential).await?;
    vendor.try_token(&token).await?;
    Ok(version.replace(&token).await?)
}

/// Whether the new token may replace the one in use, and Salestrekker accepts it. An outage says nothing about a token.
async fn is_usable(
    version: &impl Version,
    credential: &Credential,
    vendor: &impl Vendor,
) -> Result<bool, Error> {
    let Some(pending) = version.pending().await? else { return Ok(false) };
    if !pending.may_replace(version.current().await?.as_ref(), credential) {
        return Ok(false);
    }
    let Err(error) = vendor.try_token(&pending).await else { return Ok(true) };
    match error.remedy() {
        Remedy::Retry { .. } | Remedy::Wait { .. } | Remedy::OtherVersion => Err(error.into()),
        Remedy::RefreshCredential | Remedy::DeadLetter => Ok(false),
    }
}

#[cfg(test)]
mod tests;
