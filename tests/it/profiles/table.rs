//! The policies against the tables of what a deployment and each command need; no stack is needed.

use super::policy::{Place, actions, allows, list};
use crate::tidy::{read, root, rust_files};
use anyhow::{Context as _, Result, ensure};
use automations_cli::permissions::{BY_TYPE, COMMANDS, CommandNeeds, Profile, of_deployment};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

const APPLICATION: &str = "automations-dev";
const ACCOUNT: &str = "111122223333";
const REGION: &str = "ap-southeast-2";
const DEV: Place<'_> = Place { application: APPLICATION, account: ACCOUNT, region: REGION };
const DEPLOYER: &str = "infra/stacks/deployer.yaml";
const OPERATORS: &str = "infra/stacks/operators.yaml";
/// The templates of a deployment, its nested stacks and the dashboard.
const TEMPLATES: [&str; 5] = [
    "template.yaml",
    "infra/stacks/store.yaml",
    "infra/stacks/roles.yaml",
    "infra/stacks/alarms.yaml",
    "infra/stacks/dashboard.yaml",
];
/// What SAM makes of its function (SAM Developer Guide, "Generated CloudFormation resources for `AWS::Serverless::Function`").
const OF_A_FUNCTION: [&str; 10] = [
    "AWS::Lambda::Function",
    "AWS::Lambda::Version",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Url",
    "AWS::Lambda::Permission",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Scheduler::Schedule",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
];
/// How the program calls its clients, and the first words of their operations. Not STS: `GetCallerIdentity` needs no permission.
const CLIENTS: &str = "cloudformation|cloudwatch|dynamodb|iam|lambda|logs|quotas|secrets|sns|sqs";
const VERBS: &str = "batch|cancel|change|create|delete|describe|disable|enable|get|invoke|list|publish|put|query|receive|rotate|scan|send|simulate|subscribe|unsubscribe|update";
/// A queue of a run of `automations listen`.
const OF_LISTEN: &str = "listen_1790000000_0a1b2c3d.fifo";
/// Characters of a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas").
const MAX_POLICY: usize = 6144;

/// A2 of the AWS facts.
#[test]
fn the_deployers_policies_allow_what_a_deployment_needs_and_no_other_applications() -> Result<()> {
    let mut deployer = DEV.statements(DEPLOYER, "Stacks")?;
    deployer.extend(DEV.statements(DEPLOYER, "Services")?);
    for needed in of_deployment(REGION, ACCOUNT, APPLICATION) {
        ensure!(allows(&deployer, needed.action, &needed.resource), "not allowed: {needed:?}");
    }
    for needed in of_deployment(REGION, ACCOUNT, "other") {
        let is_shared = needed.resource == "*"
            || [":s3:::aws-sam-cli", ":kms:", ":log-group:*", ":deploymentconfig:"]
                .iter()
                .any(|part| needed.resource.contains(part))
            || needed.action == "cloudformation:GetTemplateSummary";
        ensure!(is_shared || !allows(&deployer, needed.action, &needed.resource), "allowed: {needed:?}");
    }
    let own_role = format!("arn:aws:iam::{ACCOUNT}:role/deployer-of-{APPLICATION}");
    for action in ["iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PassRole"]
    {
        ensure!(!allows(&deployer, action, &own_role), "the deployer could change itself: {action}");
    }
    Ok(())
}

/// `.github/workflows/deploy.yml` runs the one after a deployment; the other is for before.
#[test]
fn the_deployers_policies_allow_smoke_and_preflight() -> Result<()> {
    let mut deployer = DEV.statements(DEPLOYER, "Stacks")?;
    deployer.extend(DEV.statements(DEPLOYER, "Services")?);
    let mut seen = 0;
    for needs in COMMANDS.iter().filter(|needs| ["smoke", "preflight"].contains(&needs.command)) {
        for action in needs.actions.iter().copied().flatten() {
            for resource in examples(action) {
                ensure!(allows(&deployer, action, &resource), "{}: {action} on {resource}", needs.command);
                seen += 1;
            }
        }
    }
    ensure!(seen > 15, "{seen}");
    Ok(())
}

/// A2 of the AWS facts.
#[test]
fn the_table_has_every_type_of_resource_that_the_templates_make() -> Result<()> {
    let table: BTreeSet<&str> = BY_TYPE.iter().map(|(kind, _)| *kind).collect();
    let mut made: BTreeSet<String> = OF_A_FUNCTION.iter().map(ToString::to_string).collect();
    for file in TEMPLATES {
        let text = read(file)?;
        let kinds = text.lines().filter_map(|line| line.trim().strip_prefix("Type: AWS::"));
        for kind in kinds.filter(|kind| *kind != "Serverless::Function") {
            let is_stack = kind == "Serverless::Application";
            made.insert(if is_stack {
                "AWS::CloudFormation::Stack".to_owned()
            } else {
                format!("AWS::{kind}")
            });
        }
    }
    assert_eq!(made.iter().map(String::as_str).collect::<BTreeSet<_>>(), table);
    Ok(())
}

/// A1 of the AWS facts: repositories older than 15 July 2026 have the one form, later ones the other.
#[test]
fn github_may_deploy_with_both_forms_of_its_subject_and_nothing_wider() -> Result<()> {
    let role = DEV.resources(DEPLOYER)?["Role"]["Properties"].take();
    let trust = &role["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(list(trust).len(), 1);
    let issuer = "token.actions.githubusercontent.com";
    assert_eq!(
        trust[0]["Condition"],
        json!({ "StringEquals": {
            format!("{issuer}:aud"): "sts.amazonaws.com",
            format!("{issuer}:sub"): [
                "repo:${Owner}/${Repository}:environment:${Environment}",
                "repo:${Owner}@${OwnerId}/${Repository}@${RepositoryId}:environment:${Environment}",
            ],
        } })
    );
    assert_eq!(trust[0]["Action"], "sts:AssumeRoleWithWebIdentity");
    assert_eq!(role["ManagedPolicyArns"], json!(["Stacks", "Services"]));
    Ok(())
}

/// A2 of the AWS facts.
#[test]
fn every_command_is_allowed_to_readers_or_operators_and_nothing_else_is() -> Result<()> {
    let reader = DEV.statements(OPERATORS, "Reader")?;
    let mut operator = DEV.statements(OPERATORS, "Operator")?;
    let own: Vec<Value> = operator.clone();
    operator.extend(reader.clone());
    let mut needed_by_readers = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for CommandNeeds { command, profile, actions } in COMMANDS {
        let actions: BTreeSet<&str> = actions.iter().copied().flatten().copied().collect();
        let policy = if *profile == Profile::Reader { &reader } else { &operator };
        for action in &actions {
            for resource in examples(action) {
                ensure!(allows(policy, action, &resource), "{command}: {action} on {resource}");
            }
        }
        if *profile == Profile::Reader {
            needed_by_readers.extend(actions.iter().copied());
        }
        needed.extend(actions);
    }
    // What the runbook and docs/logging.md have a person look at beside the program.
    let beside =
        ["logs:FilterLogEvents", "logs:StartQuery", "logs:GetQueryResults", "cloudwatch:GetMetricData"];
    let of_reader = actions(&reader).into_iter().filter(|action| !beside.contains(action));
    let unneeded: Vec<_> = of_reader.filter(|action| !needed.contains(action)).collect();
    ensure!(unneeded.is_empty(), "no command needs {unneeded:?}");
    let of_operator = actions(&own).into_iter().filter(|action| !action.starts_with("kms:"));
    let by_stack = ["cloudformation:UntagResource"];
    let unneeded: Vec<_> =
        of_operator.filter(|action| !needed.contains(action) && !by_stack.contains(action)).collect();
    ensure!(unneeded.is_empty(), "no command needs {unneeded:?}");
    Ok(())
}

#[test]
fn a_reader_writes_nothing_and_reads_no_secret() -> Result<()> {
    let reader = DEV.statements(OPERATORS, "Reader")?;
    let reads =
        ["Get", "List", "Describe", "Query", "BatchGet", "Receive", "Filter", "StartQuery", "Simulate"];
    for action in actions(&reader) {
        let name = action.split(':').nth(1).context("no name")?;
        // The only way to look at a dead letter hides it, and this shows it again.
        let is_read = reads.iter().any(|verb| name.starts_with(verb)) || name == "ChangeMessageVisibility";
        ensure!(is_read && action != "secretsmanager:GetSecretValue", "{action}");
    }
    Ok(())
}

/// Row 18 of the anchors: `automations listen` makes, empties and deletes its own queues, and no other.
#[test]
fn an_operator_makes_and_deletes_queues_of_listen_alone() -> Result<()> {
    let mut operator = DEV.statements(OPERATORS, "Operator")?;
    operator.extend(DEV.statements(OPERATORS, "Reader")?);
    let queue = |name: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
    let own = queue(&format!("{APPLICATION}-{OF_LISTEN}"));
    for action in ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:ReceiveMessage", "sqs:DeleteMessage"] {
        ensure!(allows(&operator, action, &own), "not allowed: {action}");
        for other in ["hints", "actions.fifo", "follow-up-on-settlement.fifo", "listen-to-all.fifo"] {
            let other = queue(&format!("{APPLICATION}-{other}"));
            ensure!(!allows(&operator, action, &other), "allowed: {action} on {other}");
        }
    }
    let topic = |name: &str| format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}-events.fifo");
    ensure!(allows(&operator, "sns:Subscribe", &topic(APPLICATION)));
    ensure!(!allows(&operator, "sns:Subscribe", &topic("other")));
    Ok(())
}

/// A call that a command makes and the table does not have would be found by an operator at night.
#[test]
fn the_table_has_every_call_of_the_program() -> Result<()> {
    let known: BTreeSet<&str> =
        COMMANDS.iter().flat_map(|needs| needs.actions.iter().copied().flatten().copied()).collect();
    let call = Regex::new(&format!(r"\b({CLIENTS})\s*\.((?:{VERBS})[a-z_]*)\(\)"))?;
    let mut seen = BTreeSet::new();
    for file in rust_files("infra/cli/src")? {
        let is_test = file.file_stem().is_some_and(|name| name == "tests");
        if is_test {
            continue;
        }
        let text = fs::read_to_string(&file)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for found in call.captures_iter(code) {
            let (client, operation) = (&found[1], &found[2]);
            let action = action_of(client, operation);
            let file = file.strip_prefix(root())?.display();
            ensure!(known.contains(action.as_str()), "{file} calls {action}: add it to its command's row");
            seen.insert(action);
        }
    }
    ensure!(seen.len() > 20, "{seen:?}");
    Ok(())
}

#[test]
fn each_policy_is_small_enough_for_iam() -> Result<()> {
    for (file, id) in
        [(DEPLOYER, "Stacks"), (DEPLOYER, "Services"), (OPERATORS, "Reader"), (OPERATORS, "Operator")]
    {
        let document = json!({ "Version": "2012-10-17", "Statement": DEV.statements(file, id)? }).to_string();
        let length = document.chars().filter(|c| !c.is_whitespace()).count();
        ensure!(length < MAX_POLICY, "{id} has {length} characters");
    }
    Ok(())
}

/// `secrets.get_secret_value()` is `secretsmanager:GetSecretValue`.
fn action_of(client: &str, operation: &str) -> String {
    let service = match client {
        "secrets" => "secretsmanager",
        "quotas" => "servicequotas",
        same => same,
    };
    if (service, operation) == ("lambda", "invoke") {
        return "lambda:InvokeFunction".to_owned();
    }
    let name: String = operation
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or_default();
            first.to_uppercase() + rest
        })
        .collect();
    format!("{service}:{name}")
}

/// What a command does this with.
fn examples(action: &str) -> Vec<String> {
    let arn = |service: &str, rest: &str| vec![format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")];
    let own = |service: &str, name: &str| arn(service, &format!("{APPLICATION}-{name}"));
    let (service, name) = action.split_once(':').unwrap_or_default();
    match (service, name) {
        ("cloudwatch", "DisableAlarmActions" | "EnableAlarmActions") => {
            arn(service, &format!("alarm:{APPLICATION}-actions.fifo-backlog"))
        }
        (
            _,
            "ListSecrets"
            | "ListQueues"
            | "ListTopics"
            | "GetAccountSettings"
            | "GetSubscriptionAttributes"
            | "Unsubscribe",
        )
        | ("lambda", "ListEventSourceMappings" | "UpdateEventSourceMapping")
        | ("servicequotas" | "cloudwatch", _) => vec!["*".to_owned()],
        ("logs", "DescribeLogGroups") => arn(service, "log-group:*"),
        ("cloudformation", "DescribeStacks" | "ListStackResources") => {
            let nested = arn(service, &format!("stack/{APPLICATION}-Store-ABC/0"));
            arn(service, &format!("stack/{APPLICATION}/0")).into_iter().chain(nested).collect()
        }
        ("cloudformation", _) => arn(service, &format!("stack/{APPLICATION}-organisation-north/0")),
        ("dynamodb", "Query") => {
            let index = arn(service, &format!("table/{APPLICATION}-store/index/journal_by_day"));
            arn(service, &format!("table/{APPLICATION}-store")).into_iter().chain(index).collect()
        }
        ("dynamodb", _) => arn(service, &format!("table/{APPLICATION}-store")),
        ("iam", _) => vec![format!("arn:aws:iam::{ACCOUNT}:role/deployer-of-{APPLICATION}")],
        ("lambda", "InvokeFunction") => ["credential-rotator", "follow-up-on-settlement"]
            .iter()
            .flat_map(|function| arn(service, &format!("function:{APPLICATION}-{function}")))
            .collect(),
        ("lambda", _) => {
            let function = format!("function:{APPLICATION}-webhook-ingest");
            let alias = arn(service, &format!("{function}:live"));
            arn(service, &function).into_iter().chain(alias).collect()
        }
        ("secretsmanager", _) => arn(service, &format!("secret:{APPLICATION}/north/api-token-aBcDeF")),
        ("sns", _) => own(service, "events.fifo"),
        ("sqs", "ReceiveMessage" | "DeleteMessage" | "ChangeMessageVisibility") => {
            let fifo = own(service, "actions-dead-letters.fifo");
            own(service, "hints-dead-letters").into_iter().chain(fifo).collect()
        }
        ("sqs", "CreateQueue" | "DeleteQueue") => own(service, OF_LISTEN),
        ("sqs", _) => own(service, "hints"),
        _ => Vec::new(),
    }
}
