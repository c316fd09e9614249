//! Access to a deployed stack: its endpoint, the Salestrekker stand-in, the journal, the queues.

mod hosted;
mod listener;
mod organisation;
mod roles;
mod template;
mod written;

pub use hosted::Hosted;
pub use listener::Listener;
pub use organisation::{Mutation, Organisation};
pub use roles::{RolePolicy, one_or_more, with_batch_forms};
pub use template::{every_resource_of, resources_of};
pub use written::{OutputKind, StoredText};

use anyhow::{Context as _, Result};
use automations::aws;
use automations::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The name that samconfig.toml gives the local stack.
pub const LOCAL_STACK: &str = "automations";

/// Actions with the batch form that the local engine takes for an action of its own. To AWS both are the first one (Amazon SQS
/// Developer Guide, "Amazon SQS API permissions"; Amazon SNS API Reference, `PublishBatch`).
pub const BATCH_FORMS: [(&str, &str); 5] = [
    ("sqs:SendMessage", "sqs:SendMessageBatch"),
    ("sqs:DeleteMessage", "sqs:DeleteMessageBatch"),
    ("sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch"),
    ("sns:Publish", "sns:PublishBatch"),
    ("dynamodb:PartiQLUpdate", STATEMENTS),
];

/// As the local engine calls it. It does not look for the table in the statements, so that it judges it for every resource.
pub(crate) const STATEMENTS: &str = "dynamodb:BatchExecuteStatement";

/// The addresses of a stack, as `cargo xtask up --json` prints them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackAddresses {
    /// The seeded organisation's webhook URL, token included.
    pub webhook_url: String,
    /// The URL of the Salestrekker stand-in, which has `/graphql` and `/control/...`.
    pub salestrekker_url: String,
    /// The endpoint of every AWS service.
    pub aws_endpoint_url: String,
    /// The region.
    pub region: String,
    /// The seeded organisation.
    pub organisation: String,
    /// The name of the CloudFormation stack, which is also the prefix of every secret's name.
    pub stack: String,
    /// The ARN of the topic of events.
    pub topic: String,
    /// The name of the table.
    pub table: String,
    /// The name of the queue of hints.
    pub hints_queue: String,
    /// The name of the dead-letter queue of hints.
    pub hints_dead_letters_queue: String,
    /// The name of the queue of actions.
    pub actions_queue: String,
    /// The name of the dead-letter queue of actions.
    pub actions_dead_letters_queue: String,
    /// The ARN of the rotation function.
    pub rotator: String,
}

/// A stack with its clients.
#[derive(Debug)]
pub struct Stack {
    /// Its addresses.
    pub addresses: StackAddresses,
    pub(crate) http: reqwest::Client,
    /// The SQS client.
    pub sqs: aws_sdk_sqs::Client,
    /// The SNS client.
    pub sns: aws_sdk_sns::Client,
    /// The Secrets Manager client.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// The Lambda client.
    pub lambda: aws_sdk_lambda::Client,
    /// The `CloudWatch` Logs client.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// The DynamoDB client.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The CloudFormation client.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// The IAM client.
    pub iam: aws_sdk_iam::Client,
}

impl Stack {
    /// The stack that xtask started for this command.
    ///
    /// # Errors
    /// If the variable `STACK` is not set.
    #[expect(clippy::unused_async, reason = "the same form as `seeded`")]
    pub async fn found() -> Result<Self> {
        let next = "this needs a running stack: run `cargo xtask test` (or `demo`)";
        let addresses = variable("STACK").context(next)?;
        Self::at(serde_json::from_str(&addresses)?)
    }

    /// A stack that was just deployed: reads its addresses from CloudFormation, and creates one organisation.
    ///
    /// # Errors
    /// If the stack is not deployed.
    pub async fn seeded(organisation: &str) -> Result<Self> {
        let config = aws::load()?;
        let cloudformation = aws_sdk_cloudformation::Client::new(&config);
        let answer = cloudformation.describe_stacks().stack_name(LOCAL_STACK).send().await?;
        let stack = answer.stacks().first().context("the stack is not deployed")?;
        let output = |key: &str| {
            let found = stack.outputs().iter().find(|output| output.output_key() == Some(key));
            let value = found.and_then(|output| output.output_value()).map(str::to_owned);
            value.with_context(|| format!("template.yaml has no output {key}"))
        };
        let queue = |key: &str| Ok::<_, anyhow::Error>(last_part(&output(key)?, '/'));
        let lambda = aws_sdk_lambda::Client::new(&config);
        let ingest = lambda.get_function_url_config().function_name(format!("{LOCAL_STACK}-webhook-ingest"));
        let addresses = StackAddresses {
            webhook_url: ingest.qualifier("live").send().await?.function_url,
            salestrekker_url: variable("SALESTREKKER_URL")?,
            aws_endpoint_url: variable("AWS_ENDPOINT_URL")?,
            region: variable("AWS_REGION")?,
            organisation: organisation.to_owned(),
            stack: LOCAL_STACK.to_owned(),
            topic: output("TopicArn")?,
            table: output("TableName")?,
            hints_queue: queue("HintsQueueUrl")?,
            hints_dead_letters_queue: queue("HintsDeadLettersUrl")?,
            actions_queue: queue("ActionsQueueUrl")?,
            actions_dead_letters_queue: queue("ActionsDeadLettersUrl")?,
            rotator: output("RotatorArn")?,
        };
        let mut seeded = Self::at(addresses)?;
        seeded.addresses.webhook_url = seeded.organisation(organisation).await?.webhook_url("ticket-updated");
        Ok(seeded)
    }

    /// The table.
    pub fn store(&self) -> Store {
        Store::new(self.dynamodb.clone(), self.addresses.table.clone())
    }

    /// The URL of the queue with this name.
    ///
    /// # Errors
    /// If there is no such queue.
    pub async fn queue_url(&self, name: &str) -> Result<String> {
        let answer = self.sqs.get_queue_url().queue_name(name).send().await?;
        answer.queue_url.context("a queue without a URL")
    }

    /// The log lines of a function that contain this text.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn logged(&self, function: &str, text: &str) -> Result<Vec<String>> {
        let group = format!("/aws/lambda/{}-{function}", self.addresses.stack);
        let answer = self
            .logs
            .filter_log_events()
            .log_group_name(group)
            .filter_pattern(format!("\"{text}\""))
            .send()
            .await?;
        Ok(answer.events().iter().filter_map(|event| event.message.clone()).collect())
    }

    /// The metrics of a function: its log lines in `CloudWatch`'s embedded metric format.
    ///
    /// # Errors
    /// If a request fails, or a line is not valid JSON.
    pub async fn metrics(&self, function: &str) -> Result<Vec<Value>> {
        let lines = self.logged(function, "CloudWatchMetrics").await?;
        lines.iter().map(|line| serde_json::from_str(line).with_context(|| line.clone())).collect()
    }

    /// The number of messages in a queue, in flight or not.
    ///
    /// # Errors
    /// If the request fails.
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

    /// Receives and deletes all messages of a queue: the body and the attribute `reason` of each.
    ///
    /// # Errors
    /// If a request fails.
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
                let reason = reason.unwrap_or("max_receives_exceeded").to_owned();
                let receipt = message.receipt_handle.clone().unwrap_or_default();
                self.sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await?;
                taken.push((message.body.unwrap_or_default(), reason));
            }
        }
    }

    /// `http://…/_aws/lambda-url/{id}`: the form of the function URL that every client can reach. Not every resolver resolves
    /// the host of the other form, `{id}.lambda-url.…`.
    pub(crate) fn ingest_url(&self) -> String {
        let StackAddresses { webhook_url, aws_endpoint_url, .. } = &self.addresses;
        if let Some((before, _)) = webhook_url.split_once("/hooks/") {
            return before.to_owned();
        }
        let host = webhook_url.split("//").last().unwrap_or_default();
        let id = host.split('.').next().unwrap_or_default();
        format!("{aws_endpoint_url}/_aws/lambda-url/{id}")
    }

    fn at(addresses: StackAddresses) -> Result<Self> {
        let config = aws::load()?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self {
            addresses,
            http,
            sqs: aws::sqs(&config),
            sns: aws::sns(&config),
            secrets: aws::secrets_manager(&config),
            dynamodb: aws::dynamodb(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
        })
    }
}

/// Polls `check` until it succeeds. Its error says what it found instead.
///
/// # Errors
/// After `seconds`, with the last error.
pub async fn eventually<T>(what: &str, seconds: u64, mut check: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match check().await {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() > Duration::from_secs(seconds) => {
                return Err(error.context(format!("timed out after {seconds} s waiting for {what}")));
            }
            Err(_) => {}
        }
        #[expect(clippy::disallowed_methods, reason = "the pause between two polls")]
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn last_part(text: &str, separator: char) -> String {
    text.rsplit(separator).next().unwrap_or_default().to_owned()
}

/// A variable that xtask set for this process.
///
/// # Errors
/// If it is not set.
pub fn variable(name: &str) -> Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "set by xtask for its own children, which are not functions"
    )]
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
