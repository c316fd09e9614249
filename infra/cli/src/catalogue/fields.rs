//! The fields of a schema as a filter policy reaches them: `to.stage.name`.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where AsyncAPI keeps schemas, so that their references need no change.
pub(super) const DEFINITIONS: &str = "/components/schemas";

/// A value of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The keys that lead to it, with dots between them. A list's are those of its elements.
    pub path: String,
    /// The types in JSON that it may have; of a text that is always the same, the text in quotation marks.
    pub types: BTreeSet<String>,
    /// Whether every event has it that has what is around it.
    pub is_required: bool,
    /// What it is.
    pub sentence: Option<String>,
}

/// The fields of schemas that refer to these definitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) definitions: &'a Value,
}

impl<'a> Fields<'a> {
    /// Those of an object; not `type`, which says which kind it is.
    pub(super) fn of(self, schema: &'a Value) -> Vec<Field> {
        let mut found = Vec::new();
        for (name, (field, is_required)) in properties(&[schema]) {
            if name != "type" {
                self.collect(&field, name, is_required, &mut found);
            }
        }
        found
    }

    /// The fields in a value that has one of these schemas.
    fn collect(self, schemas: &[&'a Value], path: &str, is_required: bool, found: &mut Vec<Field>) {
        let mut forms = Vec::new();
        for schema in schemas {
            self.forms(schema, &mut forms);
        }
        let inside = properties(&forms);
        if !inside.is_empty() {
            for (name, (field, is_required)) in inside {
                self.collect(&field, &format!("{path}.{name}"), is_required, found);
            }
            return;
        }
        let sentence = schemas.iter().chain(&forms).find_map(|schema| sentence(schema));
        let types = forms.iter().flat_map(|form| types(form)).collect();
        found.push(Field { path: path.to_owned(), types, is_required, sentence });
    }

    /// The schemas without references and alternatives; of a list of objects, those of its elements.
    fn forms(self, schema: &'a Value, found: &mut Vec<&'a Value>) {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        if let Some(definition) = name.and_then(|name| self.definitions.get(name)) {
            return self.forms(definition, found);
        }
        let alternatives = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array());
        let alternatives: Vec<&Value> = alternatives.flatten().collect();
        if !alternatives.is_empty() {
            for alternative in alternatives {
                self.forms(alternative, found);
            }
            return;
        }
        let mut elements = Vec::new();
        if let Some(items) = schema.get("items") {
            self.forms(items, &mut elements);
        }
        if elements.iter().any(|element| element.get("properties").is_some()) {
            found.append(&mut elements);
        } else {
            found.push(schema);
        }
    }
}

/// What a schema says it is: the first paragraph, without the brackets of Rust's documentation.
pub(super) fn sentence(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?.split("\n\n").next()?;
    Some(text.replace('\n', " ").replace("[`", "`").replace("`]", "`"))
}

/// Replaces what a schema says it is by its [`sentence`].
pub(super) fn describe(schema: &mut Value) {
    let text = sentence(schema);
    if let Some((schema, text)) = schema.as_object_mut().zip(text) {
        schema.insert("description".to_owned(), text.into());
    }
}

/// The properties of these forms of an object, with the schema of each form, and whether every form has them.
fn properties<'a>(forms: &[&'a Value]) -> BTreeMap<&'a str, (Vec<&'a Value>, bool)> {
    let objects: Vec<&Value> =
        forms.iter().copied().filter(|form| form.get("properties").is_some()).collect();
    let is_required = |name: &str| {
        objects.iter().all(|object| {
            let required = object.get("required").and_then(Value::as_array);
            required.is_some_and(|required| required.iter().any(|other| other == name))
        })
    };
    let mut found: BTreeMap<&str, (Vec<&Value>, bool)> = BTreeMap::new();
    for (name, field) in objects.iter().filter_map(|object| object.get("properties")?.as_object()).flatten() {
        let entry = found.entry(name).or_insert_with(|| (Vec::new(), is_required(name)));
        entry.0.push(field);
    }
    found
}

fn types(form: &Value) -> Vec<String> {
    if let Some(constant) = form.get("const") {
        return vec![constant.to_string()];
    }
    if let Some(all) = form.get("enum").and_then(Value::as_array) {
        return all.iter().map(ToString::to_string).collect();
    }
    match form.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            several.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        }
        Some(_) | None => vec!["any".to_owned()],
    }
}

/// The name of a definition, as a reference to it.
pub(super) fn reference(name: &str) -> String {
    format!("#{DEFINITIONS}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_reached_through_references_alternatives_and_lists() {
        let definitions = json!({
            "Named": { "type": "object", "required": ["id"], "properties": {
                "id": { "type": "string" },
                "name": { "description": "As in [`Ticket`].\n\nMore.", "type": ["string", "null"] },
            } },
        });
        let schema = json!({ "type": "object", "required": ["labels", "by"], "properties": {
            "type": { "const": "x" },
            "labels": { "type": "array", "items": { "$ref": "#/components/schemas/Named" } },
            "by": { "oneOf": [
                { "properties": { "who": { "const": "webhook" } }, "required": ["who"] },
                { "properties": { "who": { "const": "action" }, "chain": { "type": "array" } }, "required": ["who", "chain"] },
            ] },
            "stage": { "description": "The stage.", "allOf": [{ "$ref": "#/components/schemas/Named" }] },
        } });
        let fields = Fields { definitions: &definitions }.of(&schema);
        let shown: Vec<String> = fields
            .iter()
            .map(|field| {
                let types: Vec<&str> = field.types.iter().map(String::as_str).collect();
                format!("{} {} {}", field.path, types.join("|"), field.is_required)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "by.chain array false",
                "by.who \"action\"|\"webhook\" true",
                "labels.id string true",
                "labels.name null|string false",
                "stage.id string true",
                "stage.name null|string false",
            ]
        );
        assert_eq!(fields[3].sentence.as_deref(), Some("As in `Ticket`."));
    }
}
