//! An organisation from its first day to its last: its stack, its secrets, its webhook URLs.

mod check;
mod inbound;
mod prime;
mod stack;
mod urls;
mod values;

pub use check::Report;
pub use inbound::inbound_action;
pub use prime::{Progress, ticket_ids};
pub use urls::Urls;

use anyhow::{Context as _, Result, bail};
use automations::aws;
use automations::aws::secret::{Access, Credential, Kind, Login};
use automations::id::OrganisationId;
use automations::salestrekker::{Limits, Transport};
use automations::store::Store;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use secrecy::SecretString;
use std::collections::BTreeSet;

/// The organisations of a stack.
#[derive(Debug)]
pub struct Organisations {
    cloudformation: aws_sdk_cloudformation::Client,
    secrets: aws_sdk_secretsmanager::Client,
    store: Store,
    transport: Transport,
    stack: String,
    /// The endpoint of the local engine, where it is that.
    local: Option<String>,
}

/// What a new organisation is made of.
#[derive(Debug)]
pub struct New {
    /// Its API's address, and what may be done there; its login is `api_key`.
    pub credential: Credential,
    /// The API key.
    pub api_key: SecretString,
    /// Another one for action-worker, where it signs in for itself.
    pub writer_key: Option<SecretString>,
    /// Whether its secrets get a key of their own.
    pub own_key: bool,
}

impl Organisations {
    /// The organisations of this stack; `local` is the local engine's endpoint.
    ///
    /// # Errors
    /// Where the system's TLS set-up is unusable.
    pub fn new(config: &SdkConfig, stack: String, local: Option<String>) -> Result<Self> {
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            secrets: aws::secrets_manager(config),
            store: Store::new(aws::dynamodb(config), format!("{stack}-store")),
            transport: Transport::new(Limits::default())?,
            stack,
            local,
        })
    }

    /// Adds an organisation, or goes on where an earlier attempt was lost. Its API key is tried before anything is stored.
    ///
    /// # Errors
    /// Where the key is refused, or a request fails; nothing is half stored that a second attempt would not mend.
    pub async fn add(&self, organisation: &OrganisationId, new: &New) -> Result<Urls> {
        let output = self.outputs().await?;
        let mut keys = vec![(Kind::ApiToken, Kind::ApiKey, &new.api_key)];
        match (&new.writer_key, output.separate_writer) {
            (Some(key), true) => keys.push((Kind::WriterToken, Kind::WriterKey, key)),
            (None, false) => {}
            (Some(_), false) => {
                bail!("action-worker signs in with the API key; deploy SeparateWriter=true first")
            }
            (None, true) => bail!("action-worker signs in for itself here: it needs a key too"),
        }
        let mut secrets = Vec::new();
        for (token, kind, api_key) in keys {
            let credential = Credential { login: Login::ApiKey(api_key.clone()), ..new.credential.clone() };
            secrets.push((kind, values::api_key(&credential, api_key)));
            secrets.push((token, self.sign_in(&credential).await?.stored()));
        }
        if !self.has_stack(organisation).await? && self.list().await?.contains(organisation) {
            bail!(
                "{organisation} has secrets that no stack made; delete them first, or use them as they are"
            );
        }
        self.deploy(organisation, new.own_key, output.separate_writer, "").await?;
        for (kind, value) in &secrets {
            self.put(organisation, *kind, value).await?;
        }
        if self.webhook_token(organisation).await?.is_none() {
            let fresh = values::webhook_token(&values::fresh_token()?);
            self.put(organisation, Kind::WebhookToken, &fresh).await?;
        }
        // The first rotation begins when its schedule is made, and needs the API key; the local engine has no schedules.
        if self.local.is_none() {
            self.deploy(organisation, new.own_key, output.separate_writer, &output.rotator).await?;
        }
        self.urls(organisation).await
    }

    /// Their names.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn list(&self) -> Result<BTreeSet<OrganisationId>> {
        let prefix = format!("{}/", self.stack);
        let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
        let mut pages = self.secrets.list_secrets().filters(filter).into_paginator().send();
        let mut organisations = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.context("the secrets cannot be listed; is this the right account and region?")?;
            for secret in page.secret_list() {
                let name = secret.name().unwrap_or_default();
                let organisation = name.strip_prefix(&prefix).and_then(|rest| rest.split_once('/'));
                organisations.extend(organisation.and_then(|(name, _)| OrganisationId::parse(name).ok()));
            }
        }
        Ok(organisations)
    }

    /// Whether action-worker signs in for itself, so that an organisation needs two keys.
    ///
    /// # Errors
    /// Where the application is not deployed.
    pub async fn has_separate_writer(&self) -> Result<bool> {
        Ok(self.outputs().await?.separate_writer)
    }

    /// Stores another API key, or action-worker's own, after it was tried, and a token that it gave.
    ///
    /// # Errors
    /// Where the key is refused, or a request fails.
    pub async fn change_key(
        &self,
        organisation: &OrganisationId,
        of_writer: bool,
        api_key: SecretString,
    ) -> Result<()> {
        if of_writer && !self.has_separate_writer().await? {
            bail!(
                "action-worker signs in with the API key here; see the application's parameter SeparateWriter"
            );
        }
        let (kind, key) = if of_writer { Kind::TOKENS[1] } else { Kind::TOKENS[0] };
        let mut credential = self.credential(organisation, key).await?;
        credential.login = Login::ApiKey(api_key.clone());
        let token = self.sign_in(&credential).await?;
        self.put(organisation, key, &values::api_key(&credential, &api_key)).await?;
        self.put(organisation, kind, &token.stored()).await
    }

    /// Stores new API tokens now, without waiting for the rotation, and calls off one that hangs.
    ///
    /// # Errors
    /// Where the API key is refused, or a request fails.
    pub async fn renew(&self, organisation: &OrganisationId) -> Result<()> {
        for (kind, key) in self.tokens().await? {
            let token = self.sign_in(&self.credential(organisation, key).await?).await?;
            self.put(organisation, kind, &token.stored()).await?;
            // Else Secrets Manager takes the rotation for one that is still on its way.
            if let Some(version) = self.version_of(organisation, kind, "AWSPENDING").await? {
                self.unlabel(organisation, kind, "AWSPENDING", &version).await?;
            }
        }
        Ok(())
    }

    /// Changes what may be done in an organisation; the functions know within five minutes.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn set_access(&self, organisation: &OrganisationId, access: Access) -> Result<()> {
        for kind in self.tokens().await?.into_iter().flat_map(|(token, key)| [key, token]) {
            let value =
                self.value(organisation, kind).await?.context("an organisation without its secrets")?;
            self.put(organisation, kind, &values::with_access(&value, access)?).await?;
        }
        Ok(())
    }

    /// The tokens in use, each with its key: one, or two where action-worker signs in for itself.
    async fn tokens(&self) -> Result<Vec<(Kind, Kind)>> {
        let count = if self.has_separate_writer().await? { 2 } else { 1 };
        Ok(Kind::TOKENS.into_iter().take(count).collect())
    }

    /// Removes an organisation's stack, and its secrets with it. What was seen and done stays in the table.
    ///
    /// # Errors
    /// Where it has no stack, or a request fails.
    pub async fn remove(&self, organisation: &OrganisationId) -> Result<()> {
        if !self.has_stack(organisation).await? {
            bail!("{organisation} has no stack {}; see `list`", self.stack_of(organisation));
        }
        self.remove_all_inbound(organisation).await?;
        self.delete_stack(organisation).await
    }
}
