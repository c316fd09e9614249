//! The roles of a deployed stack, by their inline policies.

use super::template::every_resource_of;
use super::{BATCH_FORMS, STATEMENTS};
use anyhow::{Context as _, Result};
use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_iam::Client as Iam;
use serde_json::{Value, json};

/// An inline policy of a role.
#[derive(Debug, Clone, PartialEq)]
pub struct RolePolicy {
    /// The role's logical id, such as `Roles.Reconciler`.
    pub id: String,
    /// The role's name.
    pub role: String,
    /// The policy's name.
    pub name: String,
    /// The document.
    pub document: Value,
}

impl RolePolicy {
    /// Every inline policy of a stack's roles, of its nested stacks' roles too.
    ///
    /// # Errors
    /// If a request fails, or a document is not JSON.
    pub async fn all(cloudformation: &CloudFormation, iam: &Iam, stack: &str) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for (id, resource) in every_resource_of(cloudformation, stack).await? {
            if resource.resource_type() != Some("AWS::IAM::Role") {
                continue;
            }
            let role = resource.physical_resource_id().context("a role without a name")?;
            let names = iam.list_role_policies().role_name(role).into_paginator().items().send();
            for name in names.collect::<Result<Vec<_>, _>>().await? {
                let policy = iam.get_role_policy().role_name(role).policy_name(&name).send().await?;
                let document = decoded(policy.policy_document())?;
                all.push(Self { id: id.clone(), role: role.to_owned(), name, document });
            }
        }
        Ok(all)
    }

    /// Stores the policy.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn put(&self, iam: &Iam) -> Result<()> {
        let request = iam.put_role_policy().role_name(&self.role).policy_name(&self.name);
        request.policy_document(self.document.to_string()).send().await?;
        Ok(())
    }
}

/// IAM returns a document percent-encoded.
fn decoded(document: &str) -> Result<Value> {
    let query = format!("document={document}");
    let (_, text) = form_urlencoded::parse(query.as_bytes()).next().context("no policy document")?;
    serde_json::from_str(&text).context("a policy document that is not JSON")
}

/// What may be one value or a list of them, as in `Action` and `Resource`.
pub fn one_or_more(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// Allows the batch form of an action wherever the single form is allowed, and a batch of statements on every resource. To AWS they are
/// one action.
pub fn with_batch_forms(mut document: Value) -> Value {
    let Some(statements) = document.get_mut("Statement").and_then(Value::as_array_mut) else {
        return document;
    };
    for statement in statements.iter_mut().filter(|statement| statement["Effect"] == "Allow") {
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
    let allows = |statement: &Value| one_or_more(&statement["Action"]).iter().any(|it| **it == STATEMENTS);
    let everywhere = json!({ "Effect": "Allow", "Action": STATEMENTS, "Resource": "*" });
    if statements.iter().any(allows) && !statements.contains(&everywhere) {
        statements.push(everywhere);
    }
    document
}
