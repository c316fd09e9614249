//! Where the functions are measured: their binaries, and everything that they talk to.

use crate::aws::Aws;
use crate::events::WEBHOOK_TOKEN;
use crate::lambda::Instance;
use crate::vendor::{ORGANISATION, Vendor};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What DynamoDB, SQS and EventBridge take within a region, about: single-digit milliseconds, as AWS says of the first.
pub(crate) const AWS_TIME: Duration = Duration::from_millis(5);

/// Everything that a function needs to run.
#[derive(Debug)]
pub(crate) struct Bench {
    binaries: PathBuf,
    logs: PathBuf,
    /// The AWS services.
    pub(crate) aws: Aws,
    /// Salestrekker.
    pub(crate) vendor: Vendor,
    variables: BTreeMap<String, String>,
}

/// What was used while something was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    /// Time by the clock.
    pub(crate) took: Duration,
    /// Time on a CPU.
    pub(crate) cpu: Duration,
    /// Requests to Salestrekker.
    pub(crate) requests: u64,
    /// AWS calls, by operation.
    pub(crate) calls: BTreeMap<String, u64>,
    /// DynamoDB's read and write units.
    pub(crate) units: BTreeMap<String, u64>,
    /// Bytes of logs.
    pub(crate) logged: u64,
}

impl Bench {
    /// Starts what the functions talk to. Logs go into `logs`.
    pub(crate) async fn set(binaries: &Path, stand_in: &Path, logs: &Path) -> Result<Self> {
        std::fs::create_dir_all(logs)?;
        let vendor = Vendor::start(stand_in).await?;
        let secret = |kind: &str, value: Value| (format!("bench/{ORGANISATION}/{kind}"), value);
        let secrets = [
            secret("webhook-token", json!({ "token": WEBHOOK_TOKEN })),
            secret("api-token", json!({ "endpoint": vendor.endpoint, "token": vendor.token })),
        ];
        let (aws, aws_url) = Aws::start(secrets.into()).await?;
        let queue = |name: &str| format!("{aws_url}/000000000000/{name}");
        let variables = [
            ("AWS_ENDPOINT_URL", aws_url.clone()),
            ("AWS_REGION", "ap-southeast-2".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("SOURCE_QUEUE_URL", queue("source")),
            ("DEAD_LETTER_QUEUE_URL", queue("dead-letters")),
            ("HINTS_QUEUE_URL", queue("hints")),
            ("ACTIONS_QUEUE_URL", queue("actions.fifo")),
            ("TABLE_NAME", "store".to_owned()),
            ("BUS_NAME", "events".to_owned()),
            ("SECRETS_PREFIX", "bench".to_owned()),
            // The pace that spares the vendor would be what is measured.
            ("API_LIMITS", json!({ "requests_per_second": 100_000, "burst": 100_000 }).to_string()),
            ("TICKETS_PER_RUN", "200".to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
            ("METRICS_NAMESPACE", "bench".to_owned()),
            (
                "SETTINGS",
                json!({ "stage": "Settled", "label": "Post-settlement", "follow_up_workflow": "Annual reviews" })
                    .to_string(),
            ),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (binaries, logs) = (binaries.to_owned(), logs.to_owned());
        Ok(Self { binaries, logs, aws, vendor, variables })
    }

    /// A function's binary.
    pub(crate) fn binary(&self, function: &str) -> PathBuf {
        self.binaries.join(function)
    }

    /// Starts a function.
    pub(crate) async fn start(&self, function: &str) -> Result<Instance> {
        let log = self.logs.join(format!("bench-{function}.log"));
        Instance::start(&self.binary(function), &self.variables, &log).await
    }

    /// Everybody answers after these times from now on.
    pub(crate) fn answer_after(&self, vendor: Duration, aws: Duration) {
        self.vendor.answer_after(vendor);
        self.aws.answer_after(aws);
    }

    /// Has a function work on these events, one after the other; what that used.
    pub(crate) async fn used(&self, instance: &mut Instance, events: &[axum::body::Bytes]) -> Result<Used> {
        let (cpu, logged) = (instance.cpu()?, instance.logged()?);
        let _ = (self.aws.calls.take(), self.aws.units.take(), self.vendor.requests.take());
        let mut took = Duration::ZERO;
        for event in events {
            let invoked = instance.invoke(event).await?;
            let failures = invoked.answer.get("batchItemFailures").and_then(Value::as_array);
            anyhow::ensure!(failures.is_none_or(Vec::is_empty), "messages fail; see {}", self.logs.display());
            took = took.saturating_add(invoked.took);
        }
        Ok(Used {
            took,
            cpu: instance.cpu()?.saturating_sub(cpu),
            requests: self.vendor.requests.take().values().sum(),
            calls: self.aws.calls.take(),
            units: self.aws.units.take(),
            logged: instance.logged()?.saturating_sub(logged),
        })
    }
}

impl Used {
    /// AWS calls in all.
    pub(crate) fn all_calls(&self) -> u64 {
        self.calls.values().sum()
    }
}
