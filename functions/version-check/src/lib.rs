//! Invokes a new version of a function before it gets traffic, and reports to CodeDeploy whether it responds as it should. So a
//! version that cannot start, or cannot read what it needs, never serves.
//!
//! It changes nothing: the request to webhook-ingest is for an organisation that does not exist, and a batch is empty.

mod invocation;
mod question;
mod target;

pub use crate::invocation::{Deployment, Invocation};
pub use crate::target::Target;

use crate::question::Question;
use crate::target::NoTarget;
use automations::failure::chain;
use automations::serde::Serialize;
use automations::telemetry::EventName;
use automations::tracing;
use aws_sdk_codedeploy::types::LifecycleEventStatus;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;

/// The services that this function calls.
#[derive(Debug)]
pub struct VersionCheck {
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// CodeDeploy.
    pub codedeploy: aws_sdk_codedeploy::Client,
    /// The application, with which the names of its functions begin.
    pub application: String,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(crate = "automations::serde")]
pub struct Report {
    /// Whether the version responded as it should.
    pub good: bool,
    /// What was seen; nothing of the response itself.
    pub seen: String,
}

/// Why the result did not reach CodeDeploy, which fails the deployment after an hour without it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// CodeDeploy rejected it, or did not respond.
    #[error("CodeDeploy did not take the result ({0}); stop the deployment, or it fails within an hour")]
    NotReported(String),
}

impl VersionCheck {
    /// Checks a version, and reports to the deployment that waits.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        match invocation {
            Invocation::OfDeployment(deployment) => {
                let report = match target::of_deployment(&self.codedeploy, &deployment.id).await {
                    Ok(target) => self.check(&target).await,
                    Err(error) => unknown(&error),
                };
                self.report(deployment, &report).await?;
                Ok(report)
            }
            Invocation::ByHand(target) => Ok(self.check(&target).await),
        }
    }

    async fn report(&self, deployment: Deployment, report: &Report) -> Result<(), Error> {
        let status = if report.good { LifecycleEventStatus::Succeeded } else { LifecycleEventStatus::Failed };
        let request = self.codedeploy.put_lifecycle_event_hook_execution_status().status(status);
        let request =
            request.deployment_id(deployment.id).lifecycle_event_hook_execution_id(deployment.execution);
        let reported = request.send().await;
        reported.map_err(|error| Error::NotReported(error.code().unwrap_or("no response").to_owned()))?;
        Ok(())
    }

    async fn check(&self, target: &Target) -> Report {
        let responded = self.ask(target).await;
        let good = responded.is_ok();
        let seen = responded.unwrap_or_else(|seen| seen);
        let Target { function, version } = target;
        if good {
            let event_name = EventName::VersionChecked.as_str();
            tracing::info!(event_name, function, version, seen, "a version responds as it should");
        } else {
            let event_name = EventName::VersionCheckFailed.as_str();
            tracing::error!(event_name, function, version, seen, "a version does not respond as it should");
        }
        Report { good, seen }
    }

    /// What was seen of a version: `Err` if it is not as it should be.
    async fn ask(&self, target: &Target) -> Result<String, String> {
        let Target { function, version } = target;
        let own = function.strip_prefix(&self.application).and_then(|name| name.strip_prefix('-'));
        let question = own.and_then(Question::to).ok_or_else(|| format!("{function} has no check"))?;
        let event = Blob::new(question.event().to_string());
        let request = self.lambda.invoke().function_name(function).qualifier(version).payload(event);
        let response = request.send().await.map_err(|error| {
            let code = error.code().unwrap_or("no response");
            format!("Lambda did not invoke version {version} of {function}: {code}")
        })?;
        if let Some(kind) = response.function_error() {
            return Err(format!("version {version} of {function} failed ({kind}); its log group says why"));
        }
        let judged = question.judge(response.payload().map(Blob::as_ref).unwrap_or_default());
        let named = |seen: &str| format!("version {version} of {function} {seen}");
        judged.map(named).map_err(|seen| named(&seen))
    }
}

/// The report on a deployment whose version is not known: it is not deployed.
fn unknown(error: &NoTarget) -> Report {
    let seen = error.to_string();
    tracing::error!(
        event_name = EventName::VersionCheckFailed.as_str(),
        seen,
        "it is unknown what is deployed"
    );
    Report { good: false, seen }
}

/// Logs an error and returns its text for Lambda.
pub fn log_failure(error: &Error) -> String {
    let text = chain(error);
    let event_name = EventName::VersionCheckNotReported.as_str();
    tracing::error!(event_name, error = text, "the result did not reach CodeDeploy");
    text
}

#[cfg(test)]
mod tests;
