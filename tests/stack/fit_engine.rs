//! Makes up for two differences between the local engine and AWS. It runs after every local deployment, and never on AWS.

use anyhow::{Context as _, Result};
use automations::aws;
use end_to_end::stack::{BATCH_FORMS, LOCAL_STACK, RolePolicy, every_resource_of, one_or_more};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<()> {
    let config = aws::load()?;
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let iam = aws_sdk_iam::Client::new(&config);
    for policy in RolePolicy::all(&cloudformation, &iam, LOCAL_STACK).await? {
        let document = with_batch_forms(policy.document.clone());
        if document != policy.document {
            RolePolicy { document, ..policy }.put(&iam).await?;
        }
    }
    mark_fifo_topics(&cloudformation, &aws_sdk_sns::Client::new(&config)).await
}

/// Allows the batch form of an action wherever the single form is allowed. To AWS they are one action.
fn with_batch_forms(mut document: Value) -> Value {
    let statements = document.get_mut("Statement").and_then(Value::as_array_mut);
    for statement in statements.into_iter().flatten().filter(|statement| statement["Effect"] == "Allow") {
        let mut actions: Vec<Value> = one_or_more(&statement["Action"]).into_iter().cloned().collect();
        let is_missing = |(single, batch): &&(&str, &str)| {
            actions.iter().any(|action| action == single) && !actions.iter().any(|action| action == batch)
        };
        let missing: Vec<Value> =
            BATCH_FORMS.iter().filter(is_missing).map(|(_, batch)| (*batch).into()).collect();
        if !missing.is_empty() {
            actions.extend(missing);
            statement["Action"] = actions.into();
        }
    }
    document
}

/// The engine forgets that CloudFormation made a topic with `FifoTopic`, and then drops groups and deduplication ids.
async fn mark_fifo_topics(
    cloudformation: &aws_sdk_cloudformation::Client,
    sns: &aws_sdk_sns::Client,
) -> Result<()> {
    for (id, resource) in every_resource_of(cloudformation, LOCAL_STACK).await? {
        let arn = resource.physical_resource_id().unwrap_or_default();
        if resource.resource_type() == Some("AWS::SNS::Topic") && arn.rsplit('.').next() == Some("fifo") {
            let request = sns.set_topic_attributes().topic_arn(arn).attribute_name("FifoTopic");
            request.attribute_value("true").send().await.with_context(|| format!("the topic {id}"))?;
        }
    }
    Ok(())
}
