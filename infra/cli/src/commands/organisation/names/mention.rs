//! The names of Salestrekker's things in an entry: in its settings by their keys, in its filter policies by their paths.

use crate::filter_policy::{Condition, FilterPolicy};
use crate::handler_entries::Entry;
use automations::id::OrganisationId;
use serde::Serialize;
use serde_json::Value;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// A stage of a workflow.
    Stage,
    /// A workflow.
    Workflow,
    /// A label.
    Label,
    /// A user, by id.
    Owner,
}

/// How a text names a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// In settings: by its name or its id.
    NameOrId,
    /// By its name alone: a filter compares what the event has there.
    Name,
    /// By its id alone.
    Id,
    /// By the beginning of its name.
    Prefix,
    /// By the end of its name.
    Suffix,
    /// By its name in upper or lower case.
    IgnoringCase,
}

/// A text that names a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// The entry's name.
    pub(super) handler: String,
    /// Where it is, such as `Settings.rules[0].label`.
    pub(super) at: String,
    pub(super) thing: Thing,
    pub(super) text: String,
    pub(super) by: By,
    /// Of a stage: the workflows that are named beside it; empty if there are none.
    pub(super) workflows: Vec<String>,
}

/// What an entry names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    pub(super) all: Vec<Mention>,
    /// What cannot be read, in a sentence each.
    pub(super) unreadable: Vec<String>,
}

/// The names in an entry; none if it gets no event of this organisation.
pub(super) fn of_entry(entry: &Entry, organisation: &OrganisationId) -> Mentions {
    let Entry { name, settings, policies, .. } = entry;
    let mut mentions = Mentions::default();
    let mut texts = Vec::new();
    let (mut gets_some, mut has_policy) = (false, false);
    for policy in policies {
        match FilterPolicy::parse(policy) {
            Ok(policy) => {
                has_policy = true;
                if is_for(&policy, organisation) {
                    gets_some = true;
                    texts.extend(of_policy(&policy));
                }
            }
            Err(error) => mentions.unreadable.push(format!("{name}: its filter policy: {error}")),
        }
    }
    if has_policy && !gets_some {
        return mentions;
    }
    match serde_json::from_str::<Value>(settings) {
        Ok(value) => of_settings(&value, &[], organisation, &mut texts),
        Err(_) if settings.trim().is_empty() => {}
        Err(_) => mentions.unreadable.push(format!("{name}: its settings are not JSON")),
    }
    mentions.all = named(name, &texts);
    mentions
}

/// The names in the rules for ages of some stages.
pub(super) fn of_age_rules(rules: &str, organisation: &OrganisationId) -> Mentions {
    let mut mentions = Mentions::default();
    let mut texts = Vec::new();
    match serde_json::from_str::<Value>(rules) {
        Ok(value) => of_settings(&value, &[], organisation, &mut texts),
        Err(_) if rules.trim().is_empty() => {}
        Err(_) => mentions.unreadable.push("STAGE_AGE_RULES are not JSON".to_owned()),
    }
    mentions.all = named("event-enricher", &texts);
    for mention in &mut mentions.all {
        mention.at = mention.at.replacen("Settings", "STAGE_AGE_RULES", 1);
    }
    mentions
}

/// A text with the keys that lead to it.
#[derive(Debug)]
struct Leaf {
    root: &'static str,
    path: Vec<String>,
    text: String,
    by: By,
}

/// Each text in settings, except in an object whose `organisation` is another one.
fn of_settings(value: &Value, path: &[String], organisation: &OrganisationId, texts: &mut Vec<Leaf>) {
    let deeper = |part: String| [path, &[part]].concat();
    match value {
        Value::Object(fields) => {
            let own = fields.get("organisation").or_else(|| fields.get("organisations"));
            if own.is_some_and(|own| !has_text(own, organisation.as_str())) {
                return;
            }
            for (key, value) in fields {
                of_settings(value, &deeper(key.clone()), organisation, texts);
            }
        }
        Value::Array(list) => {
            for (position, value) in list.iter().enumerate() {
                of_settings(value, &deeper(format!("[{position}]")), organisation, texts);
            }
        }
        Value::String(text) if !text.is_empty() => {
            texts.push(Leaf { root: "Settings", path: path.to_vec(), text: text.clone(), by: By::NameOrId });
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a value is this text, a list with it, or something that names no organisation.
fn has_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(list) => list.iter().any(|one| has_text(one, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

/// Whether a subscription with this policy gets events of an organisation.
fn is_for(policy: &FilterPolicy, organisation: &OrganisationId) -> bool {
    let value = Value::from(organisation.as_str());
    let conditions = policy.conditions();
    let mut own = conditions.iter().filter(|(path, _)| path.as_slice() == ["organisation"]).peekable();
    own.peek().is_none() || own.any(|(_, condition)| condition.accepts(Some(&value)))
}

/// Each text in a policy's conditions. The fields of a form are the sender's, not Salestrekker's.
fn of_policy(policy: &FilterPolicy) -> Vec<Leaf> {
    let mut texts = Vec::new();
    for (path, condition) in policy.conditions() {
        if path.first() != Some(&"fields") {
            of_condition(&path, condition, &mut texts);
        }
    }
    texts
}

fn of_condition(path: &[&str], condition: &Condition, texts: &mut Vec<Leaf>) {
    let exactly = if path.last() == Some(&"name") { By::Name } else { By::Id };
    let (text, by) = match condition {
        Condition::Exactly(Value::String(text)) => (text, exactly),
        Condition::Prefix(text) => (text, By::Prefix),
        Condition::Suffix(text) => (text, By::Suffix),
        Condition::IgnoringCase(text) => (text, By::IgnoringCase),
        Condition::AnythingBut(all) => {
            for one in all {
                of_condition(path, one, texts);
            }
            return;
        }
        Condition::Exactly(_) | Condition::Numeric(_) | Condition::Exists(_) => return,
    };
    let path = path.iter().map(|key| (*key).to_owned()).collect();
    texts.push(Leaf { root: "Filter", path, text: text.clone(), by });
}

/// The texts that name a thing, each stage with the workflows beside it.
fn named(handler: &str, texts: &[Leaf]) -> Vec<Mention> {
    let roles: Vec<(&Leaf, Role<'_>)> =
        texts.iter().filter_map(|text| Some((text, Role::of(text.root, &text.path)?))).collect();
    let mention = |(text, role): &(&Leaf, Role<'_>)| {
        let is_beside = |(other, beside): &&(&Leaf, Role<'_>)| {
            beside.thing == Thing::Workflow
                && other.root == text.root
                && beside.above == role.above
                && beside.words == role.words
                && matches!(other.by, By::NameOrId | By::Name | By::Id)
        };
        let beside = roles.iter().filter(|_| role.thing == Thing::Stage).filter(is_beside);
        Mention {
            handler: handler.to_owned(),
            at: format!("{}{}", text.root, written(&text.path)),
            thing: role.thing,
            text: text.text.clone(),
            by: text.by,
            workflows: beside.map(|(other, _)| other.text.clone()).collect(),
        }
    };
    roles.iter().map(mention).collect()
}

/// What the keys above a text make of it.
#[derive(Debug, PartialEq, Eq)]
struct Role<'a> {
    thing: Thing,
    /// The keys above the one that says what it is.
    above: &'a [String],
    /// The words of that key before the last one: `follow_up` of `follow_up_workflow`.
    words: Vec<String>,
}

impl<'a> Role<'a> {
    fn of(root: &str, path: &'a [String]) -> Option<Self> {
        let keys = match path.iter().rposition(|part| !part.starts_with('[')) {
            Some(last) => path.get(..=last)?,
            None => return None,
        };
        let (last, above) = keys.split_last()?;
        // An event's `to` is a workflow in `ticket.workflow_changed`, an owner in `ticket.owner_changed`, and has both in others.
        let is_change = |key: &String| root == "Filter" && (key == "from" || key == "to");
        if is_change(last) && above.is_empty() {
            return Some(Self { thing: Thing::Owner, above, words: vec![] });
        }
        let mut words = words(last);
        let (last, above) = if matches!(words.as_slice(), [one] if is_name_or_id(one)) {
            let (last, above) = above.split_last()?;
            words = self::words(last);
            (last, above)
        } else {
            (last, above)
        };
        if is_change(last) && above.is_empty() {
            return Some(Self { thing: Thing::Workflow, above, words: vec![] });
        }
        if words.last().is_some_and(|word| is_name_or_id(word)) {
            words.pop();
        }
        let thing = match words.pop()?.as_str() {
            "stage" | "stages" => Thing::Stage,
            "workflow" | "workflows" => Thing::Workflow,
            "label" | "labels" => Thing::Label,
            "owner" | "owners" => Thing::Owner,
            _ => return None,
        };
        Some(Self { thing, above, words })
    }
}

fn is_name_or_id(word: &str) -> bool {
    ["name", "names", "id", "ids"].contains(&word)
}

/// The lower-case words of a key: `follow_up_workflow`, `follow-up-workflow` and `followUpWorkflow` have three.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in key.chars() {
        if character == '_' || character == '-' || character.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character != '_' && character != '-') {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn written(path: &[String]) -> String {
    path.iter().map(|part| if part.starts_with('[') { part.clone() } else { format!(".{part}") }).collect()
}

#[cfg(test)]
mod tests;
