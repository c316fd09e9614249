//! Whether each entry of the table of handlers fits its handler, checked by running the handler's program with `--check`.

use anyhow::{Context as _, Result};
use automations::id::ActionId;
use automations_cli::template_schedules;
use automations_cli::template_table::{self as table, Row};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::Environment;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

/// An entry that does not fit, in a sentence.
pub type Problem = String;

/// Checks the entries of template.yaml whose code is one of these folders of functions/, or all. Programs are in `binaries`.
///
/// # Errors
/// If template.yaml or a program cannot be read.
pub fn check(root: &Path, binaries: &Path, only: &[String]) -> Result<Vec<Problem>> {
    let template =
        std::fs::read_to_string(root.join("template.yaml")).context("template.yaml cannot be read")?;
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for row in table::rows(&template)? {
        let text = |key: &str| row.text(key).unwrap_or_default();
        let (name, code) = (text("Name"), text("Code"));
        let folder = code.strip_prefix("functions/").unwrap_or(&code).to_owned();
        if !only.is_empty() && !only.contains(&folder) {
            continue;
        }
        if !names.insert(name.clone()) {
            problems.push(format!("{}: two entries have the Name {name}; each needs its own", row.id));
        }
        problems.extend(shape(&row).map(|problem| format!("{name}: {problem}")));
        problems.extend(schedule(&row, &template).map(|problem| format!("{name}: {problem}")));
        problems.extend(row.until().err().map(|problem| format!("{name}: {problem}")));
        problems.extend(settings(&row, &binaries.join(&folder))?.map(|problem| format!("{name}: {problem}")));
    }
    Ok(problems)
}

/// Gives a deployed handler the settings of its entry.
///
/// # Errors
/// If there is no such entry, or a request fails.
pub async fn put_settings(lambda: &Client, function: &str, root: &Path, name: &str) -> Result<()> {
    let template =
        std::fs::read_to_string(root.join("template.yaml")).context("template.yaml cannot be read")?;
    let row = table::row(&template, name)?;
    let deployed = lambda.get_function_configuration().function_name(function).send().await;
    let deployed = deployed.with_context(|| format!("{function} is not deployed"))?;
    let mut variables = deployed.environment.and_then(|all| all.variables).unwrap_or_default();
    for (variable, key) in [("SETTINGS", "Settings"), ("DRY_RUN", "DryRun")] {
        variables.insert(variable.to_owned(), row.text(key).unwrap_or_default());
    }
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let request = lambda.update_function_configuration().function_name(function).environment(environment);
    request.send().await.with_context(|| format!("{function} does not take its new settings"))?;
    Ok(())
}

/// Checks that need no program.
fn shape(row: &Row) -> Option<Problem> {
    let name = row.text("Name").unwrap_or_default();
    let id = format!("00000000-0000-5000-8000-000000000000.{name}.99");
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if name.is_empty() || !is_plain || ActionId::parse(&id).is_err() {
        return Some(format!(
            "Name {name:?} must be lower-case letters, digits and hyphens, and fit an action's id"
        ));
    }
    let filter = row.text("Filter").unwrap_or_default();
    match serde_json::from_str::<Map<String, Value>>(&format!("{{{filter}}}")) {
        Ok(_) => None,
        Err(error) => Some(format!("Filter is not the inside of a JSON object: {error}")),
    }
}

/// A schedule that AWS would refuse, or that the loop does not make.
fn schedule(row: &Row, template: &str) -> Option<Problem> {
    let schedule = match row.schedule() {
        Ok(schedule) => schedule,
        Err(problem) => return Some(problem),
    };
    let is_listed = template_schedules::listed(template).contains(&row.id.as_str());
    match (schedule.is_some(), is_listed) {
        (true, false) => {
            Some(format!("it has a Schedule, and {} is not in the loop Fn::ForEach::Schedules", row.id))
        }
        (false, true) => {
            Some(format!("{} is in the loop Fn::ForEach::Schedules, and it has no Schedule", row.id))
        }
        (true, true) | (false, false) => None,
    }
}

fn settings(row: &Row, program: &Path) -> Result<Option<Problem>> {
    let output = Command::new(program)
        .arg("--check")
        .env("SETTINGS", row.text("Settings").unwrap_or_default())
        .env("HANDLER", row.text("Name").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let error = String::from_utf8_lossy(&output.stderr);
    let line = error.trim().lines().last().unwrap_or_default();
    // A program begins with its own name.
    let own = program.file_name().map(|name| format!("{}: ", name.to_string_lossy())).unwrap_or_default();
    Ok((!output.status.success()).then(|| line.strip_prefix(&own).unwrap_or(line).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, filter: &str) -> Row {
        let columns =
            [("Name", name), ("Filter", filter)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        Row { id: "X".to_owned(), columns: columns.to_vec() }
    }

    #[test]
    fn a_name_and_a_filter_that_do_not_fit_are_found_without_a_program() {
        assert_eq!(shape(&row("label-on-new-ticket", r#"'"id": [{"exists": true}]'"#)), None);
        for name in ["", "Label", "a.b", &"x".repeat(300)] {
            assert!(shape(&row(name, "''")).unwrap().starts_with("Name "), "{name}");
        }
        assert!(shape(&row("a", r#"'"id": ['"#)).unwrap().starts_with("Filter "));
    }

    #[test]
    fn a_schedule_is_in_the_loop_and_what_is_in_the_loop_has_one() {
        let template = include_str!("../../../template.yaml");
        for own in table::rows(template).unwrap() {
            assert_eq!(schedule(&own, template), None, "{}", own.id);
        }
        let digest = table::row(template, "digest-of-stalled-tickets").unwrap();
        assert!(schedule(&digest, "").is_some_and(|problem| problem.contains("not in the loop")));
        let without = |key: &str| {
            let columns = digest.columns.iter().filter(|(own, _)| !own.starts_with(key)).cloned().collect();
            Row { id: digest.id.clone(), columns }
        };
        assert!(
            schedule(&without("Schedule"), template)
                .is_some_and(|problem| problem.contains("it has no Schedule"))
        );
        assert!(schedule(&without("ScheduleTimezone"), template).is_some());
    }

    #[test]
    fn settings_are_the_programs_own_to_judge() {
        let own = std::env::current_exe().unwrap();
        // Any program that fails with `--check` is sufficient.
        assert!(settings(&row("a", "''"), &own).unwrap().is_some());
        assert!(settings(&row("a", "''"), Path::new("/nowhere/a")).is_err());
    }
}
