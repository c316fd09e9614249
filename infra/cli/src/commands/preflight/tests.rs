//! Every finding, provoked.

use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

fn plan() -> Plan {
    Plan {
        environment: "prod".to_owned(),
        stack: "automations".to_owned(),
        region: "ap-southeast-2".to_owned(),
        handlers: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        ingest_concurrency: 100,
        maximum_concurrency: 10,
        deletion_protection: false,
        alarms: 40,
    }
}

fn trust(subjects: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Condition": { "StringEquals": {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": subjects,
    } } }] })
}

const OLD: &str = "repo:example/automations:environment:prod";
const NEW: &str = "repo:example@1/automations@2:environment:prod";

/// An account in which all is well.
fn facts() -> Facts {
    Facts {
        region: "ap-southeast-2".to_owned(),
        caller: Ok("arn:aws:sts::111122223333:assumed-role/deployer-of-automations/x".to_owned()),
        tools: Tools {
            sam: Some("SAM CLI, version 1.170.0".to_owned()),
            cargo_lambda: Some("cargo-lambda 1.9.2".to_owned()),
            zig: Some("0.17.1".to_owned()),
        },
        concurrency: Ok(Concurrency { account: 1000, unreserved: 1000, reserved_here: 0 }),
        fifo_topics: Ok(Used { used: 3, quota: Some(1000) }),
        alarms: Ok(Used { used: 100, quota: None }),
        stack: Ok(None),
        has_table: Ok(false),
        log_groups: Ok(BTreeSet::new()),
        queues: Ok(BTreeSet::new()),
        denied: Ok(Simulated::Of { principal: "arn:x".to_owned(), denied: Vec::new() }),
        trust: Ok(Some(trust(&json!([OLD, NEW])))),
    }
}

/// The findings that differ from those of an account in which all is well.
fn found(plan: &Plan, facts: &Facts) -> Vec<(&'static str, Level, String)> {
    let all = all(plan, facts).into_iter().filter(|finding| finding.level != Level::Good);
    all.map(|finding| {
        assert!(!finding.fix.is_empty(), "it does not say how to fix it: {finding:?}");
        (finding.check, finding.level, format!("{}; {}", finding.seen, finding.fix))
    })
    .collect()
}

/// Exactly this one, which says this.
#[track_caller]
fn assert_one(plan: &Plan, facts: &Facts, check: &str, level: Level, says: &str) {
    let found = found(plan, facts);
    let [(name, own, text)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*name, *own), (check, level), "{text}");
    assert!(text.contains(says), "{text}");
}

#[test]
fn an_account_in_which_all_is_well_has_no_finding() {
    assert_eq!(found(&plan(), &facts()), []);
    let names: BTreeSet<_> = all(&plan(), &facts()).into_iter().map(|finding| finding.check).collect();
    assert_eq!(names.len(), 15, "{names:?}");
}

#[test]
fn without_credentials_nothing_else_is_checked() {
    let mut facts = facts();
    facts.caller = Err(Unread::Failed("ExpiredToken".to_owned()));
    facts.stack = Err(Unread::NotTried);
    let found = found(&plan(), &facts);
    assert_eq!((found[0].0, found[0].1), ("credentials", Level::Fix));
    assert!(found[0].2.contains("ExpiredToken") && found[0].2.contains("--profile"), "{found:?}");
    assert!(found[1..].iter().all(|(_, level, _)| *level == Level::Unchecked), "{found:?}");
}

#[test]
fn another_region_than_samconfigs_is_found() {
    let facts = Facts { region: "us-east-1".to_owned(), ..facts() };
    assert_one(&plan(), &facts, "region", Level::Fix, "--region ap-southeast-2");
}

#[test]
fn a_missing_program_is_found_and_one_command_for_all_is_printed_once() {
    let mut facts = facts();
    facts.tools.zig = None;
    assert_one(&plan(), &facts, "zig", Level::Fix, "ziglang==0.17.1");
    facts.tools.sam = None;
    let findings = all(&plan(), &facts);
    let fixes = fixes(&findings);
    assert_eq!((fixes.len(), &fixes[0].1), (1, &vec!["SAM CLI", "zig"]));
}

/// A3 of the AWS facts: 100 must stay unreserved, and a new account has 10 in all.
#[test]
fn a_reservation_that_the_account_cannot_give_is_found() {
    let of = |unreserved, reserved_here| {
        let account = 1000;
        Facts { concurrency: Ok(Concurrency { account, unreserved, reserved_here }), ..facts() }
    };
    let plan = Plan { maximum_concurrency: 2, ..plan() };
    assert_eq!(found(&plan, &of(200, 0)), []);
    assert_one(&plan, &of(199, 0), "IngestConcurrency", Level::Fix, "at least 200");
    assert_eq!(found(&plan, &of(100, 100)), [], "it has them already");
    let none = Plan { ingest_concurrency: 0, ..plan };
    assert_one(&none, &of(10, 0), "MaximumConcurrency", Level::Fix, "ask for a concurrency of 1000");
}

/// A7 of the AWS facts, and an account whose functions would take everything from webhook-ingest.
#[test]
fn limits_of_concurrency_that_do_not_work_are_found() {
    let of = |maximum_concurrency| Plan { maximum_concurrency, ..plan() };
    assert_one(&of(0), &facts(), "MaximumConcurrency", Level::Note, "no limit");
    assert_one(&of(1), &facts(), "MaximumConcurrency", Level::Fix, "refused by Lambda");
    assert_eq!(found(&of(149), &facts()), [], "6 functions may take 894 of 900");
    assert_one(&of(150), &facts(), "MaximumConcurrency", Level::Fix, "MaximumConcurrency=148 for now");
}

#[test]
fn quotas_that_the_stack_would_exceed_are_found() {
    let topics = |used| Facts { fifo_topics: Ok(Used { used, quota: Some(10) }), ..facts() };
    assert_eq!(found(&plan(), &topics(9)), []);
    assert_one(&plan(), &topics(10), "FIFO topics", Level::Fix, "11 of 10");
    let deployed = Facts { stack: Ok(Some(Deployed { status: "UPDATE_COMPLETE".to_owned() })), ..topics(10) };
    assert_eq!(found(&plan(), &deployed), [], "its topic is one of them");
    let alarms = Facts { alarms: Ok(Used { used: 4990, quota: None }), ..facts() };
    assert_one(&plan(), &alarms, "alarms", Level::Fix, "5030 of 5000 by default");
    let handlers = (0..101).map(|number| format!("h{number}")).collect();
    let many = Plan { handlers, maximum_concurrency: 2, ..plan() };
    assert_one(&many, &facts(), "subscriptions", Level::Fix, "at most 100");
}

/// A6 of the AWS facts.
#[test]
fn what_would_block_the_stack_is_found_with_the_command_that_removes_it() {
    let table = Facts { has_table: Ok(true), ..facts() };
    assert_one(&plan(), &table, "left over", Level::Fix, "delete-table --table-name automations-store");
    let group = "/aws/lambda/automations-webhook-ingest".to_owned();
    let other = "/aws/lambda/automations-dev-webhook-ingest".to_owned();
    let logs = |names: &[&String]| Facts {
        log_groups: Ok(names.iter().map(ToString::to_string).collect()),
        ..facts()
    };
    assert_one(
        &plan(),
        &logs(&[&group, &other]),
        "left over",
        Level::Fix,
        &format!("--log-group-name {group}"),
    );
    assert_eq!(found(&plan(), &logs(&[&other])), [], "another stack's");
    let queue = Facts { queues: Ok(["automations-a.fifo".to_owned()].into()), ..facts() };
    assert_one(&plan(), &queue, "left over", Level::Fix, "automations-a.fifo");
    let deployed = Some(Deployed { status: "CREATE_COMPLETE".to_owned() });
    assert_eq!(found(&plan(), &Facts { stack: Ok(deployed), ..table }), [], "it is the stack's own");
}

#[test]
fn a_stack_that_cannot_be_updated_is_found() {
    let of = |status: &str| Facts { stack: Ok(Some(Deployed { status: status.to_owned() })), ..facts() };
    for (status, says) in [
        ("ROLLBACK_COMPLETE", "sam delete --stack-name automations"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "wait"),
    ] {
        assert_one(&plan(), &of(status), "stack", Level::Fix, says);
    }
    for status in ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"] {
        assert_eq!(found(&plan(), &of(status)), [], "{status}");
    }
    let first = Plan { deletion_protection: true, ..plan() };
    assert_one(&first, &facts(), "stack", Level::Note, "DeletionProtection=false");
}

/// A2 of the AWS facts.
#[test]
fn missing_permissions_are_found_and_what_cannot_be_asked_is_said() {
    let all = crate::permissions::of_deployment("ap-southeast-2", "111122223333", "automations");
    let of = |count| {
        let denied = all.iter().take(count).cloned().collect();
        Facts { denied: Ok(Simulated::Of { principal: "arn:x".to_owned(), denied }), ..facts() }
    };
    assert_one(&plan(), &of(1), "permissions", Level::Fix, "cloudformation:CreateChangeSet");
    assert_one(&plan(), &of(10), "permissions", Level::Fix, "and 2 more");
    let root = Facts { denied: Ok(Simulated::Root), ..facts() };
    assert_one(&plan(), &root, "permissions", Level::Note, "deployer.yaml");
    let refused = Facts { denied: Err(Unread::Denied), ..facts() };
    assert_one(&plan(), &refused, "permissions", Level::Unchecked, "iam:SimulatePrincipalPolicy");
}

/// A1 of the AWS facts.
#[test]
fn a_subject_of_the_old_form_alone_is_a_note_and_a_wider_trust_must_be_fixed() {
    let of = |subjects: &Value| Facts { trust: Ok(Some(trust(subjects))), ..facts() };
    assert_one(&plan(), &of(&json!(OLD)), "GitHub", Level::Note, "15 July 2026");
    assert_eq!(found(&plan(), &of(&json!(NEW))), []);
    let dev = NEW.replace("prod", "dev");
    for wide in [json!([]), json!("repo:example/*"), json!([NEW, dev]), Value::Null] {
        assert_one(&plan(), &of(&wide), "GitHub", Level::Fix, "deploy infra/stacks/deployer.yaml again");
    }
    let mut other = trust(&json!(NEW));
    other["Statement"][0]["Condition"]["StringEquals"]["token.actions.githubusercontent.com:aud"] =
        json!("x");
    let other = Facts { trust: Ok(Some(other)), ..facts() };
    assert_one(&plan(), &other, "GitHub", Level::Fix, "audience");
    let none = Facts { trust: Ok(None), ..facts() };
    assert_one(&plan(), &none, "GitHub", Level::Note, "no role deployer-of-automations");
}

#[test]
fn what_may_not_be_read_is_said_with_the_missing_permission() {
    let refused = Facts {
        concurrency: Err(Unread::Denied),
        fifo_topics: Err(Unread::Denied),
        alarms: Err(Unread::Denied),
        stack: Err(Unread::Denied),
        trust: Err(Unread::Denied),
        ..facts()
    };
    let found = found(&plan(), &refused);
    assert_eq!(found.len(), 7, "{found:?}");
    for (_, level, text) in found {
        assert_eq!(level, Level::Unchecked);
        assert!(text.contains("allow ") && text.contains(':'), "{text}");
    }
}
