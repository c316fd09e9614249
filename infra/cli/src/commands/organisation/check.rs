//! Whether an organisation works: its API, its secrets and its last webhook.

use super::{Comparison, Organisations};
use crate::checkout;
use crate::exit_code::Exit;
use crate::handler_entries::{self, Entries, Source};
use crate::report::{during, print, print_json, say};
use crate::time::age;
use anyhow::{Context as _, Result};
use automations::aws::secret::{self, Access, ApiToken, Kind, Rehearsal, TokenStage};
use automations::clock::{self, Timestamp};
use automations::failure::Failure as _;
use automations::id::OrganisationId;
use automations::reason::Reason;
use automations::salestrekker::Error;
use serde::Serialize;
use std::fmt;

/// Runs `automations organisation check`; with `template`, the names of this checkout's template.yaml are compared.
pub(super) async fn run(
    organisations: &Organisations,
    name: Option<OrganisationId>,
    template: bool,
    json: bool,
) -> Result<Exit> {
    let template = template.then(template_entries).transpose()?;
    let names = match name {
        Some(name) => [name].into(),
        None => organisations.list().await?,
    };
    if names.is_empty() {
        say("there is no organisation yet; add one: automations organisation add NAME --endpoint URL");
        return Ok(Exit::Done);
    }
    let entries = match template {
        Some(entries) => entries,
        None => during("reading the deployed entries", organisations.deployed_entries()).await,
    };
    let mut found_problem = false;
    for name in names {
        let mut report = during("asking the API", organisations.check(&name, clock::now())).await?;
        if report.accepted {
            let compared = during("comparing names", organisations.compare(&name, &entries)).await?;
            report.comparison = Some(compared);
        }
        found_problem |= report.has_problem();
        if json { print_json(&report)? } else { print(&report.to_string())? }
    }
    Ok(Exit::problem_if(found_problem))
}

fn template_entries() -> Result<Entries> {
    let path = checkout::required("organisation check --template")?.join("template.yaml");
    let template = std::fs::read_to_string(path).context("template.yaml cannot be read")?;
    let age_rules = handler_entries::age_rules_of_template(&template);
    Ok(Entries { source: Source::Template, all: Ok(handler_entries::of_template(&template)?), age_rules })
}

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
    /// What a comparison with the API found; none if there was none.
    #[serde(flatten)]
    pub comparison: Option<Comparison>,
}

impl Report {
    /// Whether an operator must do something.
    pub fn has_problem(&self) -> bool {
        !self.accepted || self.comparison.as_ref().is_some_and(Comparison::has_problem)
    }

    fn refuse(&mut self, problem: &'static str) {
        self.accepted = false;
        self.problem.get_or_insert(problem);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("no host");
        let responds = if self.responds { "responds" } else { "does not respond" };
        write!(f, "{}: {host} {responds}, ", self.organisation)?;
        match (self.accepted, self.problem) {
            (true, _) => f.write_str("credential accepted")?,
            (false, problem) => write!(f, "credential not accepted ({})", problem.unwrap_or("unknown"))?,
        }
        match self.days_left {
            None => f.write_str(", token expires at an unknown time")?,
            Some(days) => write!(f, ", token expires in {days} days")?,
        }
        match (self.last_webhook_s, self.last_token) {
            (Some(seconds), Some(token)) => {
                write!(f, ", last webhook {} ago with the {token} token", age(seconds))?;
            }
            _ => f.write_str(", no webhook yet")?,
        }
        f.write_str(match self.rehearsal {
            Rehearsal::Missing => {
                ", nothing is written as no rehearsal has passed: `automations organisation rehearse`"
            }
            Rehearsal::Passed => "",
            Rehearsal::Accepted => ", no rehearsal has passed and that is accepted",
        })?;
        self.comparison.as_ref().map_or(Ok(()), |found| write!(f, "\n{found}"))
    }
}

impl Organisations {
    /// The state of an organisation, without a comparison.
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
            comparison: None,
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

    /// The reason code of the first token in use that cannot be used, and the whole days until one expires, if it says so. The API is not
    /// asked.
    ///
    /// # Errors
    /// If a request to AWS fails.
    pub(crate) async fn token_state(
        &self,
        organisation: &OrganisationId,
        now: Timestamp,
    ) -> Result<(Option<&'static str>, Option<u64>)> {
        let (mut problem, mut days_left) = (None, None);
        for (kind, _) in self.tokens().await? {
            let value = self.value(organisation, kind).await?;
            match value.map(|value| secret::parse::<ApiToken>(&value)) {
                Some(Ok(token)) => days_left = days_left.into_iter().chain(token.days_left(now)).min(),
                Some(Err(_)) => problem = problem.or(Some(Reason::SecretInvalid.as_str())),
                None => problem = problem.or(Some(Reason::SecretNotFound.as_str())),
            }
        }
        Ok((problem, days_left))
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
