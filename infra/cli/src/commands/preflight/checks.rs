//! The checks: what was read, and what would be deployed, to findings. Nothing here calls anything.

use super::facts::{Concurrency, Deployed, Facts, Read, Simulated, Unread, Used};
use super::finding::Finding;
use super::plan::Plan;
use super::{tools, trust};
use std::collections::BTreeSet;

/// Concurrency that must stay unreserved (AWS Lambda Developer Guide, "Configuring reserved concurrency").
const MIN_UNRESERVED: u32 = 100;
/// FIFO topics of an account and subscriptions of one (AWS General Reference, "Amazon SNS endpoints and quotas").
const FIFO_TOPICS: usize = 1000;
const SUBSCRIPTIONS: usize = 100;
/// Metric alarms of an account and region (Amazon `CloudWatch` User Guide, "`CloudWatch` service quotas").
const ALARMS: usize = 5000;
/// Denied actions that are named one by one.
const MAX_NAMED: usize = 8;

/// Every finding, in the order in which they are to be fixed.
pub fn all(plan: &Plan, facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![credentials(facts), region(plan, facts)];
    findings.extend(tools::check(&facts.tools));
    findings.push(stack(plan, &facts.stack));
    findings.push(left_over(plan, facts));
    findings.push(ingest_concurrency(plan, &facts.concurrency));
    findings.push(maximum_concurrency(plan, &facts.concurrency));
    findings.extend(quotas(plan, facts));
    findings.push(permissions(&facts.denied));
    findings.push(trust::check(plan, &facts.trust));
    findings
}

fn credentials(facts: &Facts) -> Finding {
    const CHECK: &str = "credentials";
    let why = match &facts.caller {
        Ok(arn) => return Finding::good(CHECK, arn),
        Err(Unread::Failed(error)) => format!("are not usable: {error}"),
        Err(Unread::Denied | Unread::NotTried) => "are refused".to_owned(),
    };
    Finding::fix(CHECK, why, "sign in again (aws sso login --profile NAME), or name another --profile")
}

fn region(plan: &Plan, facts: &Facts) -> Finding {
    const CHECK: &str = "region";
    if facts.region == plan.region {
        return Finding::good(CHECK, &plan.region);
    }
    let fix = format!(
        "add --region {}, or change `region` in samconfig.toml and in .github/workflows/deploy.yml",
        plan.region
    );
    let seen =
        format!("{} deploys to {}, and the profile is of {}", plan.environment, plan.region, facts.region);
    Finding::fix(CHECK, seen, fix)
}

fn stack(plan: &Plan, read: &Read<Option<Deployed>>) -> Finding {
    const CHECK: &str = "stack";
    let name = &plan.stack;
    let status = match read {
        Err(why) => return Finding::unread(CHECK, why, "cloudformation:DescribeStacks"),
        Ok(None) if plan.deletion_protection => {
            let seen = format!("{name} is not deployed; its first deployment has DeletionProtection=true");
            let fix = "deploy the first time with DeletionProtection=false: a failure would leave a table that blocks the next attempt";
            return Finding::note(CHECK, seen, fix);
        }
        Ok(None) => return Finding::good(CHECK, format!("{name} is not deployed yet")),
        Ok(Some(Deployed { status })) => status,
    };
    let seen = format!("{name} is {status}");
    // AWS CloudFormation API Reference, `Stack`: what can be updated, and what only be deleted.
    if ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"].contains(&status.as_str()) {
        return Finding::fix(CHECK, seen, format!("delete it first: sam delete --stack-name {name}"));
    }
    if status == "UPDATE_ROLLBACK_FAILED" {
        let fix = format!("aws cloudformation continue-update-rollback --stack-name {name}");
        return Finding::fix(CHECK, seen, fix);
    }
    if status.ends_with("IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" {
        return Finding::fix(CHECK, seen, "wait until it is complete");
    }
    Finding::good(CHECK, seen)
}

/// A6 of the AWS facts: what is there without its stack, by a name that the stack would give again.
fn left_over(plan: &Plan, facts: &Facts) -> Finding {
    const CHECK: &str = "left over";
    match &facts.stack {
        Err(why) => return Finding::unread(CHECK, why, "cloudformation:DescribeStacks"),
        Ok(Some(Deployed { status })) if status != "REVIEW_IN_PROGRESS" => {
            return Finding::good(CHECK, "what has the stack's names is the stack's own");
        }
        Ok(_) => {}
    }
    let mut found = Vec::new();
    match &facts.has_table {
        Err(why) => return Finding::unread(CHECK, why, "dynamodb:DescribeTable"),
        Ok(true) => {
            found.push((plan.table(), format!("aws dynamodb delete-table --table-name {}", plan.table())));
        }
        Ok(false) => {}
    }
    let there = |read: &Read<BTreeSet<String>>, action: &str, names: Vec<String>| match read {
        Err(why) => Err(Finding::unread(CHECK, why, action)),
        Ok(there) => Ok(names.into_iter().filter(|name| there.contains(name)).collect::<Vec<_>>()),
    };
    match there(&facts.log_groups, "logs:DescribeLogGroups", plan.log_groups()) {
        Err(unread) => return unread,
        Ok(names) => found.extend(names.into_iter().map(|name| {
            let fix = format!("aws logs delete-log-group --log-group-name {name}");
            (name, fix)
        })),
    }
    match there(&facts.queues, "sqs:ListQueues", plan.queues()) {
        Err(unread) => return unread,
        Ok(names) => found.extend(names.into_iter().map(|name| {
            let fix = format!("delete the queue {name}");
            (name, fix)
        })),
    }
    if found.is_empty() {
        return Finding::good(CHECK, "nothing has a name that the stack would give");
    }
    let (names, fixes): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let seen = format!("{} is there without the stack, which could not be made", names.join(", "));
    Finding::fix(CHECK, seen, format!("keep a backup of a table first, then: {}", fixes.join("; ")))
}

/// A3 of the AWS facts.
fn ingest_concurrency(plan: &Plan, read: &Read<Concurrency>) -> Finding {
    const CHECK: &str = "IngestConcurrency";
    let concurrency = match read {
        Err(why) => return Finding::unread(CHECK, why, "lambda:GetAccountSettings"),
        Ok(concurrency) => concurrency,
    };
    let (wanted, free) =
        (plan.ingest_concurrency, concurrency.unreserved.saturating_add(concurrency.reserved_here));
    let spare = free.saturating_sub(MIN_UNRESERVED);
    if wanted == 0 {
        let seen = format!("none is reserved; of the account's {}, {spare} could be", concurrency.account);
        return Finding::good(CHECK, seen);
    }
    if wanted <= spare {
        return Finding::good(CHECK, format!("{wanted} of {spare} that the account can give"));
    }
    let seen =
        format!("{wanted} leaves fewer than {MIN_UNRESERVED} of {free} unreserved, which Lambda refuses");
    let ask = wanted.saturating_add(MIN_UNRESERVED);
    Finding::fix(
        CHECK,
        seen,
        format!("leave it out of parameter_overrides, or ask for a concurrency of at least {ask}"),
    )
}

fn maximum_concurrency(plan: &Plan, read: &Read<Concurrency>) -> Finding {
    const CHECK: &str = "MaximumConcurrency";
    let concurrency = match read {
        Err(why) => return Finding::unread(CHECK, why, "lambda:GetAccountSettings"),
        Ok(concurrency) => concurrency,
    };
    let free = concurrency.unreserved.saturating_add(concurrency.reserved_here);
    let free = free.saturating_sub(plan.ingest_concurrency);
    let (each, functions) = (plan.maximum_concurrency, plan.queue_functions());
    let all = each.saturating_mul(functions);
    match each {
        0 => Finding::note(
            CHECK,
            format!("no limit: {functions} functions that read queues may take all of {free}"),
            "set it, so that a flood of messages leaves concurrency to webhook-ingest",
        ),
        // Lambda API Reference, `ScalingConfig`.
        1 | 1001.. => {
            Finding::fix(CHECK, format!("{each} is refused by Lambda"), "use 2 to 1000, or 0 for no limit")
        }
        2..=1000 if all >= free => {
            let seen =
                format!("{functions} functions with {each} each may take {all}, and {free} are free for all");
            let fits = free.saturating_sub(10).checked_div(functions).unwrap_or_default();
            let lower =
                if fits < 2 { String::new() } else { format!("MaximumConcurrency={fits} for now, and ") };
            Finding::fix(
                CHECK,
                seen,
                format!("{lower}ask for a concurrency of 1000: docs/deploy.md, \"Quotas\""),
            )
        }
        2..=1000 => {
            Finding::good(CHECK, format!("{functions} functions with {each} each, of {free} that are free"))
        }
    }
}

fn quotas(plan: &Plan, facts: &Facts) -> [Finding; 4] {
    let is_new = !matches!(&facts.stack, Ok(Some(_)));
    let quota = |check, read: &Read<Used>, default, needs: usize, action: &str| match read {
        Err(why) => Finding::unread(check, why, action),
        Ok(Used { used, quota }) => {
            let (limit, source) = quota.map_or((default, " by default"), |quota| (quota, ""));
            let after = if is_new { used.saturating_add(needs) } else { *used };
            let seen = format!("{after} of {limit}{source}, with this stack");
            if after <= limit {
                Finding::good(check, seen)
            } else {
                Finding::fix(check, seen, "ask for more in Service Quotas")
            }
        }
    };
    let handlers = plan.handlers.len();
    let subscriptions = if handlers <= SUBSCRIPTIONS {
        Finding::good("subscriptions", format!("{handlers} of {SUBSCRIPTIONS} of a FIFO topic"))
    } else {
        let seen = format!("{handlers} handlers, and a FIFO topic has at most {SUBSCRIPTIONS} subscriptions");
        Finding::fix("subscriptions", seen, "ask for more in Service Quotas, or deploy fewer handlers")
    };
    [
        quota(
            "FIFO topics",
            &facts.fifo_topics,
            FIFO_TOPICS,
            1,
            "sns:ListTopics and servicequotas:ListServiceQuotas",
        ),
        subscriptions,
        // Amazon SQS Developer Guide, "Amazon SQS quotas": messages are limited, not the number of queues.
        Finding::good(
            "queues",
            format!("{} of this stack; SQS does not limit their number", plan.queues().len()),
        ),
        quota(
            "alarms",
            &facts.alarms,
            ALARMS,
            plan.alarms,
            "cloudwatch:DescribeAlarms and servicequotas:ListServiceQuotas",
        ),
    ]
}

/// A2 of the AWS facts.
fn permissions(read: &Read<Simulated>) -> Finding {
    const CHECK: &str = "permissions";
    let (principal, denied) = match read {
        Err(why) => return Finding::unread(CHECK, why, "iam:SimulatePrincipalPolicy"),
        Ok(Simulated::Root) => {
            let fix = "deploy with a role that has the policies of infra/stacks/deployer.yaml";
            return Finding::note(CHECK, "the account's root user may do everything", fix);
        }
        Ok(Simulated::Of { principal, denied }) => (principal, denied),
    };
    if denied.is_empty() {
        return Finding::good(CHECK, format!("{principal} may do all that a deployment needs"));
    }
    let named: Vec<&str> = denied.iter().map(|needed| needed.action).take(MAX_NAMED).collect();
    let more = denied.len().saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let seen = format!("{principal} may not do {}{more}", named.join(", "));
    Finding::fix(CHECK, seen, "attach the two policies of infra/stacks/deployer.yaml")
}
