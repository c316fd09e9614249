//! Every queue and every function has an alarm, and each alarm names a section of the runbook.

use crate::support::among_others;
use crate::tidy::read;
use anyhow::{Context as _, Result, ensure};
use end_to_end::stack::Stack;
use serde_json::{Map, Value};

#[tokio::test]
async fn every_queue_and_every_function_has_its_alarms() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let alarms: Vec<&Value> = of_type(&resources, "AWS::CloudWatch::Alarm").map(|(_, alarm)| alarm).collect();
    let has = |metric: &str, name: &Value| {
        alarms.iter().any(|alarm| alarm["MetricName"] == *metric && alarm["Dimensions"][0]["Value"] == *name)
    };
    let mut seen = 0;
    // If version-check fails, the deployment does.
    for (id, function) in of_type(&resources, "AWS::Lambda::Function").filter(|(id, _)| *id != "VersionCheck")
    {
        for metric in ["Errors", "Throttles"] {
            ensure!(has(metric, &function["FunctionName"]), "{id} has no alarm on {metric}");
        }
        seen += 1;
    }
    for (id, queue) in of_type(&resources, "AWS::SQS::Queue") {
        let is_last = queue["RedrivePolicy"].is_null();
        let metrics: &[&str] = if is_last {
            &["NumberOfMessagesSent", "ApproximateNumberOfMessagesVisible"]
        } else {
            &["ApproximateAgeOfOldestMessage"]
        };
        for metric in metrics {
            ensure!(has(metric, &queue["QueueName"]), "{id} has no alarm on {metric}");
        }
        seen += 1;
    }
    assert!(seen >= 5 + 4 + 3 * 4, "{seen}");
    let needed = [
        "RequestsRejected",
        "Url5xxCount",
        "CredentialRefused",
        "StaleSecretAge",
        "TokenDaysLeft",
        "ReconcileLag",
        "EventPublishFailures",
        "OutboxAge",
        "RetriedMessageAge",
        "ChangesWithoutWebhook",
    ];
    for metric in needed {
        ensure!(alarms.iter().any(|alarm| alarm["MetricName"] == metric), "no alarm on {metric}");
    }
    Ok(())
}

#[tokio::test]
async fn every_alarm_names_a_section_of_the_runbook_and_may_tell_somebody() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let runbook = read("docs/runbook.md")?;
    let alarms = of_type(&resources, "AWS::CloudWatch::Alarm");
    for (id, alarm) in alarms.filter(|(id, _)| !id.starts_with("Alarms.Canary")) {
        let description = alarm["AlarmDescription"].as_str().context("no description")?;
        let section = description.split("docs/runbook.md, \"").nth(1).and_then(|rest| rest.split('"').next());
        let section = section.with_context(|| format!("{id} names no section: {description}"))?;
        ensure!(runbook.contains(&format!("\n## {section}\n")), "{id}: the runbook has no \"{section}\"");
        ensure!(alarm["AlarmActions"].to_string().contains("AlarmTopic"), "{id} notifies no topic");
    }
    Ok(())
}

/// `AWS::CloudWatch::CompositeAlarm` is not on the local engine, which does not make it without a `PagerTopic`; on AWS, a rule
/// that names an alarm that is not there is refused.
#[tokio::test]
async fn who_is_woken_hears_of_alarms_that_there_are() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let (_, woken) =
        of_type(&resources, "AWS::CloudWatch::CompositeAlarm").next().context("no such alarm")?;
    let rule = woken["AlarmRule"]["Fn::Sub"].as_str().context("no rule")?;
    let named: Vec<&str> =
        rule.split("ALARM(\"").skip(1).filter_map(|rest| Some(rest.split_once("\")")?.0)).collect();
    assert_eq!(named.len(), rule.matches("ALARM").count(), "{rule}");
    assert!(named.len() > 5, "{rule}");
    // C5 of the AWS facts: a single 5xx wakes no one.
    ensure!(!rule.contains("IngestServerErrorsAlarm"), "{rule}");
    for name in named {
        let is_there = of_type(&resources, "AWS::CloudWatch::Alarm").any(|(id, alarm)| {
            let is_nested = id.strip_prefix("Alarms.").is_some_and(|own| *name == format!("${{{own}}}"));
            is_nested || alarm["AlarmName"]["Fn::Sub"] == *name
        });
        ensure!(is_there, "no alarm {name}");
    }
    let runbook = read("docs/runbook.md")?;
    let section = woken["AlarmDescription"].as_str().and_then(|text| text.split('"').nth(1));
    ensure!(runbook.contains(&format!("\n## {}\n", section.context("no section")?)));
    Ok(())
}

/// The properties of each resource of a type.
pub(crate) fn of_type<'a>(
    resources: &'a Map<String, Value>,
    kind: &'static str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let of_kind = resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
    of_kind.map(|(id, resource)| (id, &resource["Properties"]))
}
