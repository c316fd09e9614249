//! The policies of a template of `infra/stacks`, for one application, and what they allow.

use crate::tidy::read;
use anyhow::{Context as _, Result};
use serde_json::Value;
use serde_norway::Value as Yaml;

/// For what a template is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) application: &'a str,
    pub(super) account: &'a str,
    pub(super) region: &'a str,
}

impl Place<'_> {
    /// The resources of a template, every optional part of them included but the permissions boundary.
    pub(super) fn resources(&self, file: &str) -> Result<Value> {
        let template: Yaml = serde_norway::from_str(&read(file)?)?;
        Ok(self.plain(template.get("Resources").context("no resources")?))
    }

    /// The statements of a managed policy.
    pub(super) fn statements(&self, file: &str, id: &str) -> Result<Vec<Value>> {
        let statements = self.resources(file)?[id]["Properties"]["PolicyDocument"]["Statement"].take();
        statements.as_array().cloned().with_context(|| format!("{file} has no policy {id}"))
    }

    /// Without the intrinsic functions: `!Sub` filled in, `!If` decided, `!Ref` and `!GetAtt` as the id.
    fn plain(&self, value: &Yaml) -> Value {
        match value {
            Yaml::Tagged(tagged) if tagged.tag == "If" => {
                let is_met = tagged.value.get(0).and_then(Yaml::as_str) != Some("HasBoundary");
                tagged
                    .value
                    .get(if is_met { 1 } else { 2 })
                    .map(|value| self.plain(value))
                    .unwrap_or_default()
            }
            Yaml::Tagged(tagged) => self.plain(&tagged.value),
            Yaml::String(text) => self.filled(text).into(),
            Yaml::Sequence(all) => all.iter().map(|value| self.plain(value)).collect(),
            Yaml::Mapping(all) => {
                let entry =
                    |(key, value): (&Yaml, &Yaml)| Some((key.as_str()?.to_owned(), self.plain(value)));
                Value::Object(
                    all.iter().filter_map(entry).filter(|(_, value)| value != "AWS::NoValue").collect(),
                )
            }
            Yaml::Bool(is) => (*is).into(),
            Yaml::Number(number) => number.as_i64().into(),
            Yaml::Null => Value::Null,
        }
    }

    fn filled(&self, text: &str) -> String {
        let text = text.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", self.region);
        text.replace("${AWS::AccountId}", self.account).replace("${Application}", self.application)
    }
}

/// Whether one of these statements allows an action on a resource, if its conditions hold.
pub(super) fn allows(statements: &[Value], action: &str, resource: &str) -> bool {
    let matches = |patterns: &Value, text: &str| {
        list(patterns).iter().any(|pattern| is_like(pattern.as_str().unwrap_or_default(), text))
    };
    statements.iter().any(|it| matches(&it["Action"], action) && matches(&it["Resource"], resource))
}

/// Each action of these statements.
pub(super) fn actions(statements: &[Value]) -> Vec<&str> {
    statements.iter().flat_map(|it| list(&it["Action"])).filter_map(Value::as_str).collect()
}

pub(super) fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// `*` is any text, `?` one character (IAM User Guide, "IAM JSON policy elements: Resource").
fn is_like(pattern: &str, text: &str) -> bool {
    match (pattern.split_at_checked(1), text.split_at_checked(1)) {
        (None, None) => true,
        (Some(("*", rest)), None) => is_like(rest, ""),
        (Some(("*", rest)), Some((_, shorter))) => is_like(rest, text) || is_like(pattern, shorter),
        (Some(("?", rest)), Some((_, shorter))) => is_like(rest, shorter),
        (Some((own, rest)), Some((other, shorter))) => own == other && is_like(rest, shorter),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[test]
fn a_pattern_of_iam_matches_as_iam_says() {
    for (pattern, text) in [("*", ""), ("a*c", "abbc"), ("a*c*", "acdc"), ("a?c", "abc"), ("sqs:*", "sqs:X")]
    {
        assert!(is_like(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("a", "ab"), ("a?c", "ac"), ("a*c", "ab"), ("", "a"), ("a-*", "a")] {
        assert!(!is_like(pattern, text), "{pattern} {text}");
    }
}
