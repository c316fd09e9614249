//! The exact permissions of each role. A new permission in template.yaml or infra/stacks/roles.yaml fails here until it is in
//! this table.

use crate::alarms::of_type;
use crate::support::among_others;
use anyhow::{Context as _, Result};
use end_to_end::stack::Stack;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ACCOUNT: &str = "${AWS::Region}:${AWS::AccountId}";
const TOKENS: [&str; 2] = ["api-token-??????", "writer-token-??????"];

/// The permissions by role, each an action, a space and a resource. One entry is for the roles of all handlers.
fn table() -> BTreeMap<&'static str, BTreeSet<String>> {
    let consumer = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"];
    let from = |queue: &str| consumer.map(|action| format!("sqs:{action} {queue}"));
    let queue = |name: &str| format!("arn:${{AWS::Partition}}:sqs:{ACCOUNT}:${{AWS::StackName}}-{name}");
    let store = format!("arn:${{AWS::Partition}}:dynamodb:{ACCOUNT}:table/${{AWS::StackName}}-store");
    let logs = |log: &str| ["CreateLogStream", "PutLogEvents"].map(|action| format!("logs:{action} {log}"));
    let logs_of = |function: &str| {
        logs(&format!(
            "arn:${{AWS::Partition}}:logs:{ACCOUNT}:log-group:/aws/lambda/${{AWS::StackName}}-{function}:*"
        ))
    };
    let secret = |action: &str, name: &str| {
        let secrets = format!("arn:${{AWS::Partition}}:secretsmanager:{ACCOUNT}:secret:${{AWS::StackName}}");
        format!("secretsmanager:{action} {secrets}/*/{name}")
    };
    let own = |text: &str| text.to_owned();
    BTreeMap::from([
        (
            "Roles.WebhookIngest",
            logs_of("webhook-ingest")
                .into_iter()
                .chain([
                    format!("sqs:SendMessage {}", queue("hints")),
                    secret("GetSecretValue", "webhook-token-??????"),
                    // A5 of the AWS facts: what IAM judges if there is no such secret.
                    secret("GetSecretValue", "webhook-token"),
                    secret("GetSecretValue", "inbound-*"),
                    // D1 of the AWS facts: the list of organisations.
                    format!("dynamodb:Query {store} if ForAllValues:StringEquals"),
                    format!("dynamodb:UpdateItem {store} if ForAllValues:StringLike"),
                ])
                .collect(),
        ),
        (
            "Roles.EventEnricher",
            from(&queue("hints"))
                .into_iter()
                .chain(logs_of("event-enricher"))
                .chain(
                    ["BatchGetItem", "PartiQLInsert", "PartiQLUpdate", "PutItem", "Query", "UpdateItem"]
                        .map(|it| format!("dynamodb:{it} {store}")),
                )
                .chain([
                    format!("sqs:SendMessage {}", queue("hints-dead-letters")),
                    format!(
                        "sns:Publish arn:${{AWS::Partition}}:sns:{ACCOUNT}:${{AWS::StackName}}-events.fifo"
                    ),
                    secret("GetSecretValue", "api-token-??????"),
                ])
                .collect(),
        ),
        (
            "RoleOfAHandler",
            from("EventsOfAHandler")
                .into_iter()
                .chain(logs("LogOfAHandler"))
                .chain([
                    own("sqs:SendMessage DeadLettersOfAHandler"),
                    own("sqs:SendMessage Store.Outputs.ActionsArn"),
                    format!("dynamodb:BatchGetItem {store} if ForAllValues:StringLike"),
                    secret("GetSecretValue", "none-??????"),
                    format!("dynamodb:Scan {} if ForAllValues:StringEquals", store.replace("-store", "-none")),
                ])
                .collect(),
        ),
        (
            "Roles.ActionWorker",
            from(&queue("actions.fifo"))
                .into_iter()
                .chain(logs_of("action-worker"))
                .chain(
                    [
                        "BatchGetItem",
                        "GetItem",
                        "PartiQLInsert",
                        "PartiQLUpdate",
                        "PutItem",
                        "Query",
                        "UpdateItem",
                    ]
                    .map(|it| format!("dynamodb:{it} {store}")),
                )
                .chain([
                    format!("sqs:SendMessage {}", queue("actions-dead-letters.fifo")),
                    secret("GetSecretValue", "writer-token-?????? or api-token-??????"),
                    secret("GetSecretValue", "destination-*"),
                    secret("GetSecretValue", "lead-key-??????"),
                ])
                .collect(),
        ),
        (
            "Roles.Reconciler",
            logs_of("reconciler")
                .into_iter()
                .chain([
                    format!("dynamodb:Query {store}/index/due"),
                    format!("dynamodb:Query {store}/index/checks"),
                    format!("dynamodb:Query {store}/index/journal_by_day"),
                    format!("dynamodb:GetItem {store} if ForAllValues:StringEquals"),
                    format!("dynamodb:PutItem {store} if ForAllValues:StringEquals"),
                    format!("dynamodb:Query {store} if ForAllValues:StringEquals"),
                    format!("dynamodb:UpdateItem {store} if ForAllValues:StringEquals"),
                    format!("sqs:SendMessage {}", queue("hints")),
                    format!("sqs:GetQueueAttributes {}", queue("hints")),
                ])
                .collect(),
        ),
        (
            "Roles.Schedule",
            ["reconciler", "alarm-notifier"]
                .map(|function| {
                    format!("lambda:InvokeFunction arn:${{AWS::Partition}}:lambda:{ACCOUNT}:function:${{AWS::StackName}}-{function}")
                })
                .into_iter()
                .chain(["hints", "hints-dead-letters"].map(|name| format!("sqs:SendMessage {}", queue(name))))
                .collect(),
        ),
        (
            "Roles.AlarmNotifier",
            logs_of("alarm-notifier")
                .into_iter()
                .chain(
                    ["DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]
                        .map(|it| format!("dynamodb:{it} {store} if ForAllValues:StringEquals")),
                )
                .chain([
                    secret("GetSecretValue", "").replace("/*/", "/${AlarmDestination}-??????"),
                    own(r#"sns:Publish {"Ref":"AlarmMailTopic"}"#),
                ])
                .collect(),
        ),
        (
            "Roles.VersionCheck",
            logs(&format!(
                "arn:${{AWS::Partition}}:logs:{ACCOUNT}:log-group:/aws/lambda/CodeDeployHook_${{AWS::StackName}}:*"
            ))
            .into_iter()
            .chain(["webhook-ingest", "event-enricher", "action-worker"].into_iter().flat_map(|function| {
                ["", ":*"].map(|version| {
                    format!("lambda:InvokeFunction arn:${{AWS::Partition}}:lambda:{ACCOUNT}:function:${{AWS::StackName}}-{function}{version}")
                })
            }))
                .chain(
                    [
                        ("GetDeployment", "deploymentgroup"),
                        ("PutLifecycleEventHookExecutionStatus", "deploymentgroup"),
                        ("GetApplicationRevision", "application"),
                    ]
                    .map(|(action, kind)| {
                        format!("codedeploy:{action} arn:${{AWS::Partition}}:codedeploy:{ACCOUNT}:{kind}:${{AWS::StackName}}-*")
                    }),
                )
                .collect(),
        ),
        (
            "Roles.CredentialRotator",
            logs_of("credential-rotator")
                .into_iter()
                .chain(
                    ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
                        .into_iter()
                        .flat_map(|action| TOKENS.map(|token| secret(action, token))),
                )
                .chain(["api-key-??????", "writer-key-??????"].map(|key| secret("GetSecretValue", key)))
                .collect(),
        ),
    ])
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_nothing_else() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let table = table();
    let mut found = BTreeSet::new();
    for (id, role) in of_type(&resources, "AWS::IAM::Role") {
        let handler = id.strip_prefix("Role").filter(|name| !name.contains('.')).unwrap_or("no handler");
        let name = id.replace(handler, "OfAHandler");
        assert_eq!(role["ManagedPolicyArns"].as_array().map_or(0, Vec::len), 0, "{id}");
        let granted: BTreeSet<String> =
            statements(role).flat_map(granted).map(|line| line.replace(handler, "OfAHandler")).collect();
        let wanted = table.get(name.as_str()).with_context(|| format!("the table has no role {id}"))?;
        let traced = ["xray:PutTraceSegments *", "xray:PutTelemetryRecords *"].map(str::to_owned);
        let is_function = id != "Roles.Schedule";
        let wanted: BTreeSet<String> = wanted
            .iter()
            .map(|line| of_entry(line, handler))
            .chain(traced.into_iter().filter(|_| is_function))
            .collect();
        assert_eq!(granted, wanted, "{id}");
        assert_eq!(role["PermissionsBoundary"]["Fn::If"][1]["Ref"], "PermissionsBoundary", "{id}");
        found.insert(name);
    }
    assert_eq!(found.len(), table.len(), "{found:?}");
    assert_eq!(of_type(&resources, "AWS::IAM::Policy").count(), 0);
    Ok(())
}

/// A permission of a handler whose entry has `Snapshots: store`.
fn of_entry(line: &str, handler: &str) -> String {
    let lists = handler == "DigestOfStalledTickets" && line.starts_with("dynamodb:Scan ");
    if lists { line.replace("-none", "-store") } else { line.to_owned() }
}

fn statements(role: &Value) -> impl Iterator<Item = &Value> {
    let policies = role["Policies"].as_array().into_iter().flatten();
    let statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    // A conditional statement counts as granted.
    statements
        .map(|statement| if statement["Fn::If"].is_null() { statement } else { &statement["Fn::If"][1] })
}

/// The permissions of a statement.
fn granted(statement: &Value) -> Vec<String> {
    let condition = statement["Condition"].as_object().and_then(|all| all.keys().next());
    let condition = condition.map(|kind| format!(" if {kind}")).unwrap_or_default();
    let line = |action: &Value, resource: &Value| {
        let (action, resource) = (action.as_str().unwrap_or_default(), name(resource));
        format!("{action} {resource}{condition}")
    };
    let actions = list(&statement["Action"]).into_iter();
    actions
        .flat_map(|action| {
            list(&statement["Resource"]).into_iter().map(|to| line(action, to)).collect::<Vec<_>>()
        })
        .collect()
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// A readable name of a resource: its logical id, or else the pattern.
fn name(resource: &Value) -> String {
    if let Some(text) = resource.as_str().or(resource["Fn::Sub"].as_str()) {
        return text.to_owned();
    }
    if let Some([_, one, other]) = resource["Fn::If"].as_array().map(Vec::as_slice) {
        let (one, other) = (name(one), name(other));
        let common_parent = one.rsplit_once('/').map(|(parent, _)| format!("{parent}/"));
        return format!(
            "{one} or {}",
            other.trim_start_matches(common_parent.as_deref().unwrap_or_default())
        );
    }
    if let [Some(id), Some(attribute)] = [0, 1].map(|part| resource["Fn::GetAtt"][part].as_str()) {
        return if attribute == "Arn" { id.to_owned() } else { format!("{id}.{attribute}") };
    }
    if let (Some(text), Some(values)) = (resource["Fn::Sub"][0].as_str(), resource["Fn::Sub"][1].as_object())
        && values.values().all(Value::is_string)
    {
        let filled = |text: String, (name, value): (&String, &Value)| {
            text.replace(&format!("${{{name}}}"), value.as_str().unwrap_or_default())
        };
        return values.iter().fold(text.to_owned(), filled);
    }
    resource.to_string()
}
