//! `automations organisation`: an organisation from its first day to its last: its stack, its secrets, its webhook URLs.

mod arguments;
mod backfill;
mod check;
mod command;
mod destination;
mod inbound;
mod names;
mod prompt;
mod recheck;
mod rehearse;
mod remove;
mod reuse_contacts;
mod sender;
mod stack;
mod stored;
mod urls;
mod values;

pub use arguments::Arguments;
pub use backfill::{Progress, ticket_ids};
pub use check::Report;
pub use command::run;
pub use destination::{Destination, Format};
pub use inbound::inbound_action;
pub use names::{Comparison, Finding, Thing, Verdict};
pub(crate) use recheck::{make_all_due, recheck_line};
pub use rehearse::{Answered, Patience, Person, Rehearsed};
pub use remove::Removed;
pub use sender::{Answer, Sender};
#[cfg(test)]
pub(crate) use stored::Token;
pub(crate) use stored::{Rotation, Stored};
pub use urls::Urls;

use crate::account::Target;
use crate::exit_code::Usage;
use anyhow::{Context as _, Result, bail};
use automations::aws;
use automations::aws::secret::{Access, Credential, Kind, Login, Rehearsal};
use automations::id::{OrganisationId, WebhookAction};
use automations::salestrekker::{Limits, Transport};
use automations::store::{REFRESH_INTERVAL, Store};
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use secrecy::SecretString;
use serde::Serialize;
use std::collections::BTreeSet;

/// The organisations of a stack.
#[derive(Debug)]
pub struct Organisations {
    cloudformation: aws_sdk_cloudformation::Client,
    lambda: aws_sdk_lambda::Client,
    secrets: aws_sdk_secretsmanager::Client,
    sns: aws_sdk_sns::Client,
    store: Store,
    transport: Transport,
    stack: String,
    /// The endpoint of the local stack; none in an AWS account.
    local: Option<String>,
}

/// The values of a new organisation.
#[derive(Debug)]
pub struct New {
    /// Its API's address, and what is permitted there; its login is `api_key`.
    pub credential: Credential,
    /// The API key.
    pub api_key: SecretString,
    /// Another one for action-worker, if the stack has `SeparateWriter`.
    pub writer_key: Option<SecretString>,
    /// Whether its secrets are encrypted with a KMS key of their own.
    pub dedicated_kms_key: bool,
}

impl Organisations {
    /// Those of this target.
    ///
    /// # Errors
    /// If the system's TLS set-up is unusable.
    pub fn of(target: &Target) -> Result<Self> {
        Self::new(&target.config, target.stack.clone(), target.local.clone())
    }

    /// The organisations of this stack; `local` is the local stack's endpoint.
    ///
    /// # Errors
    /// If the system's TLS set-up is unusable.
    pub fn new(config: &SdkConfig, stack: String, local: Option<String>) -> Result<Self> {
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            secrets: aws::secrets_manager(config),
            sns: aws::sns(config),
            store: Store::new(aws::dynamodb(config), format!("{stack}-store")),
            transport: Transport::new(Limits::default())?,
            stack,
            local,
        })
    }

    /// Adds an organisation, or completes an earlier attempt. Its API key is tried before anything is stored.
    ///
    /// # Errors
    /// If the key is refused, or a request fails; a second attempt completes what was stored.
    pub async fn add(&self, organisation: &OrganisationId, new: &New) -> Result<Urls> {
        let output = self.outputs().await?;
        let mut keys = vec![(Kind::ApiToken, Kind::ApiKey, &new.api_key)];
        match (&new.writer_key, output.separate_writer) {
            (Some(key), true) => keys.push((Kind::WriterToken, Kind::WriterKey, key)),
            (None, false) => {}
            (Some(_), false) => {
                bail!("action-worker signs in with the API key; deploy with SeparateWriter=true first")
            }
            (None, true) => bail!("this stack has SeparateWriter: action-worker needs an API key of its own"),
        }
        let mut secrets = Vec::new();
        for (token, kind, api_key) in keys {
            let credential = Credential { login: Login::ApiKey(api_key.clone()), ..new.credential.clone() };
            secrets.push((kind, values::api_key(&credential, api_key)));
            secrets.push((token, self.sign_in(&credential).await?.stored()));
        }
        if !self.has_stack(organisation).await? && self.list().await?.contains(organisation) {
            bail!(
                "{organisation} has secrets that no CloudFormation stack made; delete them first, or use them as they are"
            );
        }
        self.deploy(organisation, new.dedicated_kms_key, output.separate_writer, "").await?;
        for (kind, value) in &secrets {
            // No rotation of a key has to be cancelled.
            self.put_token(organisation, *kind, value).await?;
        }
        if self.webhook_token(organisation).await?.is_none() {
            let fresh = values::webhook_token(&values::fresh_token()?);
            self.put(organisation, Kind::WebhookToken, &fresh).await?;
        }
        self.put_on_list(organisation, None).await?;
        // The first rotation starts with its schedule, and needs the API key; the local stack has no schedules.
        if self.local.is_none() {
            self.deploy(organisation, new.dedicated_kms_key, output.separate_writer, &output.rotator).await?;
        }
        self.urls(organisation).await
    }

    /// Adds the organisation to the list without which webhook-ingest rejects its webhooks, or one of its inbound webhooks; then
    /// waits until every instance of webhook-ingest knows a new one. A URL is returned only after that.
    async fn put_on_list(
        &self,
        organisation: &OrganisationId,
        inbound: Option<&WebhookAction>,
    ) -> Result<()> {
        let added = match inbound {
            None => self.store.add_listing(organisation).await,
            Some(action) => self.store.add_inbound(organisation, action).await,
        };
        let is_new = added.context(
            "the list of organisations in the table cannot be written; run the same command again",
        )?;
        if is_new {
            #[expect(clippy::disallowed_methods, reason = "instances read the list at most this often")]
            tokio::time::sleep(REFRESH_INTERVAL).await;
        }
        Ok(())
    }

    /// Fails if there is no such organisation.
    ///
    /// # Errors
    /// [`Usage`], with the names that there are; an error if a request fails.
    pub async fn existing(&self, organisation: &OrganisationId) -> Result<()> {
        let all = self.list().await?;
        if all.contains(organisation) {
            return Ok(());
        }
        let names = all.iter().map(OrganisationId::as_str).collect::<Vec<_>>().join(", ");
        let there = if names.is_empty() { "it has none yet".to_owned() } else { format!("it has {names}") };
        let text = format!("there is no organisation {organisation} in the stack {}; {there}", self.stack);
        Err(Usage(text).into())
    }

    /// Their names, from the names of their secrets.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn list(&self) -> Result<BTreeSet<OrganisationId>> {
        let prefix = format!("{}/", self.stack);
        let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
        let mut pages = self.secrets.list_secrets().filters(filter).into_paginator().send();
        let mut organisations = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.context("the secrets cannot be listed; check --profile and --region")?;
            for secret in page.secret_list() {
                let name = secret.name().unwrap_or_default();
                let organisation = name.strip_prefix(&prefix).and_then(|rest| rest.split_once('/'));
                organisations.extend(organisation.and_then(|(name, _)| OrganisationId::parse(name).ok()));
            }
        }
        Ok(organisations)
    }

    /// Whether action-worker has a key of its own, so that an organisation needs two.
    ///
    /// # Errors
    /// If the application is not deployed.
    pub async fn has_separate_writer(&self) -> Result<bool> {
        Ok(self.outputs().await?.separate_writer)
    }

    /// Stores another API key, or action-worker's own, after trying it, and the token that it gave.
    ///
    /// # Errors
    /// If the key is refused, or a request fails.
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
        // The key first: after a crash in between, the next rotation replaces what the old key gave.
        self.put(organisation, key, &values::api_key(&credential, &api_key)).await?;
        self.put_token(organisation, kind, &token.stored()).await
    }

    /// Stores new API tokens now, without waiting for the rotation, and cancels one that hangs.
    ///
    /// # Errors
    /// If the API key is refused, or a request fails.
    pub async fn renew(&self, organisation: &OrganisationId) -> Result<()> {
        for (kind, key) in self.tokens().await? {
            let token = self.sign_in(&self.credential(organisation, key).await?).await?;
            self.put_token(organisation, kind, &token.stored()).await?;
        }
        Ok(())
    }

    /// Changes what is permitted in an organisation, and cancels a rotation in progress; the functions use it within five minutes.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn set_access(&self, organisation: &OrganisationId, access: Access) -> Result<()> {
        self.set_field(organisation, "access", &access).await
    }

    /// Stores whether a rehearsal has passed, as [`Organisations::set_access`].
    ///
    /// # Errors
    /// If a request fails.
    pub async fn set_rehearsal(&self, organisation: &OrganisationId, rehearsal: Rehearsal) -> Result<()> {
        self.set_field(organisation, "rehearsal", &rehearsal).await
    }

    async fn set_field(&self, organisation: &OrganisationId, field: &str, is: &impl Serialize) -> Result<()> {
        let missing = "an organisation without its secrets";
        for (kind, key) in self.tokens().await? {
            // The key first: after a crash in between, the next rotation uses its access.
            let value = self.value(organisation, key).await?.context(missing)?;
            self.put(organisation, key, &values::with_field(&value, field, is)?).await?;
            let value = self.value(organisation, kind).await?.context(missing)?;
            self.put_token(organisation, kind, &values::with_field(&value, field, is)?).await?;
        }
        Ok(())
    }

    /// The tokens in use, each with its key: one, or two if the stack has `SeparateWriter`.
    async fn tokens(&self) -> Result<Vec<(Kind, Kind)>> {
        let count = if self.has_separate_writer().await? { 2 } else { 1 };
        Ok(Kind::TOKENS.into_iter().take(count).collect())
    }
}

#[cfg(test)]
mod tests;
