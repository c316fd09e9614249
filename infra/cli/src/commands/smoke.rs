//! `automations smoke`: whether a stack is complete, serves what was deployed, and its endpoint responds. It changes nothing, unless
//! a test webhook is requested.

use crate::account::Account;
use crate::commands::alias_check::AliasCheck;
use crate::commands::dead_letters::DeadLetterQueues;
use crate::commands::organisation::Organisations;
use crate::exit_code::Exit;
use crate::report::{Check, count, during, print, print_json, say_error};
use anyhow::{Context as _, Result};
use automations::clock;
use automations::id::OrganisationId;
use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use std::time::Duration;

/// Check whether a stack is complete, serves what was deployed, and its endpoint responds; changes nothing without --webhook
#[derive(Debug, Args)]
#[command(after_help = "Example: automations smoke --organisation north --profile prod")]
pub struct Arguments {
    /// Also check this organisation's webhook URL, with a GET request
    #[arg(long, value_name = "NAME")]
    organisation: Option<OrganisationId>,
    /// Send the organisation a webhook for a ticket that does not exist: one API request, one event `webhook.unrecognised`
    #[arg(long, requires = "organisation")]
    webhook: bool,
}

/// Runs `automations smoke`.
///
/// # Errors
/// If the stack does not exist, or a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let target = account.target().await?;
    let organisations = Organisations::of(&target)?;
    if let Some(organisation) = &arguments.organisation {
        organisations.existing(organisation).await?;
    }
    let lambda = aws_sdk_lambda::Client::new(&target.config);
    let cloudformation = aws_sdk_cloudformation::Client::new(&target.config);
    let smoke = Smoke {
        organisations,
        functions: AliasCheck::new(lambda, cloudformation, target.stack.clone()),
        dead_letters: DeadLetterQueues::new(
            &target.config,
            target.stack.clone(),
            target.store(),
            clock::now(),
        ),
        organisation: arguments.organisation,
        webhook: arguments.webhook,
    };
    let checks = during("checking", smoke.run()).await?;
    let failed = checks.iter().filter(|check| !check.good).count();
    if account.json {
        print_json(&json!({ "good": failed == 0, "checks": checks }))?;
    } else {
        for check in &checks {
            print(&format!("{} {}: {}", if check.good { "✓" } else { "✗" }, check.name, check.seen))?;
        }
        if failed > 0 {
            say_error(&format!(
                "{failed} of {} checks failed; docs/runbook.md says what to do",
                checks.len()
            ));
        }
    }
    Ok(Exit::problem_if(failed > 0))
}

/// A stack to check.
#[derive(Debug)]
pub struct Smoke {
    /// Its organisations.
    pub organisations: Organisations,
    /// Its functions.
    pub functions: AliasCheck,
    /// Its dead letters.
    pub dead_letters: DeadLetterQueues,
    /// An organisation whose webhook URL is checked too.
    pub organisation: Option<OrganisationId>,
    /// Whether a webhook is sent to it for a ticket that does not exist: it costs one API request and causes one event
    /// `webhook.unrecognised`, which no handler should subscribe to.
    pub webhook: bool,
}

impl Smoke {
    /// Checks everything; what is not as it should be is a failed check, not an error.
    ///
    /// # Errors
    /// If the stack does not exist, or a request fails.
    pub async fn run(&self) -> Result<Vec<Check>> {
        let http = Client::builder().timeout(Duration::from_secs(15)).build()?;
        let (status, endpoint) = self.organisations.application().await?;
        let whole =
            status.ends_with("_COMPLETE") && !status.contains("ROLLBACK") && !status.contains("DELETE");
        let mut checks = vec![Check { name: "the stack is complete", good: whole, seen: status }];
        checks.push(self.functions.check().await?);
        let nowhere = (Method::GET, endpoint.clone(), StatusCode::NOT_FOUND);
        checks.push(responds(&http, "the ingest endpoint responds", nowhere).await);
        // 401, and not 503, shows that the list of organisations was read and, if there is an organisation, that Secrets Manager
        // responded.
        let some = match &self.organisation {
            Some(organisation) => Some(organisation.clone()),
            None => self.organisations.list().await?.into_iter().next(),
        };
        let some = some.as_ref().map_or("smoke-unknown", OrganisationId::as_str);
        let unknown =
            (Method::POST, format!("{endpoint}hooks/{some}/ticket-updated/0"), StatusCode::UNAUTHORIZED);
        checks.push(
            responds(&http, "unauthorised requests are rejected, and secrets can be read", unknown).await,
        );
        if let Some(organisation) = &self.organisation {
            let urls = self.organisations.urls(organisation).await?.urls;
            let url = urls.into_values().next().context("the organisation has no URL")?;
            let get = (Method::GET, url.clone(), StatusCode::OK);
            checks.push(responds(&http, "the organisation's webhook URL is ready", get).await);
            if self.webhook {
                let webhook = (Method::POST, url, StatusCode::ACCEPTED);
                checks.push(responds(&http, "a test webhook is accepted", webhook).await);
            }
        }
        let counts = self.dead_letters.counts().await?;
        let dead_letters = count(counts.values().sum(), "message", "messages");
        let seen = format!("{dead_letters} in {} queues; `automations dlq show` says why", counts.len());
        checks.push(Check { name: "dead-letter queues can be read", good: !counts.is_empty(), seen });
        Ok(checks)
    }
}

/// Whether the response to a request has this status. The URL is secret: neither it nor an error that quotes it is printed.
async fn responds(http: &Client, name: &'static str, wanted: (Method, String, StatusCode)) -> Check {
    let (method, url, status) = wanted;
    let mut request = http.request(method.clone(), url);
    if method == Method::POST {
        request = request.header("content-type", "application/json").body(r#"{"id": "smoke-test"}"#);
    }
    match request.send().await {
        Ok(response) => {
            let seen = response.status();
            Check { name, good: seen == status, seen: format!("{}", seen.as_u16()) }
        }
        Err(error) => Check { name, good: false, seen: format!("no response: {}", error.without_url()) },
    }
}
