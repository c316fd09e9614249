//! Whom the role of GitHub trusts: A1 of the AWS facts.

use super::facts::Read;
use super::finding::Finding;
use super::plan::Plan;
use serde_json::Value;

const CHECK: &str = "GitHub";
const ISSUER: &str = "token.actions.githubusercontent.com";

/// The form of the subject: `repo:OWNER/NAME:environment:ENV`, or with ids in a repository made or renamed since 15 July 2026,
/// `repo:OWNER@ID/NAME@ID:environment:ENV` (GitHub's documentation, "`OpenID` Connect reference").
pub(super) fn check(plan: &Plan, read: &Read<Option<Value>>) -> Finding {
    let role = format!("deployer-of-{}", plan.stack);
    let trust = match read {
        Err(why) => return Finding::unread(CHECK, why, "iam:GetRole"),
        Ok(None) => {
            let seen = format!("there is no role {role}: GitHub does not deploy");
            return Finding::note(CHECK, seen, "deploy infra/stacks/deployer.yaml, if it should");
        }
        Ok(Some(trust)) => trust,
    };
    let again = "deploy infra/stacks/deployer.yaml again";
    let statements = one_or_more(of(trust, "Statement"));
    let mut subjects = Vec::new();
    for statement in statements.iter().filter(|statement| of(statement, "Effect") == "Allow") {
        let condition = of(of(statement, "Condition"), "StringEquals");
        let subject = of(condition, &format!("{ISSUER}:sub"));
        if of(condition, &format!("{ISSUER}:aud")) != "sts.amazonaws.com" {
            let seen = format!("{role} does not ask for the audience sts.amazonaws.com");
            return Finding::fix(CHECK, seen, again);
        }
        subjects.extend(one_or_more(subject).into_iter().filter_map(Value::as_str));
        if subject.is_null() {
            let seen = format!("{role} trusts more than one environment of one repository");
            return Finding::fix(CHECK, seen, again);
        }
    }
    let end = format!(":environment:{}", plan.environment);
    if subjects.is_empty() || subjects.iter().any(|subject| subject.contains('*') || !subject.ends_with(&end))
    {
        let seen =
            format!("{role} trusts {}, not only the environment {}", subjects.join(", "), plan.environment);
        return Finding::fix(CHECK, seen, again);
    }
    if subjects.iter().any(|subject| subject.contains('@')) {
        return Finding::good(CHECK, format!("{role} trusts {}", subjects.join(" and ")));
    }
    Finding::note(
        CHECK,
        format!(
            "{role} trusts {}, which a repository made or renamed since 15 July 2026 does not have",
            subjects.join(", ")
        ),
        "give OwnerId and RepositoryId to infra/stacks/deployer.yaml: gh api repos/OWNER/NAME --jq '.owner.id, .id'",
    )
}

fn of<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

fn one_or_more(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}
