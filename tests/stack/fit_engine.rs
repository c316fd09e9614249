//! Makes up for differences between the local engine and AWS. It runs after every local deployment, and never on AWS.

use anyhow::{Context as _, Result};
use automations::aws;
use end_to_end::stack::{LOCAL_STACK, RolePolicy, every_resource_of, with_batch_forms};

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
