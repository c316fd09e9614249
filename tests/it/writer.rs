//! The worker may have its own API key: then it and the enricher cannot read each other's secrets.

use crate::support::{SOON, alone, rest, set_variable};
use anyhow::{Context as _, Result};
use automations::aws::secret::{self, Access, Credential, Kind, Login};
use automations::handler::Decide;
use automations::id::OrganisationId;
use automations::store::Outcome;
use automations::{Action, aws, clock};
use automations_cli::organisation::{New, Organisations};
use aws_sdk_cloudformation::types::{Parameter, Tag};
use end_to_end::stack::{RolePolicy, Stack, eventually};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;

/// The parts of an application's template that the organisation commands read.
const APPLICATION: &str = r#"{
  "Parameters": { "SeparateWriter": { "Type": "String" } },
  "Resources": {
    "Table": {
      "Type": "AWS::DynamoDB::Table",
      "Properties": {
        "TableName": "two-keys-store",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
          { "AttributeName": "pk", "AttributeType": "S" },
          { "AttributeName": "sk", "AttributeType": "S" }
        ],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }]
      }
    },
    "Ingest": {
      "Type": "AWS::Lambda::Function",
      "Properties": {
        "FunctionName": "two-keys-webhook-ingest",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/none",
        "Code": { "ZipFile": "def handler(event, context):\n    return {}\n" }
      }
    },
    "Version": { "Type": "AWS::Lambda::Version", "Properties": { "FunctionName": { "Ref": "Ingest" } } },
    "Live": {
      "Type": "AWS::Lambda::Alias",
      "Properties": {
        "FunctionName": { "Ref": "Ingest" },
        "FunctionVersion": { "Fn::GetAtt": ["Version", "Version"] },
        "Name": "live"
      }
    },
    "Url": {
      "Type": "AWS::Lambda::Url",
      "Properties": { "TargetFunctionArn": { "Ref": "Live" }, "AuthType": "NONE" }
    }
  },
  "Outputs": { "RotatorArn": { "Value": "arn:none" } }
}"#;

#[tokio::test]
async fn a_worker_with_a_secret_of_its_own_writes_by_it_while_the_readers_token_is_refused() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("own-writer").await?;
    let ticket = crate::support::known_ticket(&organisation, "Approved").await?;
    let good = crate::rotation::current(&organisation).await?;
    organisation.set_secret(Kind::WriterToken.as_str(), &serde_json::from_str(&good)?).await?;
    rest(&stack).await?;
    let role = worker_role(&stack).await?;
    let own = role.document.to_string().replace("/api-token-", "/writer-token-");
    RolePolicy { document: serde_json::from_str(&own)?, ..role.clone() }.put(&stack.iam).await?;
    let shared = set_variable(&stack, "action-worker", "SEPARATE_WRITER", "true").await?;
    let acted = async {
        let label: Decide<()> =
            |event, ()| event.ticket().map(|id| vec![Action::add_label(id, "Client")]).unwrap_or_default();
        let hosted = organisation.host("writes", label, ()).await?;
        organisation.change(&ticket, json!({ "stage": "Archived" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        let event = crate::support::events(&organisation, &ticket, 2).await?.remove(1);
        crate::support::published(&organisation, &ticket).await?;
        organisation.set_token("refused").await?;
        while hosted.work().await? > 0 {}
        eventually("the action", SOON, async || {
            organisation.done(&event, "writes", 0).await?.context("not done yet")
        })
        .await
    }
    .await;
    set_variable(&stack, "action-worker", "SEPARATE_WRITER", &shared).await?;
    role.put(&stack.iam).await?;
    assert_eq!(acted?.outcome, Outcome::Changed);
    Ok(())
}

async fn worker_role(stack: &Stack) -> Result<RolePolicy> {
    let all = RolePolicy::all(&stack.cloudformation, &stack.iam, &stack.addresses.stack).await?;
    all.into_iter().find(|policy| policy.id == "Roles.ActionWorker").context("the worker has no role")
}

#[tokio::test]
async fn an_organisation_of_two_keys_is_added_checked_renewed_and_removed() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let separate = Parameter::builder().parameter_key("SeparateWriter").parameter_value("true").build();
    let request = stack.cloudformation.create_stack().stack_name("two-keys").template_body(APPLICATION);
    let tag = Tag::builder().key("application").value("two-keys").build();
    request.parameters(separate).tags(tag.clone()).send().await?;
    let endpoint = stack.addresses.aws_endpoint_url.clone();
    let all = Organisations::new(&aws::load()?, "two-keys".to_owned(), Some(endpoint))?;
    let name = OrganisationId::parse("two-keys")?;
    let known = stack.control(Method::POST, "organisations", &json!({ "name": "two-keys" })).await?;
    let api_key = known["api_key"].as_str().context("no API key")?;
    let value = json!({ "endpoint": stack.api(), "api_key": "" }).to_string();
    let credential: Credential = secret::parse(&SecretString::from(value))?;
    let new = |writer_key: Option<&str>| New {
        credential: Credential { login: Login::ApiKey(api_key.into()), ..credential.clone() },
        api_key: api_key.into(),
        writer_key: writer_key.map(SecretString::from),
        dedicated_kms_key: false,
    };
    let one = all.add(&name, &new(None)).await.expect_err("two keys are required");
    assert!(one.to_string().contains("needs an API key of its own"), "{one:#}");
    assert!(all.add(&name, &new(Some("wrong"))).await.is_err());
    assert!(all.list().await?.is_empty(), "a wrong key stores nothing");
    all.add(&name, &new(Some(api_key))).await?;
    // E6 of the AWS facts: so cost reports have the secrets too.
    let own =
        stack.cloudformation.describe_stacks().stack_name("two-keys-organisation-two-keys").send().await?;
    assert_eq!(own.stacks()[0].tags(), [tag]);
    let accepted = async || Ok::<_, anyhow::Error>(all.check(&name, clock::now()).await?.accepted);
    assert!(accepted().await?);

    all.set_access(&name, Access::ReadOnly).await?;
    let token = async |kind: Kind| {
        let secret = format!("two-keys/two-keys/{}", kind.as_str());
        let answer = stack.secrets.get_secret_value().secret_id(secret).send().await?;
        Ok::<_, anyhow::Error>(secret::parse::<secret::ApiToken>(
            &answer.secret_string.unwrap_or_default().into(),
        )?)
    };
    assert_eq!(
        token(Kind::WriterToken).await?.access,
        Access::ReadOnly,
        "in the secret that the worker reads"
    );
    let broken = json!({ "endpoint": stack.api(), "token": "refused" }).to_string();
    let secret = "two-keys/two-keys/writer-token";
    stack.secrets.put_secret_value().secret_id(secret).secret_string(broken).send().await?;
    let report = all.check(&name, clock::now()).await?;
    assert!(report.responds && !report.accepted, "one of the two tokens is rejected: {report:?}");
    all.renew(&name).await?;
    assert!(accepted().await?);
    all.change_key(&name, true, api_key.into()).await?;
    assert!(accepted().await?);
    all.remove(&name).await?;
    assert!(all.list().await?.is_empty());
    Ok(())
}
