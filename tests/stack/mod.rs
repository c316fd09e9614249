//! A deployed stack, as whoever uses it sees it: HTTP in, Salestrekker's state, the journal, the queues.

mod hosted;
mod listener;
mod organisation;
mod template;
mod written;

pub use hosted::Hosted;
pub use listener::Listener;
pub use organisation::{Mutation, Organisation};
pub use template::resources_of;
pub use written::{Where, Written};

use anyhow::{Context as _, Result};
use automations::aws;
use automations::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The name that samconfig.toml gives the local stack.
const STACK_NAME: &str = "automations";

/// Where a stack is; what `cargo xtask up --json` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackAddresses {
    /// A URL to post a webhook to, with its token; the seeded organisation's.
    pub webhook_url: String,
    /// Salestrekker's stand-in: `/graphql` and `/control/...`.
    pub salestrekker_url: String,
    /// The endpoint of every AWS service.
    pub aws_endpoint_url: String,
    /// The region that the stack plays.
    pub region: String,
    /// The seeded organisation.
    pub organisation: String,
    /// The CloudFormation stack's name, which is also the first part of every secret's.
    pub stack: String,
    /// The bus's name.
    pub bus: String,
    /// The table's name.
    pub table: String,
    /// The queue of hints, by name.
    pub hints_queue: String,
    /// Hints that were given up.
    pub hints_dead_letters_queue: String,
    /// The queue of actions.
    pub actions_queue: String,
    /// Actions that were given up.
    pub actions_dead_letters_queue: String,
    /// The rotation function, by ARN.
    pub rotator: String,
}

/// A stack, with clients for it.
#[derive(Debug)]
pub struct Stack {
    /// Where it is.
    pub place: StackAddresses,
    pub(crate) http: reqwest::Client,
    /// A client of SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// A client of EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// A client of Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// A client of Lambda.
    pub lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    /// A client of DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// A client of CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
}

impl Stack {
    /// The stack that xtask started for this command.
    ///
    /// # Errors
    /// Where there is none.
    #[expect(clippy::unused_async, reason = "as for a stack that has to be asked where it is")]
    pub async fn found() -> Result<Self> {
        let next = "these need a stack: run `cargo xtask test` (or `demo`)";
        let place = variable("STACK").context(next)?;
        Self::at(serde_json::from_str(&place)?)
    }

    /// A stack that was deployed a moment ago: asks CloudFormation where everything is, and makes one organisation.
    ///
    /// # Errors
    /// Where it is not deployed.
    pub async fn seeded(organisation: &str) -> Result<Self> {
        let cloudformation = aws_sdk_cloudformation::Client::new(&aws::load()?);
        let answer = cloudformation.describe_stacks().stack_name(STACK_NAME).send().await?;
        let stack = answer.stacks().first().context("the stack is not deployed")?;
        let output = |key: &str| {
            let found = stack.outputs().iter().find(|output| output.output_key() == Some(key));
            let value = found.and_then(|output| output.output_value()).map(str::to_owned);
            value.with_context(|| format!("template.yaml has no output {key}"))
        };
        let queue = |key: &str| Ok::<_, anyhow::Error>(last_part(&output(key)?, '/'));
        let place = StackAddresses {
            webhook_url: output("WebhookUrl")?,
            salestrekker_url: variable("SALESTREKKER_URL")?,
            aws_endpoint_url: variable("AWS_ENDPOINT_URL")?,
            region: variable("AWS_REGION")?,
            organisation: organisation.to_owned(),
            stack: STACK_NAME.to_owned(),
            bus: output("BusName")?,
            table: output("TableName")?,
            hints_queue: queue("HintsQueueUrl")?,
            hints_dead_letters_queue: queue("HintsDeadLettersUrl")?,
            actions_queue: queue("ActionsQueueUrl")?,
            actions_dead_letters_queue: queue("ActionsDeadLettersUrl")?,
            rotator: output("RotatorArn")?,
        };
        let mut seeded = Self::at(place)?;
        seeded.place.webhook_url = seeded.organisation(organisation).await?.webhook_url("ticket-updated");
        Ok(seeded)
    }

    /// The table.
    pub fn store(&self) -> Store {
        Store::new(self.dynamodb.clone(), self.place.table.clone())
    }

    /// The URL of a queue, by its name.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn queue_url(&self, name: &str) -> Result<String> {
        let answer = self.sqs.get_queue_url().queue_name(name).send().await?;
        answer.queue_url.context("a queue without a URL")
    }

    /// The log lines of a function that hold this text.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn logged(&self, function: &str, text: &str) -> Result<Vec<String>> {
        let group = format!("/aws/lambda/{}-{function}", self.place.stack);
        let answer = self
            .logs
            .filter_log_events()
            .log_group_name(group)
            .filter_pattern(format!("\"{text}\""))
            .send()
            .await?;
        Ok(answer.events().iter().filter_map(|event| event.message.clone()).collect())
    }

    /// The figures of a function: its log lines in `CloudWatch`'s embedded metric format.
    ///
    /// # Errors
    /// As a request fails, or a line is no JSON.
    pub async fn told(&self, function: &str) -> Result<Vec<Value>> {
        let lines = self.logged(function, "CloudWatchMetrics").await?;
        lines.iter().map(|line| serde_json::from_str(line).with_context(|| line.clone())).collect()
    }

    /// How many messages stand in a queue, in flight or not.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn depth(&self, queue: &str) -> Result<u64> {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages as Waiting, ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let url = self.queue_url(queue).await?;
        let request = self.sqs.get_queue_attributes().queue_url(url);
        let answer = request.attribute_names(Waiting).attribute_names(InFlight).send().await?;
        Ok(answer
            .attributes()
            .iter()
            .flat_map(|all| all.values())
            .filter_map(|count| count.parse::<u64>().ok())
            .sum())
    }

    /// Takes all messages out of a queue: each one's body, and its attribute `reason`.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn take_all(&self, queue: &str) -> Result<Vec<(String, String)>> {
        let url = self.queue_url(queue).await?;
        let mut taken = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
            let messages = request.message_attribute_names("All").send().await?.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(taken);
            }
            for message in messages {
                let reason = message.message_attributes().and_then(|all| all.get("reason")?.string_value());
                let reason = reason.unwrap_or("moved by the queue").to_owned();
                let receipt = message.receipt_handle.clone().unwrap_or_default();
                self.sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await?;
                taken.push((message.body.unwrap_or_default(), reason));
            }
        }
    }

    /// `http://…/_aws/lambda-url/{id}`: the function URL in the form that every client can reach; the host of the other
    /// form, `{id}.lambda-url.…`, is one that not every resolver knows.
    pub(crate) fn ingest_url(&self) -> String {
        let StackAddresses { webhook_url, aws_endpoint_url, .. } = &self.place;
        if let Some((before, _)) = webhook_url.split_once("/hooks/") {
            return before.to_owned();
        }
        let host = webhook_url.split("//").last().unwrap_or_default();
        let id = host.split('.').next().unwrap_or_default();
        format!("{aws_endpoint_url}/_aws/lambda-url/{id}")
    }

    fn at(place: StackAddresses) -> Result<Self> {
        let config = aws::load()?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self {
            place,
            http,
            sqs: aws::sqs(&config),
            events: aws::eventbridge(&config),
            secrets: aws::secrets_manager(&config),
            dynamodb: aws::dynamodb(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
        })
    }
}

/// Looks until `look` finds what it wants; each time it does not, it says what it saw instead.
///
/// # Errors
/// After `seconds`, with what was seen last.
pub async fn eventually<T>(what: &str, seconds: u64, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(seen) if start.elapsed() > Duration::from_secs(seconds) => {
                return Err(seen.context(format!("{what} did not come about in {seconds} s")));
            }
            Err(_) => {}
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the pause between two looks at something that can be seen"
        )]
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn last_part(text: &str, separator: char) -> String {
    text.rsplit(separator).next().unwrap_or_default().to_owned()
}

fn variable(name: &str) -> Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "set by xtask for its own children, which are not functions"
    )]
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
