//! Webhooks that are not Salestrekker's: each is a secret of the organisation with a token of its own. A webhook is declared by
//! its secret.

use super::sender::{with_newest_secret, with_token};
use super::{Organisations, Sender, Urls, values};
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
    /// The URL of an inbound webhook, which is declared first if it is new, with what is to be changed of its declaration.
    ///
    /// # Errors
    /// If there is no such organisation, a signature is declared without a signing secret, a rotation of the token is in
    /// progress while the declaration is to be changed, or a request fails.
    pub async fn inbound(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
        sender: &Sender,
        signing_secret: Option<&SecretString>,
    ) -> Result<Urls> {
        let stored = self.inbound_value(organisation, action).await?;
        let value = match stored {
            Some(value) if sender.is_empty() => value,
            Some(value) => {
                self.no_rotation(organisation, action).await?;
                let value = sender.applied(&value, signing_secret)?;
                self.replace(organisation, action, &value).await?;
                value
            }
            None => {
                let value = values::webhook_token(&values::fresh_token()?);
                let value = sender.applied(&value, signing_secret)?;
                let (name, text) =
                    (self.inbound_secret(organisation, action), values::exposed(&value).to_owned());
                self.create_secret(organisation, &name, text).await?;
                value
            }
        };
        self.inbound_url(organisation, action, &value).await
    }

    /// The URL with a new token; the previous one is accepted beside it until [`Self::finish_inbound`].
    ///
    /// # Errors
    /// If the webhook is not declared, the last rotation is not finished, or a request fails.
    pub async fn new_inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<Urls> {
        let value = self.declared(organisation, action).await?;
        self.no_rotation(organisation, action).await?;
        let value = with_token(&value, &values::fresh_token()?)?;
        self.put_inbound(organisation, action, &value).await?;
        self.inbound_url(organisation, action, &value).await
    }

    /// Revokes the token before the one in use, and the signing secret before it: webhook-ingest rejects them within five
    /// minutes.
    ///
    /// # Errors
    /// If there is neither, or a request fails.
    pub async fn finish_inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<()> {
        let newest = with_newest_secret(&self.declared(organisation, action).await?)?;
        if newest.is_none() && self.previous(organisation, action).await?.is_none() {
            bail!("no rotation is in progress; start one with --rotate-start or --signing-secret");
        }
        match newest {
            Some(newest) => self.replace(organisation, action, &newest).await,
            None => self.revoke_previous(organisation, action).await,
        }
    }

    /// Removes an inbound webhook: its URL is rejected within five minutes.
    ///
    /// # Errors
    /// If it is not declared, or a request fails.
    pub async fn remove_inbound(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<()> {
        self.declared(organisation, action).await?;
        let removed = self.store.remove_inbound(organisation, action).await;
        removed.context(
            "the list of organisations in the table cannot be written; run the same command again",
        )?;
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

    /// Stores a value in the place of the one in use, which is not accepted any more.
    async fn replace(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
        value: &SecretString,
    ) -> Result<()> {
        self.put_inbound(organisation, action, value).await?;
        self.revoke_previous(organisation, action).await
    }

    async fn put_inbound(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
        value: &SecretString,
    ) -> Result<()> {
        let request = self.secrets.put_secret_value().secret_id(self.inbound_secret(organisation, action));
        let request = request.version_stages(TokenStage::Current.label());
        let request = request.secret_string(values::exposed(value));
        request.send().await.context("the webhook's secret cannot be stored")?;
        Ok(())
    }

    async fn revoke_previous(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<()> {
        let Some(old) = self.previous(organisation, action).await? else { return Ok(()) };
        let request = self.secrets.update_secret_version_stage();
        let request = request.secret_id(self.inbound_secret(organisation, action));
        let request = request.version_stage(TokenStage::Previous.label()).remove_from_version_id(old);
        request.send().await.context("the old token cannot be revoked")?;
        Ok(())
    }

    /// Secrets Manager keeps one previous version: another one now would revoke a token that is still in use.
    async fn no_rotation(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<()> {
        if self.previous(organisation, action).await?.is_some() {
            bail!("the last rotation is not finished: run this with --rotate-finish first");
        }
        Ok(())
    }

    async fn declared(&self, organisation: &OrganisationId, action: &WebhookAction) -> Result<SecretString> {
        let value = self.inbound_value(organisation, action).await?;
        value.with_context(|| {
            format!("{organisation} has no webhook {action}; the command without options declares it")
        })
    }

    async fn inbound_value(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
    ) -> Result<Option<SecretString>> {
        let request = self.secrets.get_secret_value().secret_id(self.inbound_secret(organisation, action));
        match request.send().await {
            Ok(response) => Ok(Some(response.secret_string.context("a secret without a text")?.into())),
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
        value: &SecretString,
    ) -> Result<Urls> {
        let token: WebhookToken = secret::parse(value).context("the webhook's secret is not usable")?;
        self.put_on_list(organisation, Some(action)).await?;
        let base = self.ingest_endpoint().await?;
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
