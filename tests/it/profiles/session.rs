//! A session of a role that has some policies of `infra/stacks`, on the local engine.

use super::policy::Place;
use anyhow::{Context as _, Result};
use automations::aws;
use aws_config::SdkConfig;
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use end_to_end::stack::{Stack, with_batch_forms};
use serde_json::json;

/// The account of the local engine.
const ACCOUNT: &str = "000000000000";

/// A role that was assumed.
#[derive(Debug)]
pub(super) struct Session {
    /// The configuration of clients.
    pub(super) config: SdkConfig,
    /// The same for another program.
    pub(super) variables: [(&'static str, String); 3],
}

/// Makes a role with these policies of a template for the deployed stack, and assumes it. The role stays until the stack is stopped.
pub(super) async fn session(stack: &Stack, name: &str, file: &str, policies: &[&str]) -> Result<Session> {
    let config = aws::load()?;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
    }] });
    let role = stack.iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
    let role = role.send().await?.role.context("no role")?;
    let place =
        Place { application: &stack.addresses.stack, account: ACCOUNT, region: &stack.addresses.region };
    for policy in policies {
        let document = json!({ "Version": "2012-10-17", "Statement": place.statements(file, policy)? });
        let request = stack.iam.put_role_policy().role_name(name).policy_name(*policy);
        request.policy_document(with_batch_forms(document).to_string()).send().await?;
    }
    let sts = aws_sdk_sts::Client::new(&config);
    let assumed = sts.assume_role().role_arn(&role.arn).role_session_name("test").send().await?;
    let given = assumed.credentials.context("no credentials")?;
    let variables = [
        ("AWS_ACCESS_KEY_ID", given.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", given.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", given.session_token.clone()),
    ];
    let token = Some(given.session_token);
    let credentials = Credentials::new(given.access_key_id, given.secret_access_key, token, None, "session");
    let provider = SharedCredentialsProvider::new(credentials);
    Ok(Session { config: config.to_builder().credentials_provider(provider).build(), variables })
}
