//! A schema from a file: SDL, or the JSON that an introspection answers.

use anyhow::{Context as _, Result, bail};
use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use cynic_introspection::IntrospectionQuery;
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The schema in this file.
///
/// # Errors
/// Where it cannot be read, or holds no schema; the error says what is wrong with it.
pub fn read(path: &Path) -> Result<Valid<Schema>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&text, path)
}

/// The schema that this text is; `path` is where it is from.
///
/// # Errors
/// Where it is none; the error says what is wrong with it.
pub fn parse(text: &str, path: &Path) -> Result<Valid<Schema>> {
    let sdl = if text.trim_start().starts_with('{') { sdl(text, path)? } else { text.to_owned() };
    let schema = match Schema::parse(sdl, path) {
        Ok(schema) => schema,
        Err(with_errors) => {
            let first = with_errors.errors.iter().next().map(|error| error.to_string()).unwrap_or_default();
            bail!("{} is no schema: {}", path.display(), first.lines().next().unwrap_or_default());
        }
    };
    if schema.schema_definition.query.is_none() {
        bail!("{} has no queries; is it a schema, and whole?", path.display());
    }
    // What matters is what our documents meet in it. A rule that it breaks elsewhere is the vendor's affair.
    Ok(Valid::assume_valid(schema))
}

/// An introspection (`{"data": {"__schema"}}`, or without the `data`) as SDL.
fn sdl(text: &str, path: &Path) -> Result<String> {
    let next = "fetch it with `cargo xtask schema fetch`, or export it from the vendor's Playground";
    let wrong = || format!("{} is JSON, but no introspection; {next}", path.display());
    let mut json: Value = serde_json::from_str(text).with_context(wrong)?;
    let data = json.get_mut("data").map(Value::take).unwrap_or(json);
    let query = IntrospectionQuery::deserialize(data).with_context(wrong)?;
    Ok(query.into_schema().with_context(wrong)?.to_sdl())
}
