//! One permission: an action on a resource that a policy of a role allows.

use end_to_end::stack::{BATCH_FORMS, RolePolicy, one_or_more};
use serde_json::{Value, json};
use std::fmt;

/// A permission.
#[derive(Debug, Clone)]
pub(super) struct Permission {
    policy: RolePolicy,
    pub(super) action: String,
    pub(super) resource: String,
}

impl Permission {
    /// All that a policy allows.
    pub(super) fn of(policy: &RolePolicy) -> Vec<Self> {
        let statements = one_by_one(&policy.document);
        let all = statements.into_iter().map(|statement| Self {
            policy: policy.clone(),
            action: text(&statement["Action"]),
            resource: text(&statement["Resource"]),
        });
        // The batch forms are only the local engine's.
        all.filter(|permission| !BATCH_FORMS.iter().any(|(_, batch)| *batch == permission.action)).collect()
    }

    /// The logical id of its role.
    pub(super) fn role_id(&self) -> &str {
        &self.policy.id
    }

    /// The policy with it.
    pub(super) fn policy(&self) -> &RolePolicy {
        &self.policy
    }

    /// The policy without it, and without another one if that must fail too: an action, and the end of a resource.
    pub(super) fn policy_without(&self, other: Option<(&str, &str)>) -> RolePolicy {
        let is_removed = |statement: &Value| {
            let (action, resource) = (text(&statement["Action"]), text(&statement["Resource"]));
            let single = BATCH_FORMS.iter().find(|(_, batch)| *batch == action);
            let action = single.map_or(action.as_str(), |(single, _)| single);
            action == self.action && resource == self.resource
                || other.is_some_and(|(other, end)| action == other && resource.ends_with(end))
        };
        let mut statements = one_by_one(&self.policy.document);
        statements.retain(|statement| !is_removed(statement));
        let document = json!({ "Version": self.policy.document["Version"], "Statement": statements });
        RolePolicy { document, ..self.policy.clone() }
    }
}

/// Such as `Roles.Reconciler sqs:SendMessage automations-hints`.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = self.resource.splitn(6, ':').last().unwrap_or_default();
        write!(f, "{} {} {resource}", self.role_id(), self.action)
    }
}

/// The statements, each with one action and one resource.
fn one_by_one(document: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for statement in one_or_more(&document["Statement"]) {
        for action in one_or_more(&statement["Action"]) {
            for resource in one_or_more(&statement["Resource"]) {
                let mut one = statement.clone();
                one["Action"] = action.clone();
                one["Resource"] = resource.clone();
                all.push(one);
            }
        }
    }
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
