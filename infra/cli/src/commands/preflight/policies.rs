//! What IAM says of the deployer: what its policies allow, by the policy simulator, and whom GitHub's role trusts.

use super::facts::{Read, Simulated, Unread};
use crate::permissions::{Needed, of_deployment};
use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata as _;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use serde_json::Value;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// The client, and whose policies are asked about.
#[derive(Debug)]
pub(super) struct Policies {
    iam: Client,
    /// An ARN; none for the caller.
    deployer: Option<String>,
}

impl Policies {
    pub(super) fn new(config: &SdkConfig, deployer: Option<String>) -> Self {
        Self { iam: Client::new(config), deployer }
    }

    /// What the deployer may not do of all that a deployment of the stack needs. `caller` is its own ARN, as STS gives it.
    pub(super) async fn simulated(
        &self,
        caller: &str,
        region: &str,
        account: &str,
        stack: &str,
    ) -> Read<Simulated> {
        let principal = match &self.deployer {
            Some(deployer) => deployer.clone(),
            None if caller.ends_with(":root") => return Ok(Simulated::Root),
            None => self.principal_of(caller).await,
        };
        let mut by_resource: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for Needed { action, resource } in of_deployment(region, account, stack) {
            by_resource.entry(resource).or_default().push(action);
        }
        let mut denied = Vec::new();
        for (resource, actions) in by_resource {
            let request =
                self.iam.simulate_principal_policy().policy_source_arn(&principal).resource_arns(&resource);
            let request = request.set_action_names(Some(actions.iter().map(ToString::to_string).collect()));
            let request = request.set_context_entries(Some(context(region, account, stack)));
            let results = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
            for result in results.map_err(|error| Unread::of(&error))? {
                let action = actions.iter().find(|action| **action == result.eval_action_name);
                let is_allowed = result.eval_decision == PolicyEvaluationDecisionType::Allowed;
                denied.extend(
                    action
                        .filter(|_| !is_allowed)
                        .map(|&action| Needed { action, resource: resource.clone() }),
                );
            }
        }
        denied.sort();
        Ok(Simulated::Of { principal, denied })
    }

    /// The trust policy of a role; none if there is no such role.
    pub(super) async fn trust(&self, role: &str) -> Read<Option<Value>> {
        let found = match self.iam.get_role().role_name(role).send().await {
            Ok(found) => found.role,
            Err(error) if error.code() == Some("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(Unread::of(&error)),
        };
        let Some(document) = found.and_then(|role| role.assume_role_policy_document) else { return Ok(None) };
        decoded(&document)
            .map(Some)
            .ok_or_else(|| Unread::Failed("a trust policy that is not JSON".to_owned()))
    }

    /// The role of a session, or the user. IAM knows a role's path, STS does not.
    async fn principal_of(&self, caller: &str) -> String {
        let Some((before, session)) = caller.split_once(":assumed-role/") else { return caller.to_owned() };
        let role = session.split('/').next().unwrap_or_default();
        let found = self.iam.get_role().role_name(role).send().await.ok().and_then(|found| found.role);
        found.map_or_else(|| format!("{}:role/{role}", before.replacen(":sts:", ":iam:", 1)), |role| role.arn)
    }
}

/// IAM returns a document percent-encoded (IAM API Reference, `Role`).
fn decoded(document: &str) -> Option<Value> {
    let query = format!("document={}", document.replace('+', "%2B"));
    let (_, text) = form_urlencoded::parse(query.as_bytes()).next()?;
    serde_json::from_str(&text).ok()
}

/// What the conditions of `infra/stacks/deployer.yaml` ask for, as a deployment has it.
fn context(region: &str, account: &str, stack: &str) -> Vec<ContextEntry> {
    let function = format!("arn:aws:lambda:{region}:{account}:function:{stack}-event-enricher");
    [
        ("iam:PassedToService", ContextKeyTypeEnum::String, "lambda.amazonaws.com".to_owned()),
        (
            "iam:PolicyARN",
            ContextKeyTypeEnum::String,
            "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda".to_owned(),
        ),
        ("kms:ViaService", ContextKeyTypeEnum::String, format!("dynamodb.{region}.amazonaws.com")),
        ("lambda:FunctionArn", ContextKeyTypeEnum::String, function),
    ]
    .into_iter()
    .map(|(key, kind, value)| {
        let entry = ContextEntry::builder().context_key_name(key).context_key_type(kind);
        entry.context_key_values(value).build()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_iam_encodes_it() {
        let document = r#"{"Statement": [{"Action": "a+b"}]}"#;
        let encoded: String = form_urlencoded::byte_serialize(document.as_bytes()).collect();
        // IAM follows RFC 3986, where a space is %20.
        let found = decoded(&encoded.replace('+', "%20")).unwrap();
        assert_eq!(found["Statement"][0]["Action"], "a+b");
        assert_eq!(decoded(document).unwrap(), found);
        assert_eq!(decoded("%"), None);
    }
}
