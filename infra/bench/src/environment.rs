//! The environment in which the functions are measured: their binaries, and the services that they call.

use crate::aws::Aws;
use crate::counts::Counts;
use crate::events::WEBHOOK_TOKEN;
use crate::lambda::Instance;
use crate::metrics::from_u64;
use crate::tls::Authority;
use crate::vendor::{ORGANISATION, Vendor};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The latency of DynamoDB, SQS and SNS within a region, about: AWS says "single-digit milliseconds" of DynamoDB.
pub(crate) const AWS_LATENCY: Duration = Duration::from_millis(5);

/// Everything that a function needs to run.
#[derive(Debug)]
pub(crate) struct Environment {
    binaries: PathBuf,
    logs: PathBuf,
    /// The AWS services.
    pub(crate) aws: Aws,
    /// Salestrekker.
    pub(crate) vendor: Vendor,
    handshakes: Counts,
    authority: Option<Authority>,
    variables: BTreeMap<String, String>,
}

/// How the functions reach the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Without TLS.
    Plain,
    /// With TLS, by copies of the functions that trust the benchmark.
    Tls,
}

/// What a function used while it processed events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// Wall-clock time.
    pub(crate) duration: Duration,
    /// CPU time.
    pub(crate) cpu: Duration,
    /// Requests to Salestrekker.
    pub(crate) requests: u64,
    /// AWS calls, by operation.
    pub(crate) calls: BTreeMap<String, u64>,
    /// DynamoDB's units, by kind: `write`, of which those of the `index`es, and `read` in halves.
    pub(crate) units: BTreeMap<String, u64>,
    /// Bytes of log output.
    pub(crate) logged: u64,
    /// TLS handshakes.
    pub(crate) handshakes: u64,
}

impl Environment {
    /// Starts the services that the functions call. The functions log into files in the folder `logs`.
    pub(crate) async fn new(
        binaries: &Path,
        stand_in: &Path,
        logs: &Path,
        transport: Transport,
    ) -> Result<Self> {
        std::fs::create_dir_all(logs)?;
        let mut vendor = Vendor::start(stand_in).await?;
        let handshakes = Counts::default();
        let authority = match transport {
            Transport::Plain => None,
            Transport::Tls => Some(Authority::new()?),
        };
        if let Some(authority) = &authority {
            let port = authority.listen(vendor.address, handshakes.clone()).await?;
            vendor.endpoint = format!("https://localhost:{port}/graphql");
        }
        let secret = |kind: &str, value: Value| (format!("bench/{ORGANISATION}/{kind}"), value);
        let secrets = [
            secret("webhook-token", json!({ "token": WEBHOOK_TOKEN })),
            secret(
                "api-token",
                json!({ "endpoint": vendor.endpoint, "token": vendor.token, "rehearsal": "accepted" }),
            ),
        ];
        let (aws, address) = Aws::start(secrets.into()).await?;
        let aws_url = match &authority {
            None => format!("http://{address}"),
            Some(authority) => {
                format!("https://localhost:{}", authority.listen(address, handshakes.clone()).await?)
            }
        };
        let queue = |name: &str| format!("{aws_url}/000000000000/{name}");
        let variables = [
            ("AWS_ENDPOINT_URL", aws_url.clone()),
            ("AWS_REGION", "ap-southeast-2".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("SOURCE_QUEUE_URL", queue("source.fifo")),
            ("DEAD_LETTER_QUEUE_URL", queue("dead-letters.fifo")),
            ("HINTS_QUEUE_URL", queue("hints")),
            ("ACTIONS_QUEUE_URL", queue("actions.fifo")),
            ("TABLE_NAME", "store".to_owned()),
            ("TOPIC_ARN", "arn:aws:sns:ap-southeast-2:000000000000:events.fifo".to_owned()),
            ("SECRETS_PREFIX", "bench".to_owned()),
            // The rate limit that protects the vendor would dominate the measurement.
            ("API_LIMITS", json!({ "requests_per_second": 100_000, "burst": 100_000 }).to_string()),
            ("TICKETS_PER_RUN", "200".to_owned()),
            ("TICKET_LINK", "https://{host}/deal/{workflow}/{ticket}".to_owned()),
            ("BOARD_LINK", "https://{host}/board/{workflow}".to_owned()),
            ("APPLICATION", "bench".to_owned()),
            ("HANDLER", "follow-up-on-settlement".to_owned()),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
            ("METRICS_NAMESPACE", "bench".to_owned()),
            ("ALARM_DESTINATION", format!("{ORGANISATION}/destination-operators")),
            (
                "SETTINGS",
                json!({ "stage": "Settled", "label": "Post-settlement", "follow_up_workflow": "Annual reviews" })
                    .to_string(),
            ),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let logs = logs.to_owned();
        Ok(Self { binaries: binaries.to_owned(), logs, aws, vendor, handshakes, authority, variables })
    }

    /// The path of a function's binary.
    pub(crate) fn binary(&self, function: &str) -> PathBuf {
        self.binaries.join(function)
    }

    /// Starts a function.
    pub(crate) async fn start(&self, function: &str) -> Result<Instance> {
        let log = self.logs.join(format!("bench-{function}.log"));
        let mut binary = self.binary(function);
        if let Some(authority) = &self.authority {
            let copy = self.logs.join(format!("bench-{function}-tls"));
            authority.copy(&binary, &copy)?;
            binary = copy;
        }
        let mut variables = self.variables.clone();
        if function == "digest-of-stalled-tickets" {
            let settings = json!({ "destination": "team", "days": 14 }).to_string();
            variables.extend(
                [("HANDLER", function.to_owned()), ("SETTINGS", settings)]
                    .map(|(name, value)| (name.to_owned(), value)),
            );
        }
        Instance::start(&binary, &variables, &log).await
    }

    /// Sets the latencies of the two fakes.
    pub(crate) fn set_latency(&self, vendor: Duration, aws: Duration) {
        self.vendor.set_latency(vendor);
        self.aws.set_latency(aws);
    }

    /// Invokes a function with these events, one after the other, and returns what it used.
    ///
    /// # Errors
    /// If an invocation fails, or a message of a batch does.
    pub(crate) async fn measure(
        &self,
        instance: &mut Instance,
        events: &[axum::body::Bytes],
    ) -> Result<Usage> {
        let (cpu, logged) = (instance.cpu()?, instance.logged()?);
        let _ = (self.aws.calls.take(), self.aws.take_units(), self.vendor.requests.take());
        let _ = (self.aws.rejected.take(), self.aws.take_messages(), self.handshakes.take());
        let mut duration = Duration::ZERO;
        for event in events {
            let invocation = instance.invoke(event).await?;
            let rejected = self.aws.rejected.take();
            anyhow::ensure!(
                rejected.is_empty(),
                "the fake of AWS cannot perform {rejected:?}; see infra/bench/src/aws"
            );
            let failures = invocation.response.get("batchItemFailures").and_then(Value::as_array);
            anyhow::ensure!(
                failures.is_none_or(Vec::is_empty),
                "some messages failed; see the logs in {}",
                self.logs.display()
            );
            duration = duration.saturating_add(invocation.duration);
        }
        Ok(Usage {
            duration,
            cpu: instance.cpu()?.saturating_sub(cpu),
            requests: self.vendor.requests.take().values().sum(),
            calls: self.aws.calls.take(),
            units: self.aws.take_units(),
            logged: instance.logged()?.saturating_sub(logged),
            handshakes: self.handshakes.take().values().sum(),
        })
    }
}

impl Usage {
    /// DynamoDB's write units.
    pub(crate) fn write_units(&self) -> f64 {
        self.units_of("write")
    }

    /// Those of the indexes.
    pub(crate) fn index_units(&self) -> f64 {
        self.units_of("index")
    }

    /// DynamoDB's read units.
    pub(crate) fn read_units(&self) -> f64 {
        self.units_of("read") / 2.0
    }

    fn units_of(&self, kind: &str) -> f64 {
        self.units.get(kind).copied().map_or(0.0, from_u64)
    }

    /// The number of calls of this operation.
    pub(crate) fn calls_of(&self, operation: &str) -> f64 {
        self.calls.get(operation).copied().map_or(0.0, from_u64)
    }

    /// The sum of all AWS calls.
    pub(crate) fn all_calls(&self) -> f64 {
        from_u64(self.calls.values().sum())
    }
}
