//! Each function's response to a batch, checked against AWS's rules (AWS Lambda Developer Guide, "Handling errors for an SQS event
//! source"): the local engine treats an empty, null or unknown id, or an invalid response, as success.

use crate::support::{among_others, known_ticket};
use anyhow::{Context as _, Result};
use automations::json::from_json;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use end_to_end::stack::Stack;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const FUNCTIONS: [&str; 3] = ["event-enricher", "action-worker", "follow-up-on-settlement"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Response {
    batch_item_failures: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Failure {
    item_identifier: String,
}

/// A record of a batch.
pub(crate) fn record(id: &str, group: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": format!("receipt-of-{id}"),
        "body": body,
        "attributes": { "ApproximateReceiveCount": "1", "MessageGroupId": group },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:ap-southeast-2:000000000000:queue",
        "awsRegion": "ap-southeast-2",
    })
}

/// The ids of the records that a function reports as failed; `None` if it fails the whole batch.
pub(crate) async fn failed_ids(
    stack: &Stack,
    function: &str,
    records: Vec<Value>,
) -> Result<Option<Vec<String>>> {
    let name = format!("{}-{function}", stack.addresses.stack);
    let payload = Blob::new(json!({ "Records": records }).to_string());
    // An invocation may take as long as its function's timeout; the clients of functions are less patient.
    let patience = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_mins(3))
        .operation_timeout(Duration::from_mins(3));
    let patient = aws_sdk_lambda::config::Builder::default().timeout_config(patience.build());
    let request = stack.lambda.invoke().function_name(name).payload(payload);
    let response = request.customize().config_override(patient).send().await?;
    if response.function_error.is_some() {
        return Ok(None);
    }
    let body: Response = from_json(response.payload.context("no payload")?.as_ref())?;
    Ok(Some(body.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()))
}

#[tokio::test]
async fn an_empty_batch_and_a_malformed_record_are_answered_and_nothing_comes_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    for function in FUNCTIONS {
        assert_eq!(failed_ids(&stack, function, vec![]).await?, Some(vec![]), "{function}");
        // It can never succeed, so it is dead-lettered at once, and is not reported as failed.
        let malformed = record("m-1", "g", "{\"not\": \"a valid message\"}");
        assert_eq!(failed_ids(&stack, function, vec![malformed]).await?, Some(vec![]), "{function}");
    }
    Ok(())
}

#[tokio::test]
async fn a_record_that_cannot_be_named_fails_its_whole_batch() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    for function in FUNCTIONS {
        for field in ["messageId", "receiptHandle"] {
            for nothing in [Value::Null, json!("")] {
                let mut nameless = record("m-1", "g", "{}");
                nameless[field] = nothing;
                let failed = failed_ids(&stack, function, vec![record("m-2", "g", "{}"), nameless]).await?;
                assert_eq!(failed, None, "{function}: {field}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_what_failed_is_given_back_and_of_its_group_all_that_comes_after_it() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("conformance").await?;
    let good = known_ticket(&organisation, "Approved").await?;
    let action = |organisation: &str, number: usize| {
        json!({
            "id": format!("conformance.{organisation}.{number}"),
            "organisation": organisation,
            "event": "conformance",
            "handler": "test",
            "decided_at": "2026-11-25T09:30:00.000Z",
            "attempt": 1,
            "action": { "do": "add_label", "ticket": good, "label": "Client" },
        })
        .to_string()
    };
    // An action of an organisation without secrets fails and is retried, because the secrets can be added.
    let records = vec![
        record("bad-1", "bad", &action("unknown", 1)),
        record("good-1", "good", &action("conformance", 1)),
        record("bad-2", "bad", &action("unknown", 2)),
        record("good-2", "good", &action("conformance", 2)),
    ];
    let mut failed = failed_ids(&stack, "action-worker", records).await?.context("the batch failed")?;
    failed.sort();
    assert_eq!(failed, ["bad-1", "bad-2"]);

    let hint = |organisation: &str, number: usize| {
        json!({
            "id": format!("conformance.{number}"),
            "organisation": organisation,
            "action": "ticket-updated",
            "received_at": "2026-11-25T09:30:00.000Z",
            "ticket": good,
            "raw": null,
        })
        .to_string()
    };
    let records = vec![
        record("bad", "unknown", &hint("unknown", 1)),
        record("good", "conformance", &hint("conformance", 2)),
    ];
    assert_eq!(failed_ids(&stack, "event-enricher", records).await?, Some(vec!["bad".to_owned()]));
    Ok(())
}
