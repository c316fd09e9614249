//! SNS filter policies on the message body: what one accepts, and whether SNS accepts it. SNS has no operation that tries a policy, so
//! `replay`, `dry-run` and `new-handler` ask this module (Amazon SNS Developer Guide, "Amazon SNS subscription filter policies").

mod condition;
mod error;

pub(crate) use condition::Condition;
pub use error::InvalidPolicy;

use automations::Event;
use error::{MAX_COMBINATIONS, MAX_KEYS};
use serde_json::{Map, Value};

/// A filter policy that SNS accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPolicy(Object);

#[derive(Debug, Clone, PartialEq)]
struct Object(Vec<(String, Rule)>);

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// Any of these conditions holds.
    Any(Vec<Condition>),
    /// The property is an object of which all these hold, or a list with such an object.
    Nested(Object),
}

impl FilterPolicy {
    /// Parses a policy, and checks SNS's limits.
    ///
    /// # Errors
    /// [`InvalidPolicy`].
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let value: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| InvalidPolicy::NotAnObject(error.to_string()))?;
        let object = Object::parse(&value, "")?;
        let (keys, combinations) = object.size(1);
        if keys > MAX_KEYS {
            return Err(InvalidPolicy::TooManyKeys(keys));
        }
        if combinations > MAX_COMBINATIONS {
            return Err(InvalidPolicy::TooManyCombinations(combinations));
        }
        Ok(Self(object))
    }

    /// Whether a subscription with this policy receives an event.
    pub fn accepts(&self, event: &Event) -> bool {
        serde_json::to_value(event).is_ok_and(|body| self.0.accepts(&body))
    }

    /// The keys, such as `to.stage.name`, whose conditions an event does not fulfil, by the event's JSON; none if it is
    /// accepted. If the event is of another kind, only `type`: what it lacks beside that says nothing.
    pub fn refused_by(&self, body: &Value) -> Vec<String> {
        let mut refused = Vec::new();
        self.0.refused_by(body, "", &mut refused);
        if refused.iter().any(|key| key == "type") { vec!["type".to_owned()] } else { refused }
    }

    /// Its conditions, each with the keys that lead to it.
    pub(crate) fn conditions(&self) -> Vec<(Vec<&str>, &Condition)> {
        let mut found = Vec::new();
        self.0.conditions(&[], &mut found);
        found
    }
}

impl Object {
    fn parse(map: &Map<String, Value>, above: &str) -> Result<Self, InvalidPolicy> {
        let rules = map.iter().map(|(key, value)| {
            let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            let rule = match value {
                Value::Object(nested) => Rule::Nested(Self::parse(nested, &path)?),
                Value::Array(conditions) if conditions.is_empty() => return Err(InvalidPolicy::Empty(path)),
                Value::Array(conditions) => Rule::Any(
                    conditions.iter().map(|one| Condition::parse(one, &path)).collect::<Result<_, _>>()?,
                ),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    return Err(InvalidPolicy::NotAList(path));
                }
            };
            Ok((key.clone(), rule))
        });
        Ok(Self(rules.collect::<Result<_, _>>()?))
    }

    /// The number of keys with conditions, and of combinations.
    fn size(&self, depth: usize) -> (usize, usize) {
        let sizes = self.0.iter().map(|(_, rule)| match rule {
            Rule::Any(conditions) => {
                (1, depth.saturating_mul(conditions.iter().map(Condition::values).sum()))
            }
            Rule::Nested(object) => object.size(depth.saturating_add(1)),
        });
        sizes.fold((0, 1), |(keys, product), (more, factor)| {
            (keys.saturating_add(more), product.saturating_mul(factor.max(1)))
        })
    }

    fn conditions<'a>(&'a self, above: &[&'a str], found: &mut Vec<(Vec<&'a str>, &'a Condition)>) {
        for (key, rule) in &self.0 {
            let path = [above, &[key.as_str()]].concat();
            match rule {
                Rule::Any(conditions) => found.extend(conditions.iter().map(|one| (path.clone(), one))),
                Rule::Nested(object) => object.conditions(&path, found),
            }
        }
    }

    fn refused_by(&self, value: &Value, above: &str, refused: &mut Vec<String>) {
        let Value::Object(map) = value else {
            if !self.accepts(value) {
                refused.push(above.to_owned());
            }
            return;
        };
        for (key, rule) in &self.0 {
            let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            match (rule, map.get(key)) {
                (Rule::Nested(object), Some(value)) => object.refused_by(value, &path, refused),
                (rule, value) if !rule.accepts(value) => refused.push(path),
                _ => {}
            }
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        match value {
            Value::Object(map) => self.0.iter().all(|(key, rule)| rule.accepts(map.get(key))),
            Value::Array(list) => list.iter().any(|one| self.accepts(one)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
}

impl Rule {
    fn accepts(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|condition| condition.accepts(value)),
            Self::Nested(object) => value.is_some_and(|value| object.accepts(value)),
        }
    }
}

#[cfg(test)]
mod tests;
