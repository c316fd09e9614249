//! Queues, names and the smoke test on the deployed stack.

use crate::support::{among_others, dead_letters};
use anyhow::{Context as _, Result, ensure};
use automations::aws;
use automations::id::OrganisationId;
use automations_cli::organisation::Organisations;
use automations_cli::{AliasCheck, Check, Smoke};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use end_to_end::stack::Stack;
use serde_json::json;
use std::collections::HashMap;

#[tokio::test]
async fn every_queue_is_encrypted_and_has_a_dead_letter_queue() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let queues = queues(&stack).await?;
    assert!(queues.len() >= 6, "{queues:?}");
    for (name, attributes) in &queues {
        assert_eq!(
            attributes.get(&Attribute::SqsManagedSseEnabled).map(String::as_str),
            Some("true"),
            "{name}"
        );
        if !name.contains("dead-letters") {
            let redrive = attributes
                .get(&Attribute::RedrivePolicy)
                .with_context(|| format!("{name} has no redrive policy"))?;
            let redrive: serde_json::Value = serde_json::from_str(redrive)?;
            let target = redrive["deadLetterTargetArn"].as_str().and_then(|arn| arn.rsplit(':').next());
            assert!(queues.contains_key(target.unwrap_or_default()), "{name}: {redrive}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_queue_waits_six_times_its_functions_timeout() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let queues = queues(&stack).await?;
    let mappings = stack.lambda.list_event_source_mappings().send().await?;
    assert_eq!(mappings.event_source_mappings().len(), queues.len() / 2, "one function per queue");
    for mapping in mappings.event_source_mappings() {
        let queue = mapping.event_source_arn().and_then(|arn| arn.rsplit(':').next()).context("no queue")?;
        let function = mapping.function_arn().context("no function")?;
        let configuration = stack.lambda.get_function_configuration().function_name(function).send().await?;
        let timeout = configuration.timeout().context("no timeout")?;
        let visibility: i32 =
            queues[queue].get(&Attribute::VisibilityTimeout).context("no visibility")?.parse()?;
        ensure!(
            visibility >= 6 * timeout,
            "{queue} has a visibility timeout of {visibility} s, its function a timeout of {timeout} s"
        );
        let kinds = mapping.function_response_types();
        ensure!(kinds.iter().any(|kind| kind.as_str() == "ReportBatchItemFailures"), "{queue}: {kinds:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_smoke_test_finds_the_stack_whole_and_says_what_is_not() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    stack.organisation("smoked").await?;
    let checks = smoke(&stack, "smoked", true).await?;
    assert!(checks.len() == 7 && checks.iter().all(|check| check.good), "{checks:?}");
    assert!(smoke(&stack, "not-there", true).await.is_err());
    Ok(())
}

/// What `automations smoke` finds.
pub(crate) async fn smoke(stack: &Stack, organisation: &str, webhook: bool) -> Result<Vec<Check>> {
    let endpoint = Some(stack.addresses.aws_endpoint_url.clone());
    let name = stack.addresses.stack.clone();
    let organisations = Organisations::new(&aws::load()?, name.clone(), endpoint)?;
    let cloudformation = aws_sdk_cloudformation::Client::new(&aws::load()?);
    let functions = AliasCheck::new(stack.lambda.clone(), cloudformation, name.clone());
    let dead_letters = dead_letters(stack)?;
    let organisation = Some(OrganisationId::parse(organisation)?);
    Smoke { organisations, functions, dead_letters, organisation, webhook }.run().await
}

/// C12 of the AWS facts: a standard queue's dead letter keeps the time at which it was sent. D4: `SSEEnabled: true` without a key means
/// a KMS key whose requests are charged.
#[tokio::test]
async fn a_dead_letter_outlives_its_queue_and_encryption_costs_nothing_without_a_key_of_ones_own()
-> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let queues = queues(&stack).await?;
    let retention = |name: &str| -> Result<u64> {
        let attributes = queues.get(name).with_context(|| format!("no queue {name}"))?;
        Ok(attributes.get(&Attribute::MessageRetentionPeriod).context("no retention")?.parse()?)
    };
    let hints = format!("{}-hints", stack.addresses.stack);
    let days = (retention(&format!("{hints}-dead-letters"))? - retention(&hints)?) / 86_400;
    assert_eq!(days, 10, "of the 14, a dead letter has at least these");
    for (id, table) in stack.resources().await?.iter().filter(|(_, it)| it["Type"] == "AWS::DynamoDB::Table")
    {
        let encryption = &table["Properties"]["SSESpecification"]["Fn::If"];
        assert_eq!(
            (&encryption[0], &encryption[2]["Ref"]),
            (&json!("HasKey"), &json!("AWS::NoValue")),
            "{id}"
        );
    }
    Ok(())
}

/// B7 of the AWS facts: what SNS accepted and cannot deliver, such as after a KMS error, is not lost.
#[tokio::test]
async fn every_subscription_is_raw_filters_on_the_body_and_has_a_dead_letter_queue() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let of = |kind: &'static str| resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
    // That of alarm-notifier is Lambda's: its events are alarms, and its own failures are alarms too.
    let is_queues = |subscription: &serde_json::Value| subscription["Properties"]["Protocol"] == "sqs";
    let subscriptions: Vec<_> =
        of("AWS::SNS::Subscription").filter(|(_, subscription)| is_queues(subscription)).collect();
    assert_eq!(subscriptions.len(), 10);
    for (id, subscription) in subscriptions {
        let properties = &subscription["Properties"];
        ensure!(properties["RawMessageDelivery"] == true, "{id} is not raw");
        ensure!(properties["FilterPolicyScope"] == "MessageBody", "{id}");
        let dead_letters = &properties["RedrivePolicy"]["deadLetterTargetArn"];
        ensure!(
            dead_letters.to_string().contains(&id.replace("Subscription", "DeadLetters")),
            "{id}: {dead_letters}"
        );
    }
    let in_order: Vec<_> =
        of("AWS::SQS::Queue").filter(|(_, queue)| queue["Properties"]["FifoQueue"] == true).collect();
    assert_eq!(in_order.len(), 22, "two for each handler, and two of actions");
    for (id, queue) in in_order {
        ensure!(queue["Properties"]["DeduplicationScope"] == "messageGroup", "{id}");
        ensure!(queue["Properties"]["FifoThroughputLimit"] == "perMessageGroupId", "{id}");
    }
    for (id, topic) in of("AWS::SNS::Topic") {
        ensure!(topic["Properties"]["FifoTopic"] == true, "{id}");
        ensure!(topic["Properties"]["FifoThroughputScope"] == "MessageGroup", "{id}");
    }
    Ok(())
}

/// C3 of the AWS facts: Scheduler invokes asynchronously, and Lambda itself would retry.
#[tokio::test]
async fn a_failed_run_of_the_reconciler_is_not_repeated_by_lambda() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let all = resources.values().filter(|resource| resource["Type"] == "AWS::Lambda::EventInvokeConfig");
    let own: Vec<_> = all.filter(|config| config.to_string().contains("Reconciler")).collect();
    let [config] = &own[..] else { anyhow::bail!("{} configurations", own.len()) };
    assert_eq!(config["Properties"]["MaximumRetryAttempts"], 0);
    assert_eq!(config["Properties"]["MaximumEventAgeInSeconds"], 60);
    Ok(())
}

/// Names are unique per account, so they contain the stack's name, and dev and prod can share an account.
#[tokio::test]
async fn every_name_is_the_stacks_own() -> Result<()> {
    let _turn = among_others().await;
    let names = [
        "FunctionName",
        "QueueName",
        "TopicName",
        "TableName",
        "LogGroupName",
        "RoleName",
        "AlarmName",
        "Name",
    ];
    let mut seen = 0;
    for (id, resource) in Stack::found().await?.resources().await? {
        // An alias belongs to its function.
        if resource["Type"] == "AWS::Lambda::Alias" {
            continue;
        }
        let given = names.iter().filter_map(|name| resource["Properties"].get(name));
        for name in given.filter(|name| name["Ref"].is_null()) {
            let name = name["Fn::Sub"].to_string();
            let is_hook = name.ends_with(r#"CodeDeployHook_${AWS::StackName}""#);
            ensure!(is_hook || name.contains("${AWS::StackName}-"), "{id}: {name}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
    Ok(())
}

type Attributes = HashMap<Attribute, String>;

/// The stack's queues by name; queues of tests have other names.
async fn queues(stack: &Stack) -> Result<HashMap<String, Attributes>> {
    let listed = stack.sqs.list_queues().queue_name_prefix(&stack.addresses.stack).send().await?;
    let mut queues = HashMap::new();
    for url in listed.queue_urls() {
        let answer =
            stack.sqs.get_queue_attributes().queue_url(url).attribute_names(Attribute::All).send().await?;
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        queues.insert(name, answer.attributes.unwrap_or_default());
    }
    Ok(queues)
}
