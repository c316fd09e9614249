//! The parameters of template.yaml, as its text declares them.

use crate::tidy::read;
use anyhow::{Context as _, Result};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a parameter accepts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    pub(crate) max_length: Option<usize>,
    pub(crate) max_value: Option<u64>,
    #[serde(default)]
    pub(crate) allowed_values: Vec<Value>,
    pub(crate) allowed_pattern: Option<String>,
    #[serde(default)]
    pub(crate) default: Value,
}

#[derive(Debug, Deserialize)]
struct Template {
    #[serde(rename = "Parameters")]
    parameters: BTreeMap<String, Parameter>,
}

/// The parameter of this name.
pub(crate) fn parameter(name: &str) -> Result<Parameter> {
    let mut template: Template = serde_norway::from_str(&read("template.yaml")?)?;
    template.parameters.remove(name).with_context(|| format!("no parameter {name}"))
}

impl Parameter {
    /// The whole value that CloudFormation accepts.
    pub(crate) fn pattern(&self) -> Result<Regex> {
        let pattern = self.allowed_pattern.as_deref().context("no pattern")?;
        Ok(Regex::new(&format!("^(?:{pattern})$"))?)
    }
}
