//! The versions of a secret during a rotation (AWS Secrets Manager User Guide, "Rotation by Lambda
//! function").

use crate::aws::secret::{self, ApiToken, Kind};
use crate::failure::{Failure, Remedy};
use crate::json;
use crate::reason::Reason;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::collections::HashMap;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// The event with which Secrets Manager invokes a rotation function.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// The step.
    pub step: Step,
    /// The secret's ARN.
    pub secret_id: String,
    /// The id of the version that is to become the current one.
    pub client_request_token: String,
}

/// The steps, in the order in which Secrets Manager takes them. Each may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Create the new version.
    CreateSecret,
    /// Set it at the vendor.
    SetSecret,
    /// Test it.
    TestSecret,
    /// Make it the current version.
    FinishSecret,
}

/// The stage of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStage {
    /// In use: this rotation has finished.
    Current,
    /// Being created.
    Pending,
}

/// Why a step of a rotation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The version is not part of a rotation; a step for it is a mistake or an attack.
    #[error("the version is not pending in a rotation; start one with `aws secretsmanager rotate-secret`")]
    NotPending,
    /// The secret's name is not that of an organisation's API token.
    #[error("the secret's name does not end in /api-token or /writer-token; rotate only these")]
    UnknownSecretName,
    /// A secret's value is not valid.
    #[error("the secret {kind} is invalid; store a valid key with `automations organisation key`")]
    InvalidSecret {
        /// The kind of secret.
        kind: &'static str,
        /// The position of the error.
        #[source]
        decode_error: json::DecodeError,
    },
    /// Secrets Manager did not respond, or rejected the request.
    #[error(
        "the request to {0} failed at Secrets Manager; check the function's role in infra/stacks/roles.yaml"
    )]
    RequestFailed(&'static str),
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::NotPending | Self::UnknownSecretName | Self::InvalidSecret { .. } => Remedy::DeadLetter,
            Self::RequestFailed(_) => Remedy::Retry { after: None },
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::NotPending => Reason::VersionNotPending,
            Self::UnknownSecretName => Reason::UnknownSecretName,
            Self::InvalidSecret { .. } => Reason::SecretInvalid,
            Self::RequestFailed(_) => Reason::SecretsManagerRejected,
        }
    }
}

/// One version of a secret in rotation.
#[derive(Debug, Clone)]
pub struct SecretVersion {
    client: Client,
    secret: String,
    name: String,
    version: String,
    stages: HashMap<String, Vec<String>>,
}

impl SecretVersion {
    /// The version that a request names, with its stages.
    ///
    /// # Errors
    /// [`Error::RequestFailed`].
    pub async fn find(client: Client, request: &Request) -> Result<Self, Error> {
        let described = client.describe_secret().secret_id(&request.secret_id).send().await;
        let Ok(described) = described else { return Err(Error::RequestFailed("describe the secret")) };
        Ok(Self {
            client,
            secret: request.secret_id.clone(),
            name: described.name.unwrap_or_default(),
            version: request.client_request_token.clone(),
            stages: described.version_ids_to_stages.unwrap_or_default(),
        })
    }

    /// The version's stage.
    ///
    /// # Errors
    /// [`Error::NotPending`] if it is neither pending nor current.
    pub fn stage(&self) -> Result<VersionStage, Error> {
        stage(self.stages.get(&self.version).map(Vec::as_slice).unwrap_or_default())
    }

    /// The organisation's credential, from the key secret that belongs to this token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn credential(&self) -> Result<secret::Credential, Error> {
        let (name, kind) = key_of(&self.name).ok_or(Error::UnknownSecretName)?;
        let response = self.client.get_secret_value().secret_id(name).send().await;
        let text = response
            .ok()
            .and_then(|response| response.secret_string)
            .ok_or(Error::RequestFailed("read the organisation's key"))?;
        parse(text, kind)
    }

    /// The new version's token; `None` if it is not stored yet. Secrets Manager reports a version without a
    /// value as one that does not exist.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn pending(&self) -> Result<Option<ApiToken>, Error> {
        let request = self.client.get_secret_value().secret_id(&self.secret).version_id(&self.version);
        match request.version_stage(PENDING).send().await {
            Ok(response) => Ok(response.secret_string.and_then(|text| parse(text, Kind::ApiToken).ok())),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(_) => Err(Error::RequestFailed("read the pending version")),
        }
    }

    /// Stores the new version's token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn store(&self, token: &ApiToken) -> Result<(), Error> {
        #[expect(clippy::disallowed_methods, reason = "this is where the new token is stored")]
        let stored = token.stored().expose_secret().to_owned();
        let request =
            self.client.put_secret_value().secret_id(&self.secret).client_request_token(&self.version);
        let response = request.version_stages(PENDING).secret_string(stored).send().await;
        response.map(drop).map_err(|_refused| Error::RequestFailed("store the new version"))
    }

    /// Makes the new version the current one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn promote(&self) -> Result<(), Error> {
        let is_current = |(_, stages): &(&String, &Vec<String>)| stages.iter().any(|stage| stage == CURRENT);
        let current = self.stages.iter().find(is_current).map(|(version, _)| version.clone());
        let request =
            self.client.update_secret_version_stage().secret_id(&self.secret).version_stage(CURRENT);
        let request = request.move_to_version_id(&self.version).set_remove_from_version_id(current);
        request.send().await.map(drop).map_err(|_refused| Error::RequestFailed("move AWSCURRENT"))
    }
}

/// The name and kind of the key that belongs to a token, by the token's name.
fn key_of(token: &str) -> Option<(String, Kind)> {
    let (before, last) = token.rsplit_once('/')?;
    let (_, key) = Kind::TOKENS.into_iter().find(|(token, _)| token.as_str() == last)?;
    Some((format!("{before}/{}", key.as_str()), key))
}

fn stage(stages: &[String]) -> Result<VersionStage, Error> {
    let has = |wanted| stages.iter().any(|stage| stage == wanted);
    if has(CURRENT) {
        Ok(VersionStage::Current)
    } else if has(PENDING) {
        Ok(VersionStage::Pending)
    } else {
        Err(Error::NotPending)
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: String, kind: Kind) -> Result<T, Error> {
    secret::parse(&SecretString::from(text))
        .map_err(|decode_error| Error::InvalidSecret { kind: kind.as_str(), decode_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_secrets_manager_sends_it() {
        let text = br#"{"Step": "createSecret", "SecretId": "arn:x", "ClientRequestToken": "v-2"}"#;
        let request: Request = json::from_json(text).unwrap();
        assert_eq!((request.step, request.client_request_token.as_str()), (Step::CreateSecret, "v-2"));
    }

    #[test]
    fn each_token_has_a_key_beside_it() {
        let key = |token| key_of(token).map(|(name, _)| name);
        assert_eq!(key("a/north/api-token").as_deref(), Some("a/north/api-key"));
        assert_eq!(key("a/north/writer-token").as_deref(), Some("a/north/writer-key"));
        for other in ["a/north/webhook-token", "a/north/my-api-token", "api-token"] {
            assert_eq!(key(other), None, "{other}");
        }
    }

    #[test]
    fn a_version_stands_somewhere_or_is_refused() {
        let stages = |names: &[&str]| stage(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(stages(&[PENDING]).unwrap(), VersionStage::Pending);
        assert_eq!(stages(&[CURRENT]).unwrap(), VersionStage::Current);
        assert_eq!(stages(&[CURRENT, PENDING]).unwrap(), VersionStage::Current);
        assert!(matches!(stages(&[]), Err(Error::NotPending)));
        assert!(matches!(stages(&["AWSPREVIOUS"]), Err(Error::NotPending)));
    }
}
