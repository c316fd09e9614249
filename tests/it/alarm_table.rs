//! The table of alarms, the templates and docs/alarms.md say the same. These tests need no stack.

use crate::tidy::{read, root};
use anyhow::{Context as _, Result, ensure};
use automations::alarm::{ALARMS, Alarm, NamedAlarm, NoticePolicy, Subject};
use serde_norway::Value;
use std::collections::BTreeSet;
use std::fs;

/// C4, C5 and C6 of the AWS facts, and "every alarm" of F19: none is without a reason, a section and a command.
#[test]
fn each_alarm_of_the_templates_is_in_the_table_with_its_threshold_and_its_section() -> Result<()> {
    let mut seen = BTreeSet::new();
    for (file, alarm) in alarms()? {
        let name = text(&alarm["AlarmName"]).with_context(|| format!("{file}: an alarm without a name"))?;
        let found = row(&name).with_context(|| format!("{file}: no row for {name}"))?;
        let description = text(&alarm["AlarmDescription"]).context("no description")?;
        let has_section = description.contains(&format!("See docs/runbook.md, \"{}\".", found.section));
        ensure!(has_section || file == "infra/stacks/edge.yaml", "{name}: {description}");
        let limit = alarm["Threshold"].as_u64().map(|limit| limit.to_string()).unwrap_or_default();
        ensure!(limit == found.limit, "{name}: {limit} is not {}", found.limit);
        let [sounds, ends] =
            ["AlarmActions", "OKActions"].map(|actions| alarm.get(actions).is_some_and(|to| !to.is_null()));
        let wanted = match found.notices {
            NoticePolicy::Never => (false, false),
            NoticePolicy::Each => (true, false),
            NoticePolicy::State | NoticePolicy::Rest => (true, true),
        };
        let is_own_topic = ["pipeline-stalled", "firewall-blocks", "edge-server-errors"].contains(&found.id);
        ensure!((sounds, ends) == wanted || (is_own_topic && sounds), "{name}: {sounds}, {ends}");
        seen.insert(found.id);
    }
    let missing: Vec<_> = ALARMS.iter().map(|alarm| alarm.id).filter(|id| !seen.contains(id)).collect();
    ensure!(missing.is_empty(), "no template has {missing:?}");
    Ok(())
}

/// Otherwise a fix could not be deployed while the fault that it fixes sets an alarm off (A8 of the AWS facts).
#[test]
fn a_deployment_is_stopped_by_alarms_of_its_own_and_by_all_of_them() -> Result<()> {
    let template = yaml("template.yaml")?;
    let mut watched = BTreeSet::new();
    for (_, function) in of_type(&template, &["AWS::Serverless::Function"]) {
        let alarms = function["DeploymentPreference"]["Alarms"].as_sequence();
        for name in alarms.into_iter().flatten() {
            let name = text(name).context("no name")?;
            let found = row(&name).with_context(|| format!("no row for {name}"))?;
            ensure!(found.notices == NoticePolicy::Never, "{name} is an operator's alarm");
            watched.insert(name.replace("AWS::StackName", "Application"));
        }
    }
    let canary = yaml("infra/stacks/alarms.yaml")?;
    let made: BTreeSet<String> = of_type(&canary, &["AWS::CloudWatch::Alarm"])
        .into_iter()
        .filter_map(|(_, alarm)| text(&alarm["AlarmName"]))
        .filter(|name| name.contains("-canary-"))
        .collect();
    assert_eq!(watched, made);
    assert_eq!(made.len(), 7, "{made:?}");
    Ok(())
}

#[test]
fn the_page_of_alarms_is_the_table() -> Result<()> {
    let page = read("docs/alarms.md")?;
    let table = page.split_once("| alarm | sounds |").context("no table")?.1;
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let wanted: Vec<String> = ALARMS.iter().map(line).collect();
    ensure!(rows == wanted, "docs/alarms.md must have these rows:\n{}", wanted.join("\n"));
    Ok(())
}

#[test]
fn each_section_is_in_the_runbook_and_each_command_exists() -> Result<()> {
    let runbook = read("docs/runbook.md")?;
    for Alarm { id, section, command, .. } in &ALARMS {
        ensure!(runbook.contains(&format!("\n## {section}\n")), "{id}: the runbook has no \"{section}\"");
        ensure!(runbook.contains(&format!("\n{command}")), "{id}: the runbook does not show `{command}`");
    }
    Ok(())
}

/// The row of the page.
fn line(alarm: &Alarm) -> String {
    let Alarm { id, of, threshold, reason, section, command, organisation, .. } = alarm;
    let before = match of {
        Subject::Application => "",
        Subject::Function => "{function}-",
        Subject::Queue => "{queue}-",
    };
    let anchor = section.to_lowercase().replace(' ', "-");
    format!(
        "| `{before}{id}` | {threshold} | {reason} | [{section}](runbook.md#{anchor}) | `{command}` | {organisation} |"
    )
}

/// The row of an alarm, from its name in a template.
fn row(name: &str) -> Option<&'static Alarm> {
    let name = name.replace("AWS::StackName", "Application").replace("${Application}", "app");
    let name = name.replace("${Handler}", "h").replace("${Function}", "f").replace("${Queue}", "q");
    NamedAlarm::find("app", &name).map(|found| found.alarm)
}

/// The properties of every alarm, with the template's path.
fn alarms() -> Result<Vec<(String, Value)>> {
    let mut files = vec!["template.yaml".to_owned()];
    for entry in fs::read_dir(root().join("infra/stacks"))? {
        files.push(format!("infra/stacks/{}", entry?.file_name().to_string_lossy()));
    }
    let mut all = Vec::new();
    for file in files {
        let kinds = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
        let found = of_type(&yaml(&file)?, &kinds);
        all.extend(found.into_iter().map(|(_, alarm)| (file.clone(), alarm)));
    }
    ensure!(all.len() > 25, "{} alarms", all.len());
    Ok(all)
}

fn yaml(file: &str) -> Result<Value> {
    let mut value: Value = serde_norway::from_str(&read(file)?).with_context(|| file.to_owned())?;
    value.apply_merge()?;
    Ok(value)
}

/// The resources of these types, those in loops too: logical id and properties.
fn of_type(value: &Value, kinds: &[&str]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    match value {
        Value::Mapping(mapping) => {
            for (id, part) in mapping {
                if part.get("Type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind)) {
                    found.push((id.as_str().unwrap_or_default().to_owned(), part["Properties"].clone()));
                }
                found.extend(of_type(part, kinds));
            }
        }
        Value::Sequence(parts) => found.extend(parts.iter().flat_map(|part| of_type(part, kinds))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }
    found
}

/// A text, or the text of a `!Sub`.
fn text(value: &Value) -> Option<String> {
    let value = if let Value::Tagged(tagged) = value { &tagged.value } else { value };
    let value = value.as_sequence().and_then(|parts| parts.first()).unwrap_or(value);
    value.as_str().map(str::to_owned)
}
