//! Webhook URLs, and how their token is replaced while a person pastes the new ones.

use super::{Organisations, values};
use anyhow::{Context as _, Result, bail};
use automations::aws::secret::{self, Kind, TokenStage, WebhookToken};
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The webhook actions whose URLs are printed: those that the enricher understands. Any other works too.
pub(super) const ACTIONS: [&str; 2] = ["ticket-created", "ticket-updated"];
/// An old token that was seen within this time is still in use somewhere.
const IN_USE_FOR: Duration = Duration::from_hours(24);

/// An organisation's URLs to paste into Salestrekker, by action. They are secret.
#[derive(Debug, Clone, Serialize)]
pub struct Urls {
    /// By action.
    pub urls: BTreeMap<String, String>,
}

impl Organisations {
    /// The URLs with the token in use.
    ///
    /// # Errors
    /// If there is none, or a request fails.
    pub async fn urls(&self, organisation: &OrganisationId) -> Result<Urls> {
        let token = self.webhook_token(organisation).await?;
        self.urls_with(organisation, &token.with_context(|| unknown(organisation))?).await
    }

    /// URLs with a new token, which is accepted from now on beside the one in use. Until the rotation is finished, the same URLs
    /// are returned again.
    ///
    /// # Errors
    /// If an earlier rotation is not finished, or a request fails.
    pub async fn new_urls(&self, organisation: &OrganisationId) -> Result<Urls> {
        let kind = Kind::WebhookToken;
        self.webhook_token(organisation).await?.with_context(|| unknown(organisation))?;
        if self.usable(organisation, TokenStage::Previous).await?.is_some() {
            bail!(
                "the last rotation is not finished: run `automations organisation urls {organisation} --rotate-finish` first"
            );
        }
        if self.usable(organisation, TokenStage::Pending).await?.is_none() {
            let fresh = values::webhook_token(&values::fresh_token()?);
            self.put_as(organisation, kind, &fresh, TokenStage::Pending.label()).await?;
        }
        let (_, pending) =
            self.usable(organisation, TokenStage::Pending).await?.context("no pending token")?;
        self.urls_with(organisation, &pending).await
    }

    /// Makes the new token the one in use and revokes the old one: the functions reject it within five minutes. Run again after
    /// a crash, it continues.
    ///
    /// # Errors
    /// If no rotation is in progress, or the old token is in use and `force` is not given.
    pub async fn finish_urls(
        &self,
        organisation: &OrganisationId,
        force: bool,
        now: Timestamp,
    ) -> Result<()> {
        let kind = Kind::WebhookToken;
        let current = self.version_of(organisation, kind, TokenStage::Current.label()).await?;
        let pending = self.usable(organisation, TokenStage::Pending).await?;
        // After a crash, or if Secrets Manager left the label there, the pending version is the one in use already.
        let pending = pending.filter(|(version, _)| current.as_ref() != Some(version));
        let old = if pending.is_some() { TokenStage::Current } else { TokenStage::Previous };
        let old = self.usable(organisation, old).await?;
        let (old, _) =
            old.with_context(|| format!("no rotation is in progress; start one: automations organisation urls {organisation} --rotate-start"))?;
        let seen = self.store.token_uses(organisation).await?;
        let age = seen.iter().find(|seen| seen.version == old).map(|seen| now.since(seen.at));
        if let Some(age) = age.filter(|age| *age < IN_USE_FOR && !force) {
            let minutes = age.as_secs() / 60;
            bail!(
                "a webhook with the old token came {minutes} min ago: paste the new URLs everywhere and wait a day, or add --force"
            );
        }
        if let Some((new, _)) = pending {
            let request =
                self.secrets.update_secret_version_stage().secret_id(self.secret(organisation, kind));
            let request = request.version_stage(TokenStage::Current.label()).move_to_version_id(&new);
            request.remove_from_version_id(&old).send().await.context("AWSCURRENT cannot be moved")?;
        }
        self.unlabel(organisation, kind, TokenStage::Pending.label()).await?;
        self.unlabel(organisation, kind, TokenStage::Previous.label()).await
    }

    /// The version with this label and its token, if it has a usable one.
    pub(super) async fn usable(
        &self,
        organisation: &OrganisationId,
        stage: TokenStage,
    ) -> Result<Option<(String, WebhookToken)>> {
        let staged = self.staged(organisation, Kind::WebhookToken, stage.label()).await?;
        Ok(staged.and_then(|(version, value)| Some((version, secret::parse(&value).ok()?))))
    }

    async fn urls_with(&self, organisation: &OrganisationId, token: &WebhookToken) -> Result<Urls> {
        let base = self.ingest_endpoint().await?;
        self.put_on_list(organisation, None).await?;
        #[expect(clippy::disallowed_methods, reason = "the person who pastes the URL must see it")]
        let token = token.token.expose_secret();
        let url = |action: &str| (action.to_owned(), format!("{base}hooks/{organisation}/{action}/{token}"));
        Ok(Urls { urls: ACTIONS.into_iter().map(url).collect() })
    }
}

fn unknown(organisation: &OrganisationId) -> String {
    format!("{organisation} has no webhook token; run `automations organisation add {organisation}` again")
}
