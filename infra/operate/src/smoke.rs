//! Whether a stack is whole, serves what was deployed, and its door answers. It changes nothing, unless a test webhook is asked for.

use crate::letters::DeadLetterQueues;
use crate::organisation::Organisations;
use crate::serving::AliasCheck;
use anyhow::{Context as _, Result};
use automations::id::OrganisationId;
use reqwest::{Client, Method, StatusCode};
use serde::Serialize;
use std::time::Duration;

/// A stack to try.
#[derive(Debug)]
pub struct Smoke {
    /// Where it is.
    pub organisations: Organisations,
    /// Its functions.
    pub serving: AliasCheck,
    /// What was given up.
    pub letters: DeadLetterQueues,
    /// An organisation whose webhook URL is tried too.
    pub organisation: Option<OrganisationId>,
    /// Whether a webhook is sent to it, which names a ticket that does not exist: it costs one request to the API and makes
    /// one `webhook.unrecognised`, which no handler should answer.
    pub webhook: bool,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was seen.
    pub seen: String,
}

impl Smoke {
    /// Tries everything; what is not as it should be is told, not an error.
    ///
    /// # Errors
    /// Where the stack is not there, or cannot be asked.
    pub async fn run(&self) -> Result<Vec<Check>> {
        let http = Client::builder().timeout(Duration::from_secs(15)).build()?;
        let (status, door) = self.organisations.application().await?;
        let whole =
            status.ends_with("_COMPLETE") && !status.contains("ROLLBACK") && !status.contains("DELETE");
        let mut checks = vec![Check { name: "the stack is whole", good: whole, seen: status }];
        checks.push(self.serving.check().await?);
        let nowhere = (Method::GET, door.clone(), StatusCode::NOT_FOUND);
        checks.push(answers(&http, "the door runs", nowhere).await);
        // 401, and not 503, says that Secrets Manager was asked and answered.
        let stranger =
            (Method::POST, format!("{door}hooks/nobody-smoke/ticket-updated/0"), StatusCode::UNAUTHORIZED);
        checks.push(answers(&http, "a stranger is refused, and secrets can be read", stranger).await);
        if let Some(organisation) = &self.organisation {
            let urls = self.organisations.urls(organisation).await?.urls;
            let url = urls.into_values().next().context("the organisation has no URL")?;
            let look = (Method::GET, url.clone(), StatusCode::OK);
            checks.push(answers(&http, "the organisation's URL is ready", look).await);
            if self.webhook {
                let webhook = (Method::POST, url, StatusCode::ACCEPTED);
                checks.push(answers(&http, "a test webhook is accepted", webhook).await);
            }
        }
        let counts = self.letters.counts().await?;
        let given_up: u64 = counts.values().sum();
        let seen = format!("{given_up} in {} queues; `cargo xtask dlq list` says why", counts.len());
        checks.push(Check { name: "dead-letter queues can be read", good: !counts.is_empty(), seen });
        Ok(checks)
    }
}

/// Whether a request is answered with this status. The URL is secret: neither it nor an error that quotes it is told.
async fn answers(http: &Client, name: &'static str, wanted: (Method, String, StatusCode)) -> Check {
    let (method, url, status) = wanted;
    let mut request = http.request(method.clone(), url);
    if method == Method::POST {
        request = request.header("content-type", "application/json").body(r#"{"id": "smoke-test"}"#);
    }
    match request.send().await {
        Ok(answer) => {
            let seen = answer.status();
            Check { name, good: seen == status, seen: format!("{}", seen.as_u16()) }
        }
        Err(error) => Check { name, good: false, seen: format!("no answer: {}", error.without_url()) },
    }
}
