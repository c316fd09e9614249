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
mod tests {
    use super::*;
    use serde_json::json;

    fn of(settings: &Value, filter: &str) -> Mentions {
        let entry = Entry {
            name: "a".to_owned(),
            settings: settings.to_string(),
            policies: vec![format!(
                r#"{{"type": ["ticket.stage_changed"], "cause": {{"by": ["webhook"]}}, {filter}}}"#
            )],
            dry_run: false,
        };
        of_entry(&entry, &OrganisationId::parse("north").unwrap())
    }

    /// Where, what and the text of each, with its workflows.
    fn shown(mentions: &Mentions) -> Vec<String> {
        let one = |mention: &Mention| {
            let Mention { at, thing, text, by, workflows, .. } = mention;
            format!("{at}: {thing:?} {text} {by:?} {}", workflows.join("|")).trim_end().to_owned()
        };
        mentions.all.iter().map(one).collect()
    }

    const ALL: &str = r#""id": [{"exists": true}]"#;

    #[test]
    fn settings_name_things_by_the_last_word_of_their_keys() {
        let settings = json!({
            "stage": "Settled", "label": "Post-settlement", "follow_up_workflow": "Annual reviews", "name": "{contact}",
            "destination": "team", "empty_label": "", "labels": ["A", "B"], "archivedStage": "Archived", "stage_id": "s-1",
            "rules": [{ "owners": ["o-1"], "workflow": "Home loans" }, { "label": { "name": "C" } }],
        });
        assert_eq!(
            shown(&of(&settings, ALL)),
            [
                "Settings.archivedStage: Stage Archived NameOrId",
                "Settings.follow_up_workflow: Workflow Annual reviews NameOrId",
                "Settings.label: Label Post-settlement NameOrId",
                "Settings.labels[0]: Label A NameOrId",
                "Settings.labels[1]: Label B NameOrId",
                "Settings.rules[0].owners[0]: Owner o-1 NameOrId",
                "Settings.rules[0].workflow: Workflow Home loans NameOrId",
                "Settings.rules[1].label.name: Label C NameOrId",
                "Settings.stage: Stage Settled NameOrId",
                "Settings.stage_id: Stage s-1 NameOrId",
            ]
        );
    }

    #[test]
    fn a_stage_belongs_to_the_workflow_with_the_same_words_in_the_same_object() {
        let settings = json!({
            "stage": "Settled", "next_stage": "First", "next_workflow": "Reviews", "into": { "workflow": "Leads", "stage": "New" },
            "outer": { "stage": "Alone" },
        });
        let stages: Vec<_> =
            of(&settings, ALL).all.into_iter().filter(|one| one.thing == Thing::Stage).collect();
        let stages: Vec<_> = stages.iter().map(|one| (one.text.as_str(), one.workflows.join("|"))).collect();
        let expected = [("New", "Leads"), ("First", "Reviews"), ("Alone", ""), ("Settled", "")];
        assert_eq!(stages, expected.map(|(stage, workflows)| (stage, workflows.to_owned())));
        let filter = r#""to": {"stage": {"name": ["Settled"]}, "workflow": {"name": ["Home loans", {"prefix": "X"}]}}"#;
        assert_eq!(
            shown(&of(&json!({}), filter)),
            [
                "Filter.to.stage.name: Stage Settled Name Home loans",
                "Filter.to.workflow.name: Workflow Home loans Name",
                "Filter.to.workflow.name: Workflow X Prefix",
            ]
        );
    }

    #[test]
    fn filters_name_things_by_their_paths_in_the_event() {
        for (filter, expected) in [
            (
                r#""to": {"stage": {"name": [{"anything-but": ["Approved"]}]}}"#,
                "Filter.to.stage.name: Stage Approved Name",
            ),
            (
                r#""ticket": {"labels": {"name": ["Refinance"]}}"#,
                "Filter.ticket.labels.name: Label Refinance Name",
            ),
            (r#""label": {"id": ["l-1"]}"#, "Filter.label.id: Label l-1 Id"),
            (
                r#""stage": {"name": [{"equals-ignore-case": "x"}]}, "days": [14]"#,
                "Filter.stage.name: Stage x IgnoringCase",
            ),
            (
                r#""ticket": {"stage": {"name": [{"suffix": "led"}]}}"#,
                "Filter.ticket.stage.name: Stage led Suffix",
            ),
            (r#""ticket": {"owner": ["o-1"]}"#, "Filter.ticket.owner: Owner o-1 Id"),
            (r#""to": {"name": ["Reviews"]}"#, "Filter.to.name: Workflow Reviews Name"),
            (r#""to": ["o-2"]"#, "Filter.to: Owner o-2 Id"),
        ] {
            assert_eq!(shown(&of(&json!({}), filter)), [expected], "{filter}");
        }
        let others = r#""fields": {"stage": ["mine"]}, "ticket": {"value": [{"numeric": [">", 5]}]}"#;
        assert_eq!(shown(&of(&json!({}), others)), [""; 0]);
    }

    #[test]
    fn what_is_for_another_organisation_is_left_out() {
        let settings = json!({ "rules": [
            { "organisation": "south", "label": "S" }, { "organisation": ["north", "south"], "label": "N" }, { "organisation": null, "label": "A" },
        ] });
        let labels = |filter| of(&settings, filter).all.into_iter().map(|one| one.text).collect::<Vec<_>>();
        assert_eq!(labels(ALL), ["N", "A"]);
        assert_eq!(labels(r#""organisation": [{"prefix": "nor"}]"#), ["N", "A"]);
        assert_eq!(labels(r#""organisation": ["south"]"#), [""; 0]);
        assert_eq!(labels(r#""organisation": [{"anything-but": ["north"]}]"#), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let entry = Entry {
            name: "a".to_owned(),
            settings: "{".to_owned(),
            policies: vec!["{".to_owned()],
            dry_run: false,
        };
        let found = of_entry(&entry, &OrganisationId::parse("north").unwrap());
        assert_eq!((found.all.len(), found.unreadable.len()), (0, 2));
        let entry = Entry { name: "a".to_owned(), settings: String::new(), policies: vec![], dry_run: false };
        assert_eq!(of_entry(&entry, &OrganisationId::parse("north").unwrap()), Mentions::default());
    }
}
