//! AWS as action-worker sees it: a table that keeps items and judges the conditions that the worker writes, a secret, and queues that
//! accept everything.

use anyhow::{Context as _, Result};
use automations::aws;
use aws_config::SdkConfig;
use aws_sdk_sqs::config::{Credentials, Region, SharedCredentialsProvider};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

type Item = Map<String, Value>;

/// The services at one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Aws {
    pub(super) secret: String,
    items: Arc<Mutex<BTreeMap<String, Item>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Aws {
    /// Starts the services; a configuration for their clients.
    pub(super) async fn start(secret: &Value) -> Result<(Self, SdkConfig)> {
        let aws = Self { secret: secret.to_string(), ..Self::default() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(respond).with_state(aws.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = aws::load()?.into_builder().endpoint_url(address);
        let config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
        Ok((aws, config.region(Region::from_static("ap-southeast-2")).build()))
    }

    /// Stores an item.
    pub(super) fn put(&self, item: Value) {
        let Value::Object(item) = item else { return };
        self.items().insert(key(&item), item);
    }

    /// The item of an action.
    pub(super) fn action(&self, id: &str) -> Option<Item> {
        self.items().get(&format!("ACTION#north#{id} RESULT")).cloned()
    }

    /// Removes the item of an action.
    pub(super) fn remove(&self, id: &str) {
        self.items().remove(&format!("ACTION#north#{id} RESULT"));
    }

    /// The calls of these services since the last time, by operation.
    pub(super) fn take_calls(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn items(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response, or the code of an error.
    fn perform(&self, operation: &str, request: &Value) -> Result<Value, &'static str> {
        let failed = "ConditionalCheckFailedException";
        match operation {
            "GetSecretValue" => Ok(json!({ "Name": "x", "SecretString": self.secret, "VersionId": "1" })),
            "GetItem" => {
                let key = request["Key"].as_object().map(key).unwrap_or_default();
                Ok(self.items().get(&key).map_or_else(|| json!({}), |item| json!({ "Item": item })))
            }
            "PutItem" => {
                let item = request["Item"].as_object().cloned().unwrap_or_default();
                let mut items = self.items();
                if !holds(request, items.get(&key(&item))) {
                    return Err(failed);
                }
                items.insert(key(&item), item);
                Ok(json!({}))
            }
            "UpdateItem" => {
                let own = request["Key"].as_object().cloned().unwrap_or_default();
                let mut items = self.items();
                let before = items.get(&key(&own)).cloned();
                if !holds(request, before.as_ref()) {
                    return Err(failed);
                }
                items.insert(key(&own), updated(before.clone().unwrap_or(own), request));
                Ok(before.map_or_else(|| json!({}), |before| json!({ "Attributes": before })))
            }
            "BatchExecuteStatement" => {
                let statements = request["Statements"].as_array().cloned().unwrap_or_default();
                let responses = statements.iter().map(|statement| match self.execute(statement) {
                    None => json!({}),
                    Some(code) => json!({ "Error": { "Code": code } }),
                });
                Ok(json!({ "Responses": responses.collect::<Vec<_>>() }))
            }
            "Query" if request["ExpressionAttributeValues"][":pk"]["S"] == "PAUSES" => {
                let items = self.items();
                let pauses: Vec<&Item> = items.values().filter(|item| item["pk"]["S"] == "PAUSES").collect();
                Ok(json!({ "Items": pauses }))
            }
            "BatchGetItem" => {
                let items = self.items();
                let tables = request["RequestItems"].as_object().into_iter().flatten();
                let found = tables.map(|(table, wanted)| {
                    let keys = wanted["Keys"].as_array().into_iter().flatten().filter_map(Value::as_object);
                    let found: Vec<&Item> = keys.filter_map(|it| items.get(&key(it))).collect();
                    (table.clone(), json!(found))
                });
                Ok(json!({ "Responses": found.collect::<Item>() }))
            }
            _ => Ok(json!({ "MessageId": "m", "Items": [] })),
        }
    }

    /// Executes a statement; the code of its error.
    fn execute(&self, statement: &Value) -> Option<&'static str> {
        let text = statement["Statement"].as_str().unwrap_or_default();
        let parameters = statement["Parameters"].as_array().cloned().unwrap_or_default();
        let named = |pattern: &str| -> Vec<String> {
            let Ok(pattern) = Regex::new(pattern) else { return Vec::new() };
            pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
        };
        let mut items = self.items();
        if text.starts_with("INSERT") {
            let item: Item = named(r"'(\w+)': \?").into_iter().zip(parameters).collect();
            if items.contains_key(&key(&item)) {
                return Some("DuplicateItem");
            }
            items.insert(key(&item), item);
            return None;
        }
        let set = named(r#"SET "(\w+)" = \?"#);
        let mut parameters = parameters.into_iter();
        let set: Vec<(String, Value)> = set.into_iter().zip(parameters.by_ref()).collect();
        let of: Item =
            ["pk", "sk", "state", "owner"].map(str::to_owned).into_iter().zip(parameters).collect();
        let Some(item) = items.get_mut(&key(&of)) else { return Some("ConditionalCheckFailed") };
        if ["state", "owner"].iter().any(|name| item.get(*name) != of.get(*name)) {
            return Some("ConditionalCheckFailed");
        }
        item.extend(set);
        for name in named(r#"REMOVE "(\w+)""#) {
            item.remove(&name);
        }
        None
    }
}

fn key(item: &Item) -> String {
    ["pk", "sk"].map(|name| item.get(name).and_then(|part| part["S"].as_str()).unwrap_or_default()).join(" ")
}

/// Whether a condition of the worker holds: that the action is free, or that it is still claimed by this invocation.
fn holds(request: &Value, before: Option<&Item>) -> bool {
    let value = |name: &str| &request["ExpressionAttributeValues"][name];
    let number = |value: Option<&Value>| -> u64 {
        value.and_then(|value| value["N"].as_str()?.parse().ok()).unwrap_or_default()
    };
    let is_claimed = |item: &Item| item.get("state") == Some(&json!({ "S": "claimed" }));
    match request["ConditionExpression"].as_str() {
        None => true,
        Some("attribute_not_exists(pk)") => before.is_none(),
        Some(condition) if condition.starts_with("attribute_not_exists(pk)") => before
            .is_none_or(|item| is_claimed(item) && number(item.get("lease")) <= number(Some(value(":now")))),
        Some(_) => before.is_some_and(|item| is_claimed(item) && item.get("owner") == Some(value(":owner"))),
    }
}

/// An item after `SET a = :x, #b = :y REMOVE c, d`.
fn updated(mut item: Item, request: &Value) -> Item {
    let expression = request["UpdateExpression"].as_str().unwrap_or_default();
    let name_of = |name: &str| request["ExpressionAttributeNames"][name].as_str().unwrap_or(name).to_owned();
    let (set, removed) = expression.split_once("REMOVE ").unwrap_or((expression, ""));
    for change in set.trim_start_matches("SET ").split(", ") {
        let Some((name, value)) = change.trim().split_once(" = ") else { continue };
        item.insert(name_of(name), request["ExpressionAttributeValues"][value].clone());
    }
    for name in removed.split(", ").filter(|name| !name.is_empty()) {
        item.remove(&name_of(name));
    }
    item
}

async fn respond(State(aws): State<Aws>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let response = aws.perform(&operation, &request);
    aws.calls.lock().unwrap_or_else(PoisonError::into_inner).push((operation, request));
    match response {
        Ok(response) => response.to_string().into_response(),
        Err(code) => (StatusCode::BAD_REQUEST, json!({ "__type": code }).to_string()).into_response(),
    }
}

/// The text of an attribute.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str> {
    item.get(name).and_then(|value| value["S"].as_str()).with_context(|| format!("no {name} in {item:?}"))
}
