//! A model of Lambda's triggers of queues, of alarms' actions, and of handlers that are asked about their settings.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// What was disabled, and what handlers were asked. Its clones share it.
#[derive(Clone, Default)]
pub(super) struct Triggers(Arc<Mutex<BTreeMap<String, bool>>>);

impl Triggers {
    /// Whether each queue whose trigger was changed is read.
    pub(super) fn changed(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap()
    }

    /// The response, if it is about these.
    pub(super) fn respond(&self, operation: &str, request: &Value) -> Option<Value> {
        if let Some((_, arn)) = operation.split_once("event-source-mappings?EventSourceArn=") {
            let queue = arn.rsplit("%3A").next()?.split('&').next()?;
            let is_read = self.changed().get(queue).copied().unwrap_or(true);
            let state = if is_read { "Enabled" } else { "Disabled" };
            return Some(json!({ "EventSourceMappings": [{ "UUID": queue, "State": state }] }));
        }
        if let Some((_, rest)) = operation.split_once("/event-source-mappings/") {
            let queue = rest.split('?').next()?.to_owned();
            if let Some(enabled) = request["Enabled"].as_bool() {
                self.changed().insert(queue, enabled);
            }
            return Some(json!({}));
        }
        if operation.contains("/event-source-mappings") {
            return Some(json!({ "EventSourceMappings": [] }));
        }
        if operation.contains("/invocations") {
            let fits = request["check_settings"].get("wrong").is_none();
            let problem = (!fits).then_some("invalid value at `wrong` (line 1, column 9)");
            return Some(json!({ "fits": fits, "problem": problem }));
        }
        match operation {
            "GetQueueUrl" => {
                let name = request["QueueName"].as_str()?;
                Some(json!({ "QueueUrl": format!("https://sqs.example.com/1/{name}") }))
            }
            "GetQueueAttributes" if request["AttributeNames"] == json!(["QueueArn"]) => {
                let name = request["QueueUrl"].as_str()?.rsplit('/').next()?;
                Some(json!({ "Attributes": { "QueueArn": format!("arn:aws:sqs:ap-southeast-2:1:{name}") } }))
            }
            "DisableAlarmActions" | "EnableAlarmActions" => Some(json!({})),
            _ => None,
        }
    }
}

/// The operation of IAM's action for a request to Lambda; as it is for others.
pub(super) fn operation_of<'a>(operation: &'a str, request: &Value) -> &'a str {
    match operation {
        _ if operation.contains("/invocations") => "Invoke",
        _ if operation.contains("/event-source-mappings") && request["Enabled"].is_boolean() => {
            "UpdateEventSourceMapping"
        }
        _ if operation.contains("/event-source-mappings") => "ListEventSourceMappings",
        _ => operation,
    }
}
