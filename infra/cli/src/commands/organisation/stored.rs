//! What is stored of an organisation: the API is not asked, and no secret is in it.

use super::Organisations;
use anyhow::{Context as _, Result};
use automations::aws::secret::{self, Access, ApiToken, Kind, Rehearsal, TokenStage};
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::reason::Reason;
use automations::store::Listing;

/// An organisation, without a secret.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its name.
    pub(crate) organisation: OrganisationId,
    /// Whether its webhooks are accepted, and which inbound ones it has.
    pub(crate) listing: Option<Listing>,
    /// When the last webhook came, to the minute; none if none came in 90 days.
    pub(crate) last_webhook_at: Option<Timestamp>,
    /// Where the rotation of its webhook URLs is; or why that was not read.
    pub(crate) rotation: Result<Rotation, String>,
    /// What its API token says; or why it was not read.
    pub(crate) token: Result<Token, String>,
}

/// What an API token says of its organisation.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) host: Option<String>,
    pub(crate) access: Access,
    pub(crate) rehearsal: Rehearsal,
    pub(crate) days_left: Option<u64>,
}

/// Where the rotation of webhook URLs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// One token is accepted.
    None,
    /// New URLs were printed, and are accepted beside the old ones.
    Started,
    /// The new URLs are in use, and the old ones are still accepted.
    Unfinished,
}

impl Organisations {
    /// All organisations, as they are stored.
    ///
    /// # Errors
    /// If they cannot be listed, or the table cannot be read.
    pub(crate) async fn stored(&self, now: Timestamp) -> Result<Vec<Stored>> {
        let names = self.list().await?;
        let listings = self.store.listings().await.context("the list of organisations")?;
        let each = names.into_iter().map(|name| {
            let listing = listings.iter().find(|listing| listing.organisation == name).cloned();
            self.stored_of(name, listing, now)
        });
        futures::future::try_join_all(each).await
    }

    async fn stored_of(
        &self,
        organisation: OrganisationId,
        listing: Option<Listing>,
        now: Timestamp,
    ) -> Result<Stored> {
        let uses = self.store.token_uses(&organisation).await?;
        let token = self.token(&organisation, now).await.map_err(|error| format!("{error:#}"));
        Ok(Stored {
            listing,
            last_webhook_at: uses.into_iter().map(|seen| seen.at).max(),
            rotation: self.rotation(&organisation).await.map_err(|error| format!("{error:#}")),
            token,
            organisation,
        })
    }

    async fn token(&self, organisation: &OrganisationId, now: Timestamp) -> Result<Token> {
        let value = self.value(organisation, Kind::ApiToken).await?;
        let value = value.with_context(|| Reason::SecretNotFound.as_str())?;
        // Its own error could quote the value.
        let token = secret::parse::<ApiToken>(&value).ok().with_context(|| Reason::SecretInvalid.as_str())?;
        Ok(Token {
            host: token.endpoint.url().host_str().map(str::to_owned),
            access: token.access,
            rehearsal: token.rehearsal,
            days_left: token.days_left(now),
        })
    }

    async fn rotation(&self, organisation: &OrganisationId) -> Result<Rotation> {
        let version = async |stage: TokenStage| {
            let version = self.version_of(organisation, Kind::WebhookToken, stage.label()).await;
            version
                .context("the versions of a webhook token; the profile needs secretsmanager:DescribeSecret")
        };
        let current = version(TokenStage::Current).await?;
        // Secrets Manager may leave the label at the version in use.
        let pending = version(TokenStage::Pending).await?.filter(|pending| Some(pending) != current.as_ref());
        Ok(match (pending, version(TokenStage::Previous).await?) {
            (Some(_), _) => Rotation::Started,
            (None, Some(_)) => Rotation::Unfinished,
            (None, None) => Rotation::None,
        })
    }

    /// The address with which every webhook URL begins.
    ///
    /// # Errors
    /// If the function URL cannot be read.
    pub(crate) async fn webhook_base(&self) -> Result<String> {
        self.ingest_endpoint().await
    }
}

impl Stored {
    /// The addresses of its webhooks without the tokens at their ends.
    pub(crate) fn masked_urls(&self, base: &str) -> Vec<String> {
        let own = super::urls::ACTIONS.map(str::to_owned);
        let inbound = self.listing.iter().flat_map(|listing| &listing.inbound).cloned();
        let actions = own.into_iter().chain(inbound);
        actions.map(|action| format!("{base}hooks/{}/{action}/…", self.organisation)).collect()
    }
}
