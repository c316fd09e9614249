//! Whether an organisation works: its API, its secrets and its last webhook.

use super::Organisations;
use anyhow::Result;
use automations::aws::secret::{self, Access, ApiToken, Kind, Rehearsal, TokenStage};
use automations::clock::Timestamp;
use automations::failure::Failure as _;
use automations::id::OrganisationId;
use automations::reason::Reason;
use automations::salestrekker::Error;
use serde::Serialize;

/// The state of an organisation; nothing of it is secret.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its name.
    pub organisation: OrganisationId,
    /// The API's host.
    pub host: Option<String>,
    /// Whether the host responds.
    pub responds: bool,
    /// Whether the API accepts every token in use.
    pub accepted: bool,
    /// The reason code of the first problem.
    pub problem: Option<&'static str>,
    /// Whole days until a token in use expires, if it says so.
    pub days_left: Option<u64>,
    /// What is permitted there.
    pub access: Access,
    /// Whether a rehearsal has passed; until then nothing is written.
    pub rehearsal: Rehearsal,
    /// When the last webhook came, to the minute; nothing if none ever came.
    pub last_webhook_at: Option<Timestamp>,
    /// Seconds since then.
    pub last_webhook_s: Option<u64>,
    /// The token of its URL: `current`, `pending`, `previous`, or `revoked`.
    pub last_token: Option<&'static str>,
}

impl Report {
    fn refuse(&mut self, problem: &'static str) {
        self.accepted = false;
        self.problem.get_or_insert(problem);
    }
}

impl Organisations {
    /// The state of an organisation.
    ///
    /// # Errors
    /// If a request to AWS fails; what is wrong with the organisation is in the report.
    pub async fn check(&self, organisation: &OrganisationId, now: Timestamp) -> Result<Report> {
        let mut report = Report {
            organisation: organisation.clone(),
            host: None,
            responds: true,
            accepted: true,
            problem: None,
            days_left: None,
            access: Access::default(),
            rehearsal: Rehearsal::default(),
            last_webhook_at: None,
            last_webhook_s: None,
            last_token: None,
        };
        for (kind, _) in self.tokens().await? {
            let value = self.value(organisation, kind).await?;
            match value.map(|value| secret::parse::<ApiToken>(&value)) {
                Some(Ok(token)) => self.try_token(&token, now, &mut report).await,
                Some(Err(_)) => report.refuse(Reason::SecretInvalid.as_str()),
                None => report.refuse(Reason::SecretNotFound.as_str()),
            }
        }
        // Without a token no host was asked.
        report.responds &= report.host.is_some();
        let last = self.store.token_uses(organisation).await?.into_iter().max_by_key(|seen| seen.at);
        if let Some(last) = last {
            report.last_webhook_at = Some(last.at);
            report.last_webhook_s = Some(now.since(last.at).as_secs());
            report.last_token = Some(self.stage_of(organisation, &last.version).await?);
        }
        Ok(report)
    }

    async fn try_token(&self, token: &ApiToken, now: Timestamp, report: &mut Report) {
        report.host = token.endpoint.url().host_str().map(str::to_owned);
        report.days_left = report.days_left.into_iter().chain(token.days_left(now)).min();
        report.access = token.access;
        report.rehearsal = token.rehearsal;
        if let Err(error) = self.transport.try_token(token).await {
            report.responds &= !matches!(error, Error::Unavailable { .. } | Error::OutcomeUnknown);
            report.refuse(error.reason().into());
        }
    }

    async fn stage_of(&self, organisation: &OrganisationId, version: &str) -> Result<&'static str> {
        for stage in TokenStage::ALL {
            let labelled = self.version_of(organisation, Kind::WebhookToken, stage.label()).await?;
            if labelled.as_deref() == Some(version) {
                return Ok(stage.into());
            }
        }
        Ok("revoked")
    }
}
