//! A changed parameter reaches the version of a function that serves traffic.

use crate::alarms::of_type;
use crate::parameters::{Parameter, parameter};
use crate::support::among_others;
use anyhow::{Context as _, Result, ensure};
use end_to_end::stack::Stack;
use serde_json::Value;
use std::collections::BTreeSet;

/// Parameters that do not affect a version: another architecture is other code, and the others apply to the whole function.
const NOT_OF_A_VERSION: [&str; 3] = ["Architecture", "IngestConcurrency", "RuntimeUpdates"];

/// The longest description of a version (AWS Lambda API Reference, "`PublishVersion`").
const MAX_LENGTH: usize = 256;

/// An alias keeps serving the old configuration unless its version is replaced: docs/decisions/0030.
#[tokio::test]
async fn a_version_is_replaced_where_a_parameter_of_its_function_changes() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    let mut seen = 0;
    for (id, version) in of_type(&resources, "AWS::Lambda::Version") {
        let function = version["FunctionName"]["Ref"].as_str().context("a version without a function")?;
        let mut parameters = BTreeSet::new();
        collect(&resources[function]["Properties"], &mut parameters);
        parameters.retain(|name| !NOT_OF_A_VERSION.contains(&name.as_str()));
        let mut described = BTreeSet::new();
        collect(&version["Description"], &mut described);
        assert_eq!(described, parameters, "{id}");
        seen += 1;
    }
    assert_eq!(seen, 3);
    Ok(())
}

#[tokio::test]
async fn a_versions_description_has_room_for_the_longest_values() -> Result<()> {
    let _turn = among_others().await;
    let resources = Stack::found().await?.resources().await?;
    for (id, version) in of_type(&resources, "AWS::Lambda::Version") {
        let mut described = BTreeSet::new();
        collect(&version["Description"], &mut described);
        let text = version["Description"]["Fn::Sub"].as_str().context("no description")?;
        let mut longest = text.len();
        for name in &described {
            let parameter = parameter(name)?;
            let length = parameter.longest().with_context(|| format!("{name} has no maximum length"))?;
            longest = longest - "${}".len() - name.len() + length;
        }
        ensure!(longest <= MAX_LENGTH, "{id}: {longest} characters");
    }
    Ok(())
}

impl Parameter {
    fn longest(&self) -> Option<usize> {
        let words = self.allowed_values.iter().map(|word| word.to_string().trim_matches('"').len());
        self.max_length.or_else(|| Some(self.max_value?.to_string().len())).or_else(|| words.max())
    }
}

/// The parameters that a part of a template refers to.
fn collect(part: &Value, parameters: &mut BTreeSet<String>) {
    match part {
        Value::Object(all) => {
            let text = |key: &str| all.get(key).and_then(Value::as_str);
            parameters.extend(text("Ref").map(str::to_owned));
            let references = text("Fn::Sub").into_iter().flat_map(|text| text.split("${").skip(1));
            parameters.extend(references.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())));
            all.values().for_each(|part| collect(part, parameters));
        }
        Value::Array(all) => all.iter().for_each(|part| collect(part, parameters)),
        _ => {}
    }
    parameters.retain(|name| !name.contains([':', '.']));
}
