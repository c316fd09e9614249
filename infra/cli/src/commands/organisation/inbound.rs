//! Webhooks that are not Salestrekker's: each is a secret of the organisation with a token of its own. A webhook is declared by
//! its secret.

use super::{Organisations, Urls, values};
use anyhow::{Context as _, Result, bail};
use automations::aws::secret::{self, TokenStage, WebhookToken};
use automations::id::{OrganisationId, WebhookAction};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use secrecy::{ExposeSecret as _, SecretString};

/// The action of the inbound webhook of this name, as in its URL.
///
/// # Errors
/// If it is not a valid name.
pub fn inbound_action(name: &str) -> Result<WebhookAction> {
    let action = WebhookAction::parse(format!("inbound-{name}")).ok().filter(|it| it.inbound().is_some());
    action.context("a webhook's name has up to 40 of a-z, 0-9 and -, as in website-lead")
}

impl Organisations {
    /// The URL of an inbound webhook, which is declared first if it is new.
    ///
    /// # Errors
    /// If there is no such organisation, or a request fails.
    pub async fn inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<Urls> {
        if let Some(token) = self.inbound_token(organisation, action).await? {
            return self.inbound_url(organisation, action, &token).await;
        }
        let token = values::fresh_token()?;
        #[expect(clippy::disallowed_methods, reason = "this is where the token is stored")]
        let value = values::webhook_token(&token).expose_secret().to_owned();
        self.create_secret(organisation, &self.inbound_secret(organisation, action), value).await?;
        self.inbound_url(organisation, action, &WebhookToken { token }).await
    }

    /// The URL with a new token; the previous one is accepted beside it until [`Self::finish_inbound`].
    ///
    /// # Errors
    /// If the webhook is not declared, the last rotation is not finished, or a request fails.
    pub async fn new_inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<Urls> {
        self.declared(organisation, action).await?;
        if self.previous(organisation, action).await?.is_some() {
            bail!("the last rotation is not finished: run this with --rotate-finish first");
        }
        let token = values::fresh_token()?;
        #[expect(clippy::disallowed_methods, reason = "this is where the token is stored")]
        let value = values::webhook_token(&token).expose_secret().to_owned();
        let request = self.secrets.put_secret_value().secret_id(self.inbound_secret(organisation, action));
        request.secret_string(value).send().await.context("the new token cannot be stored")?;
        self.inbound_url(organisation, action, &WebhookToken { token }).await
    }

    /// Revokes the token before the one in use: webhook-ingest rejects it within five minutes.
    ///
    /// # Errors
    /// If there is none, or a request fails.
    pub async fn finish_inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<()> {
        let old = self
            .previous(organisation, action)
            .await?
            .context("no rotation is in progress; start one with --rotate-start")?;
        let request = self.secrets.update_secret_version_stage();
        let request = request.secret_id(self.inbound_secret(organisation, action));
        let request = request.version_stage(TokenStage::Previous.label()).remove_from_version_id(old);
        request.send().await.context("the old token cannot be revoked")?;
        Ok(())
    }

    /// Removes an inbound webhook: its URL is rejected within five minutes.
    ///
    /// # Errors
    /// If it is not declared, or a request fails.
    pub async fn remove_inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<()> {
        self.declared(organisation, action).await?;
        self.delete_secret(&self.inbound_secret(organisation, action)).await
    }

    /// A new secret of an organisation, encrypted with the same key as its others.
    pub(super) async fn create_secret(
        &self,
        organisation: &OrganisationId,
        name: &str,
        value: String,
    ) -> Result<()> {
        let other = format!("{}/{organisation}/webhook-token", self.stack);
        let other = match self.secrets.describe_secret().secret_id(other).send().await {
            Ok(other) => other,
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                self.existing(organisation).await?;
                bail!(
                    "{organisation} has no webhook-token; run `automations organisation add {organisation}` again"
                );
            }
            Err(error) => return Err(error).context("Secrets Manager does not respond"),
        };
        let request = self.secrets.create_secret().name(name).set_kms_key_id(other.kms_key_id);
        request
            .secret_string(value)
            .send()
            .await
            .with_context(|| format!("the secret {name} cannot be created"))?;
        Ok(())
    }

    /// Deletes all secrets of an organisation whose last part begins like this, such as `inbound-`.
    pub(super) async fn delete_secrets(&self, organisation: &OrganisationId, kind: &str) -> Result<()> {
        let prefix = format!("{}/{organisation}/{kind}", self.stack);
        let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
        let mut pages = self.secrets.list_secrets().filters(filter).into_paginator().send();
        while let Some(page) = pages.next().await {
            for secret in page.context("the secrets cannot be listed")?.secret_list() {
                if let Some(name) = secret.name().filter(|name| name.starts_with(&prefix)) {
                    self.delete_secret(name).await?;
                }
            }
        }
        Ok(())
    }

    /// At once: else its name is taken for a week, and the secret could not be created again.
    pub(super) async fn delete_secret(&self, name: &str) -> Result<()> {
        let request = self.secrets.delete_secret().secret_id(name).force_delete_without_recovery(true);
        request.send().await.with_context(|| format!("the secret {name} cannot be deleted"))?;
        Ok(())
    }

    async fn declared(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<WebhookToken> {
        let token = self.inbound_token(organisation, action).await?;
        token.with_context(|| {
            format!("{organisation} has no webhook {action}; the command without options declares it")
        })
    }

    async fn inbound_token(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
    ) -> Result<Option<WebhookToken>> {
        let request = self.secrets.get_secret_value().secret_id(self.inbound_secret(organisation, action));
        match request.send().await {
            Ok(response) => {
                let value: SecretString = response.secret_string.context("a secret without a text")?.into();
                Ok(Some(secret::parse(&value).context("the webhook's secret is not usable")?))
            }
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error).context(
                "Secrets Manager does not return a secret; the profile needs secretsmanager:GetSecretValue",
            ),
        }
    }

    /// The version of the token before the one in use, if it is still accepted.
    async fn previous(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
    ) -> Result<Option<String>> {
        let request = self.secrets.describe_secret().secret_id(self.inbound_secret(organisation, action));
        let response = request.send().await.context("the webhook's secret cannot be described")?;
        let versions = response.version_ids_to_stages.unwrap_or_default();
        let is_previous = |stages: &Vec<String>| stages.iter().any(|it| it == TokenStage::Previous.label());
        Ok(versions.into_iter().find(|(_, stages)| is_previous(stages)).map(|(version, _)| version))
    }

    async fn inbound_url(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
        token: &WebhookToken,
    ) -> Result<Urls> {
        let base = self.outputs().await?.webhook_url;
        #[expect(clippy::disallowed_methods, reason = "the person who pastes the URL must see it")]
        let url = format!("{base}hooks/{organisation}/{action}/{}", token.token.expose_secret());
        Ok(Urls { urls: [(action.to_string(), url)].into() })
    }

    fn inbound_secret(&self, organisation: &OrganisationId, action: &WebhookAction) -> String {
        format!("{}/{organisation}/{action}", self.stack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_an_action_and_a_bad_one_is_told() {
        assert_eq!(inbound_action("website-lead").unwrap().as_str(), "inbound-website-lead");
        for bad in ["", "-x", "x-", "Website", "web site", "ä", &"x".repeat(41)] {
            assert!(inbound_action(bad).unwrap_err().to_string().contains("as in website-lead"), "{bad}");
        }
    }
}
