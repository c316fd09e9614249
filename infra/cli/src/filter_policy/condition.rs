//! One condition of a filter policy.

use super::error::InvalidPolicy;
use serde_json::{Number, Value};

/// One condition on a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// The value is this one.
    Exactly(Value),
    /// The text begins so.
    Prefix(String),
    /// The text ends so.
    Suffix(String),
    /// The text is this one, in upper or lower case.
    IgnoringCase(String),
    /// The value is there, and none of these conditions holds.
    AnythingBut(Vec<Condition>),
    /// The number is in this range.
    Numeric(Vec<(Comparison, f64)>),
    /// Whether there is a value that is not null and not empty.
    Exists(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// SNS compares numbers of at most this size.
const MAX_NUMBER: f64 = 1e9;

impl Condition {
    pub(super) fn parse(value: &Value, path: &str) -> Result<Self, InvalidPolicy> {
        let unknown = || InvalidPolicy::UnknownCondition(path.to_owned(), value.to_string());
        match value {
            Value::String(_) | Value::Bool(_) | Value::Null => Ok(Self::Exactly(value.clone())),
            Value::Number(number) => in_range(number, path).map(|_| Self::Exactly(value.clone())),
            Value::Array(_) => Err(unknown()),
            Value::Object(map) => {
                let mut entries = map.iter();
                let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
                    return Err(unknown());
                };
                match (operator.as_str(), operand) {
                    ("prefix", Value::String(text)) => Ok(Self::Prefix(text.clone())),
                    ("suffix", Value::String(text)) => Ok(Self::Suffix(text.clone())),
                    ("equals-ignore-case", Value::String(text)) => Ok(Self::IgnoringCase(text.clone())),
                    ("exists", Value::Bool(is_there)) => Ok(Self::Exists(*is_there)),
                    ("numeric", Value::Array(parts)) => {
                        numeric(parts, path).ok_or_else(unknown)?.map(Self::Numeric)
                    }
                    ("anything-but", Value::Array(list)) if !list.is_empty() => {
                        let but = list.iter().map(|one| match one {
                            Value::String(_) | Value::Number(_) => Self::parse(one, path),
                            _ => Err(unknown()),
                        });
                        but.collect::<Result<_, _>>().map(Self::AnythingBut)
                    }
                    ("anything-but", Value::String(_) | Value::Number(_)) => {
                        Self::parse(operand, path).map(|but| Self::AnythingBut(vec![but]))
                    }
                    ("anything-but", Value::Object(_)) => match Self::parse(operand, path)? {
                        but @ (Self::Prefix(_) | Self::Suffix(_)) => Ok(Self::AnythingBut(vec![but])),
                        _ => Err(unknown()),
                    },
                    _ => Err(unknown()),
                }
            }
        }
    }

    /// The number of values in it.
    pub(super) fn values(&self) -> usize {
        match self {
            Self::AnythingBut(all) => all.len(),
            Self::Exactly(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::IgnoringCase(_)
            | Self::Numeric(_)
            | Self::Exists(_) => 1,
        }
    }

    /// Whether it holds for a value; for a list, whether it holds for one in it.
    pub(crate) fn accepts(&self, value: Option<&Value>) -> bool {
        let is_there = value.is_some_and(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
        });
        match (self, value) {
            (Self::Exists(wanted), _) => is_there == *wanted,
            (_, None) | (Self::AnythingBut(_), Some(Value::Null)) => false,
            (_, Some(Value::Array(list))) => list.iter().any(|one| self.accepts(Some(one))),
            (Self::Exactly(Value::Number(wanted)), Some(value)) => value
                .as_f64()
                .zip(wanted.as_f64())
                .is_some_and(|(value, wanted)| compare(Comparison::Equal, value, wanted)),
            (Self::Exactly(wanted), Some(value)) => value == wanted,
            (Self::Prefix(start), Some(value)) => value.as_str().is_some_and(|text| text.starts_with(start)),
            (Self::Suffix(end), Some(value)) => value.as_str().is_some_and(|text| text.ends_with(end)),
            (Self::IgnoringCase(wanted), Some(value)) => {
                value.as_str().is_some_and(|text| text.to_lowercase() == wanted.to_lowercase())
            }
            (Self::AnythingBut(all), value) => !all.iter().any(|but| but.accepts(value)),
            (Self::Numeric(range), Some(value)) => value.as_f64().is_some_and(|value| {
                range.iter().all(|(comparison, bound)| compare(*comparison, value, *bound))
            }),
        }
    }
}

/// The comparisons of `["<", 5]` or `[">=", 1, "<", 5]`; none if it is not such a list.
fn numeric(parts: &[Value], path: &str) -> Option<Result<Vec<(Comparison, f64)>, InvalidPolicy>> {
    if parts.is_empty() || parts.len() > 4 || !parts.len().is_multiple_of(2) {
        return None;
    }
    let mut range = Vec::new();
    for pair in parts.chunks(2) {
        let [Value::String(operator), Value::Number(bound)] = pair else { return None };
        let comparison = match operator.as_str() {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => return None,
        };
        match in_range(bound, path) {
            Ok(bound) => range.push((comparison, bound)),
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(range))
}

fn in_range(number: &Number, path: &str) -> Result<f64, InvalidPolicy> {
    let decimals = number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let value = number.as_f64().filter(|value| value.abs() <= MAX_NUMBER && decimals <= 5);
    value.ok_or_else(|| InvalidPolicy::Number(path.to_owned(), number.to_string()))
}

/// With five decimals, as SNS compares.
fn compare(comparison: Comparison, value: f64, bound: f64) -> bool {
    let difference = ((value - bound) * 1e5).round();
    match comparison {
        Comparison::Equal => difference == 0.0,
        Comparison::Less => difference < 0.0,
        Comparison::AtMost => difference <= 0.0,
        Comparison::Greater => difference > 0.0,
        Comparison::AtLeast => difference >= 0.0,
    }
}
