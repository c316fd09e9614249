//! The versions of a secret during a rotation (AWS Secrets Manager User Guide, "Rotation by Lambda
//! function").

use crate::aws::secret::{self, ApiToken, Kind};
use crate::failure::{Failure, Remedy};
use crate::json;
use crate::reason::Reason;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::collections::HashMap;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";
/// Our own label of a version that is stored and not yet in use: a version needs one, and without a name of its own it would get
/// AWSCURRENT at once.
const REPLACEMENT: &str = "REPLACEMENT";

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
        stage(self.stages())
    }

    /// The organisation's credential, from the key secret that belongs to this token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn credential(&self) -> Result<secret::Credential, Error> {
        let (name, kind) = key_of(&self.name).ok_or(Error::UnknownSecretName)?;
        let response = self.client.get_secret_value().secret_id(name).send().await;
        let failed = Error::RequestFailed("read the organisation's key");
        let Ok(response) = response else { return Err(failed) };
        let credential: secret::Credential = parse(response.secret_string.ok_or(failed)?, kind)?;
        Ok(secret::Credential { version: response.version_id, ..credential })
    }

    /// The token in use; `None` if there is no usable one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn current(&self) -> Result<Option<ApiToken>, Error> {
        let request = self.client.get_secret_value().secret_id(&self.secret).version_stage(CURRENT);
        token(request.send().await, "read the current version")
    }

    /// The new version's token; `None` if no usable one is stored. Secrets Manager reports a version without a value as one that
    /// does not exist. A version that was in use before is older than the one in use now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn pending(&self) -> Result<Option<ApiToken>, Error> {
        if self.stages().iter().any(|stage| stage == PREVIOUS) {
            return Ok(None);
        }
        let request = self.client.get_secret_value().secret_id(&self.secret).version_id(&self.version);
        token(request.version_stage(PENDING).send().await, "read the pending version")
    }

    /// Stores the new version's token, unless the version has a value: that is never changed (Secrets Manager API Reference,
    /// `PutSecretValue`).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn store(&self, token: &ApiToken) -> Result<(), Error> {
        #[expect(clippy::disallowed_methods, reason = "this is where the new token is stored")]
        let stored = token.stored().expose_secret().to_owned();
        let request =
            self.client.put_secret_value().secret_id(&self.secret).client_request_token(&self.version);
        match request.version_stages(PENDING).secret_string(stored).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Ok(())
            }
            Err(_) => Err(Error::RequestFailed("store the new version")),
        }
    }

    /// Makes the new version the current one. AWSPENDING needs no request of its own: either Secrets Manager removes it, or it
    /// stays on the version in use, which means that no rotation is in progress (API Reference, `RotateSecret`).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn promote(&self) -> Result<(), Error> {
        self.make_current(&self.version).await
    }

    /// Makes this token the current one instead of the new version's, whose value cannot be changed, and ends the rotation. After
    /// a crash in between, the new version is still pending and older than the one in use, so that the next attempt repeats it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn replace(&self, token: &ApiToken) -> Result<(), Error> {
        #[expect(clippy::disallowed_methods, reason = "this is where the new token is stored")]
        let stored = token.stored().expose_secret().to_owned();
        let request = self.client.put_secret_value().secret_id(&self.secret).version_stages(REPLACEMENT);
        let version =
            request.secret_string(stored).send().await.ok().and_then(|response| response.version_id);
        self.make_current(&version.ok_or(Error::RequestFailed("store another version"))?).await?;
        let request = self.client.update_secret_version_stage().secret_id(&self.secret);
        if request.version_stage(PENDING).remove_from_version_id(&self.version).send().await.is_ok() {
            return Ok(());
        }
        // Secrets Manager refuses to remove a label that was removed before.
        let described = self.client.describe_secret().secret_id(&self.secret).send().await;
        let stages = described.ok().and_then(|described| described.version_ids_to_stages);
        let stages = stages.ok_or(Error::RequestFailed("describe the secret"))?;
        let is_pending =
            stages.get(&self.version).is_some_and(|stages| stages.iter().any(|it| it == PENDING));
        if is_pending { Err(Error::RequestFailed("remove AWSPENDING")) } else { Ok(()) }
    }

    /// Moves AWSCURRENT from the version that had it when the step began. If another version has it by now, Secrets Manager
    /// refuses: what was stored meanwhile is newer, and may permit less.
    async fn make_current(&self, version: &str) -> Result<(), Error> {
        let is_current = |(_, stages): &(&String, &Vec<String>)| stages.iter().any(|stage| stage == CURRENT);
        let current = self.stages.iter().find(is_current).map(|(version, _)| version.clone());
        let request =
            self.client.update_secret_version_stage().secret_id(&self.secret).version_stage(CURRENT);
        let request = request.move_to_version_id(version).set_remove_from_version_id(current);
        request.send().await.map(drop).map_err(|_refused| Error::RequestFailed("move AWSCURRENT"))
    }

    fn stages(&self) -> &[String] {
        self.stages.get(&self.version).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The token in a response; `None` if there is no such version or its value is not a token.
fn token(
    response: Result<GetSecretValueOutput, SdkError<GetSecretValueError>>,
    what: &'static str,
) -> Result<Option<ApiToken>, Error> {
    match response {
        Ok(response) => Ok(response.secret_string.and_then(|text| parse(text, Kind::ApiToken).ok())),
        Err(error)
            if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
        {
            Ok(None)
        }
        Err(_) => Err(Error::RequestFailed(what)),
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
    use crate::aws::stub;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    const TOKEN: &str = r#"{"endpoint": "https://a.example.com", "token": "t"}"#;

    /// The version `v-1` in rotation with these stages, beside the current `v-0`; and the requests that it makes, of which the one
    /// with this field and value fails.
    fn version(
        stages: &[&str],
        failing: (&'static str, &'static str),
    ) -> (SecretVersion, Arc<Mutex<Vec<Value>>>) {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, of) = (Arc::clone(&requests), json!({ "v-0": [CURRENT], "v-1": stages }));
        let config = stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            let (field, value) = failing;
            let is_failing = request[field] == value || request[field][0] == value;
            let code = if field == "VersionStages" {
                "ResourceExistsException"
            } else {
                "InvalidParameterException"
            };
            let is_described = request.as_object().unwrap().len() == 1;
            match (is_failing, is_described) {
                (true, _) => (400, json!({ "__type": code })),
                // As AWS has it after the labels were moved.
                (false, true) => (200, json!({ "VersionIdsToStages": { "v-2": [CURRENT], "v-1": [] } })),
                (false, false) => (200, json!({ "SecretString": TOKEN, "VersionId": "v-2" })),
            }
        });
        let (secret, name, version) = ["arn:x", "a/north/api-token", "v-1"].map(str::to_owned).into();
        let (client, stages) = (crate::aws::secrets_manager(&config), serde_json::from_value(of).unwrap());
        (SecretVersion { client, secret, name, version, stages }, requests)
    }

    fn api_token() -> ApiToken {
        secret::parse(&SecretString::from(TOKEN)).unwrap()
    }

    #[tokio::test]
    async fn a_version_that_has_a_value_keeps_it() {
        let (existing, _) = version(&[PENDING], ("VersionStages", PENDING));
        existing.store(&api_token()).await.unwrap();
        let (broken, _) = version(&[PENDING], ("SecretId", "arn:x"));
        assert!(matches!(broken.store(&api_token()).await, Err(Error::RequestFailed(_))));
    }

    /// B4 of the AWS facts.
    #[tokio::test]
    async fn the_current_label_is_moved_only_from_the_version_that_had_it() {
        let (promoted, requests) = version(&[PENDING], ("", ""));
        promoted.promote().await.unwrap();
        let moved = json!({
            "SecretId": "arn:x", "VersionStage": CURRENT, "MoveToVersionId": "v-1", "RemoveFromVersionId": "v-0"
        });
        assert_eq!(*requests.lock().unwrap(), [moved]);
        let (outdated, requests) = version(&[PENDING], ("MoveToVersionId", "v-2"));
        outdated.replace(&api_token()).await.unwrap_err();
        assert_eq!(
            requests.lock().unwrap().len(),
            2,
            "AWSPENDING stays, so that the rotation is attempted again"
        );
    }

    /// F12 of the field faults, and B6 of the AWS facts: AWS may have removed AWSPENDING already.
    #[tokio::test]
    async fn another_token_becomes_the_current_one_before_the_pending_label_is_removed() {
        for failing in [("", ""), ("RemoveFromVersionId", "v-1")] {
            let (replaced, requests) = version(&[PENDING], failing);
            replaced.replace(&api_token()).await.unwrap();
            let requests = requests.lock().unwrap();
            assert_eq!(requests[0]["VersionStages"], json!([REPLACEMENT]));
            let labels: Vec<_> =
                requests[1..3].iter().map(|it| (&it["VersionStage"], &it["RemoveFromVersionId"])).collect();
            assert_eq!(labels, [(&json!(CURRENT), &json!("v-0")), (&json!(PENDING), &json!("v-1"))]);
            assert_eq!(requests[1]["MoveToVersionId"], "v-2");
        }
    }

    /// B4 of the AWS facts: AWSPENDING stays on a version that was promoted, and a newer value is stored.
    #[tokio::test]
    async fn a_version_that_was_in_use_before_is_not_promoted_again() {
        assert!(version(&[PENDING, PREVIOUS], ("", "")).0.pending().await.unwrap().is_none());
        assert!(version(&[PENDING], ("", "")).0.pending().await.unwrap().is_some());
    }

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
