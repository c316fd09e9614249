//! Reads a schema from a file: SDL, or the JSON of an introspection.

use anyhow::{Context as _, Result, bail};
use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use cynic_introspection::IntrospectionQuery;
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Reads a schema from a file.
///
/// # Errors
/// If the file cannot be read, or is not a valid schema.
pub fn read(path: &Path) -> Result<Valid<Schema>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&text, path)
}

/// Parses a schema; `path` is its file, for messages.
///
/// # Errors
/// If the text is not a valid schema.
pub fn parse(text: &str, path: &Path) -> Result<Valid<Schema>> {
    let sdl = if text.trim_start().starts_with('{') { sdl(text, path)? } else { text.to_owned() };
    let schema = match Schema::parse(sdl, path) {
        Ok(schema) => schema,
        Err(with_errors) => {
            let first = with_errors.errors.iter().next().map(|error| error.to_string()).unwrap_or_default();
            bail!("{} is not a valid schema: {}", path.display(), first.lines().next().unwrap_or_default());
        }
    };
    if schema.schema_definition.query.is_none() {
        bail!("{} has no query type; use the complete schema", path.display());
    }
    // Only the parts that our documents use matter. The vendor's schema may break rules elsewhere.
    Ok(Valid::assume_valid(schema))
}

/// Converts an introspection (`{"data": {"__schema"}}`, or without the `data`) to SDL.
fn sdl(text: &str, path: &Path) -> Result<String> {
    let next = "fetch it with `automations schema fetch`, or export it from the vendor's Playground";
    let wrong = || format!("{} is JSON, but not a valid introspection result; {next}", path.display());
    let mut json: Value = serde_json::from_str(text).with_context(wrong)?;
    let data = json.get_mut("data").map(Value::take).unwrap_or(json);
    let query = IntrospectionQuery::deserialize(data).with_context(wrong)?;
    Ok(query.into_schema().with_context(wrong)?.to_sdl())
}
