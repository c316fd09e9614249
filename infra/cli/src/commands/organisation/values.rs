//! The secrets' values: made, read and stored. Only a webhook's URL is printed.

use super::Organisations;
use anyhow::{Context as _, Result, bail};
use automations::aws::secret::{self, ApiToken, Credential, Kind, WebhookToken};
use automations::failure::chain;
use automations::id::OrganisationId;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

/// A new webhook token: 256 bits from the operating system, URL-safe.
pub(super) fn fresh_token() -> Result<SecretString> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the operating system provides no random numbers")?;
    Ok(URL_SAFE_NO_PAD.encode(random).into())
}

#[expect(clippy::disallowed_methods, reason = "this is where the token is stored")]
pub(super) fn webhook_token(token: &SecretString) -> SecretString {
    json!({ "token": token.expose_secret() }).to_string().into()
}

/// A secret's value, to change a field of what is stored.
#[expect(clippy::disallowed_methods, reason = "fields of what is stored are changed")]
pub(super) fn exposed(value: &SecretString) -> &str {
    value.expose_secret()
}

#[expect(clippy::disallowed_methods, reason = "this is where the API key is stored")]
pub(super) fn api_key(credential: &Credential, api_key: &SecretString) -> SecretString {
    let Credential { endpoint, organization, access, rehearsal, .. } = credential;
    let key = api_key.expose_secret();
    let mut value = json!({ "endpoint": endpoint, "api_key": key, "access": access, "rehearsal": rehearsal });
    if let (Some(id), Some(fields)) = (organization, value.as_object_mut()) {
        fields.insert("organization".to_owned(), json!(id));
    }
    value.to_string().into()
}

/// The same value with another access or rehearsal.
#[expect(clippy::disallowed_methods, reason = "one field of what is stored is changed")]
pub(super) fn with_field(value: &SecretString, field: &str, is: &impl Serialize) -> Result<SecretString> {
    let value: Option<Value> = serde_json::from_str(value.expose_secret()).ok();
    let mut value = value.filter(Value::is_object).context("a secret is not a JSON object")?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert(field.to_owned(), json!(is));
    }
    Ok(value.to_string().into())
}

impl Organisations {
    /// A new token for this credential, which shows that it works.
    pub(super) async fn sign_in(&self, credential: &Credential) -> Result<ApiToken> {
        match self.transport.sign_in(credential).await {
            Ok(token) => Ok(ApiToken::of(credential, token)),
            Err(error) => bail!("Salestrekker issues no token for this credential: {}", chain(&error)),
        }
    }

    /// How the organisation signs in, from the secret of this kind.
    pub(super) async fn credential(&self, organisation: &OrganisationId, key: Kind) -> Result<Credential> {
        let (value, name) = (self.value(organisation, key).await?, key.as_str());
        let value = value.with_context(|| {
            format!("{organisation} has no {name}; run `automations organisation add {organisation}` again")
        })?;
        secret::parse(&value).with_context(|| format!("the {name} is not usable"))
    }

    /// The webhook token in use, if there is one.
    pub(super) async fn webhook_token(&self, organisation: &OrganisationId) -> Result<Option<WebhookToken>> {
        let value = self.value(organisation, Kind::WebhookToken).await?;
        Ok(value.and_then(|value| secret::parse(&value).ok()))
    }

    pub(super) async fn value(
        &self,
        organisation: &OrganisationId,
        kind: Kind,
    ) -> Result<Option<SecretString>> {
        Ok(self.staged(organisation, kind, "AWSCURRENT").await?.map(|(_, value)| value))
    }

    /// The version with this label and its value, if it has one.
    pub(super) async fn staged(
        &self,
        organisation: &OrganisationId,
        kind: Kind,
        label: &str,
    ) -> Result<Option<(String, SecretString)>> {
        let request = self.secrets.get_secret_value().secret_id(self.secret(organisation, kind));
        match request.version_stage(label).send().await {
            Ok(response) => {
                let version = response.version_id.unwrap_or_default();
                Ok(response.secret_string.map(|value| (version, value.into())))
            }
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error).context(
                "Secrets Manager does not return a secret; the profile needs secretsmanager:GetSecretValue",
            ),
        }
    }

    /// Makes this token the one in use, and cancels a rotation. Secrets Manager would continue that one with its pending version, or
    /// refuse to start another. After a crash in between, the rotation finds that its token is older, and replaces it.
    pub(super) async fn put_token(
        &self,
        organisation: &OrganisationId,
        kind: Kind,
        value: &SecretString,
    ) -> Result<()> {
        self.put(organisation, kind, value).await?;
        self.unlabel(organisation, kind, "AWSPENDING").await
    }

    /// Makes this the value in use.
    pub(super) async fn put(
        &self,
        organisation: &OrganisationId,
        kind: Kind,
        value: &SecretString,
    ) -> Result<()> {
        self.put_as(organisation, kind, value, "AWSCURRENT").await
    }

    pub(super) async fn put_as(
        &self,
        organisation: &OrganisationId,
        kind: Kind,
        value: &SecretString,
        label: &str,
    ) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "this is where the value is stored")]
        let value = value.expose_secret();
        let request = self.secrets.put_secret_value().secret_id(self.secret(organisation, kind));
        request
            .version_stages(label)
            .secret_string(value)
            .send()
            .await
            .context("a secret cannot be stored")?;
        Ok(())
    }

    /// The version with this label, with a value or without.
    pub(super) async fn version_of(
        &self,
        organisation: &OrganisationId,
        kind: Kind,
        label: &str,
    ) -> Result<Option<String>> {
        let response =
            self.secrets.describe_secret().secret_id(self.secret(organisation, kind)).send().await?;
        let versions = response.version_ids_to_stages.unwrap_or_default();
        let found = versions.into_iter().find(|(_, stages)| stages.iter().any(|stage| stage == label));
        Ok(found.map(|(version, _)| version))
    }

    /// Removes a label from the version that has it, if one has. Secrets Manager moves and removes labels by itself, also between
    /// two of our requests, and then refuses to remove them again.
    pub(super) async fn unlabel(&self, organisation: &OrganisationId, kind: Kind, label: &str) -> Result<()> {
        let Some(version) = self.version_of(organisation, kind, label).await? else { return Ok(()) };
        let request = self.secrets.update_secret_version_stage().secret_id(self.secret(organisation, kind));
        let refused = request.version_stage(label).remove_from_version_id(&version).send().await.err();
        match refused {
            Some(error) if self.version_of(organisation, kind, label).await?.as_ref() == Some(&version) => {
                Err(error).with_context(|| format!("{label} cannot be removed"))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn secret(&self, organisation: &OrganisationId, kind: Kind) -> String {
        format!("{}/{organisation}/{}", self.stack, kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws::secret::Access;

    #[test]
    fn a_new_token_is_long_url_safe_and_like_no_other() {
        #[expect(clippy::disallowed_methods, reason = "the test compares tokens")]
        let [one, other] = [0; 2].map(|_| fresh_token().unwrap().expose_secret().to_owned());
        assert_eq!(one.len(), 43, "32 bytes");
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_stored_is_what_the_functions_read() {
        let text = r#"{"endpoint": "https://a.example.com/graphql", "api_key": "k", "organization": "o"}"#;
        let credential: Credential = secret::parse(&text.into()).unwrap();
        let stored = with_field(&api_key(&credential, &"k".into()), "access", &Access::ReadOnly).unwrap();
        let again: Credential = secret::parse(&stored).unwrap();
        assert_eq!((again.access, again.organization), (Access::ReadOnly, credential.organization));
        assert!(with_field(&"no object".into(), "access", &Access::ReadOnly).is_err());
    }
}
