//! House rules that no linter knows, read from the files.

use anyhow::{Context as _, Result, ensure};
use automations::Event;
use automations::json::from_json;
use automations::testing::stage_changed;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A user may take an example handler out of template.yaml: it is then in tests/handlers.yaml.
#[test]
fn every_function_is_in_the_template_or_the_tests_table_and_the_reverse() -> Result<()> {
    let folders: BTreeSet<String> =
        functions()?.into_iter().map(|name| format!("functions/{name}")).collect();
    let templates = read("template.yaml")? + &read("tests/handlers.yaml")?;
    let code = templates
        .lines()
        .filter_map(|line| line.trim().strip_prefix("CodeUri: ").or(line.trim().strip_prefix("Code: ")));
    let named: BTreeSet<String> =
        code.filter(|code| code.starts_with("functions/")).map(str::to_owned).collect();
    assert_eq!(folders, named);
    Ok(())
}

#[test]
fn the_loop_names_the_handlers_of_the_table_in_order() -> Result<()> {
    let template = read("template.yaml")?;
    let table = template
        .split("\n  Handler:\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .context("no table")?;
    let names: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        .map(|line| line.trim().trim_end_matches(':'))
        .collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted, "the table is in alphabetical order");
    let list = template
        .split("Fn::ForEach::Handlers:\n    - Name\n    - [")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    assert_eq!(list.context("no loop")?.split(", ").collect::<Vec<_>>(), names);
    Ok(())
}

#[test]
fn every_variable_of_the_template_is_read_and_the_reverse() -> Result<()> {
    let template = read("template.yaml")? + &read("tests/handlers.yaml")?;
    let given_after = |mark: &str| {
        let given = template.split(mark).nth(1).and_then(|rest| rest.split("Variables:\n").nth(1));
        let names = given?
            .lines()
            .map_while(|line| line.trim().split_once(": ").map(|(name, _)| name).filter(is_variable));
        Some(names.collect::<BTreeSet<_>>())
    };
    let of_all = given_after("\nGlobals:\n").context("no variables of all")?;
    let init = read("shared/src/init.rs")?;
    assert!(of_all.iter().all(|name| init.contains(&format!("\"{name}\""))), "{of_all:?}");
    for name in functions()? {
        let code = format!("functions/{name}");
        let is_handler = template.contains(&format!("Code: {code}\n"));
        let mark = if is_handler { "CodeUri: !FindInMap".to_owned() } else { format!("CodeUri: {code}\n") };
        let main =
            if is_handler { "shared/src/handler/run.rs".to_owned() } else { format!("{code}/src/main.rs") };
        let given = given_after(&mark).context("no variables")?;
        let source = read(&main)?;
        let quoted = source.split('"').skip(1).step_by(2).filter(|text| text.len() > 3).filter(is_variable);
        let of_others = ["AWS_LAMBDA_RUNTIME_API", "CARGO_PKG_NAME"];
        let read: BTreeSet<&str> = quoted.filter(|name| !of_others.contains(name)).collect();
        assert_eq!(given, read, "{name}");
    }
    Ok(())
}

fn is_variable(name: &&str) -> bool {
    name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// A function dead-letters a message with its reason before the queue would do so without one.
#[test]
fn every_queue_leaves_a_message_to_its_function_first() -> Result<()> {
    let templates = read("template.yaml")? + &read("infra/stacks/store.yaml")?;
    let counts: Vec<&str> = templates.split("maxReceiveCount: ").skip(1).collect();
    assert_eq!(counts.len(), 3);
    let wanted = automations::aws::batch::QUEUE_MAX_RECEIVES.to_string();
    ensure!(counts.iter().all(|rest| rest.starts_with(&format!("{wanted} "))), "not all are {wanted}");
    Ok(())
}

/// The layers of `shared/src`, top first: a module uses its own folder and those of the rows below its own.
const RANKS: [&[&str]; 10] = [
    &["testing"],
    &["handler"],
    &["init"],
    &["salestrekker", "store", "notice"],
    &["aws"],
    &["model", "alarm"],
    &["telemetry"],
    &["id", "config"],
    &["cache", "clock", "digest", "endpoint", "failure", "http", "json", "private"],
    &["reason"],
];

/// The names that `lib.rs` gives to what is in a folder, for handlers' authors.
const SHORT_NAMES: [(&str, &str); 5] = [
    ("Event", "model"),
    ("EventKind", "model"),
    ("Action", "model"),
    ("Ticket", "model"),
    ("inbound", "model"),
];

#[test]
fn modules_use_only_those_below_them() -> Result<()> {
    let rank_of = |name: &str| RANKS.iter().position(|row| row.contains(&name));
    for file in rust_files("shared/src")? {
        let relative = file.strip_prefix(root().join("shared/src"))?;
        let own = relative.iter().next().map(|part| part.to_string_lossy().replace(".rs", ""));
        let own = own.unwrap_or_default();
        let text = fs::read_to_string(&file)?;
        // A file of tests is a module of its own, which is compiled for tests only.
        let code = if file.ends_with("tests.rs") {
            ""
        } else {
            text.split("#[cfg(test)]").next().unwrap_or_default()
        };
        if own == "lib" {
            let declared = code.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
            let unknown: Vec<_> = declared.filter(|name| rank_of(name).is_none()).collect();
            ensure!(unknown.is_empty(), "RANKS has no row for {unknown:?}");
            continue;
        }
        let own_rank = rank_of(&own).with_context(|| format!("RANKS has no row for {own}"))?;
        for used in used_of_crate(code) {
            let folder =
                SHORT_NAMES.iter().find(|(short, _)| *short == used).map_or(used, |(_, folder)| folder);
            let rank = rank_of(folder).with_context(|| {
                format!("{} uses crate::{used}, which RANKS does not know", file.display())
            })?;
            ensure!(
                folder == own || rank > own_rank,
                "{} uses crate::{used}, which is not below it",
                file.display()
            );
        }
    }
    Ok(())
}

/// The first part of each `crate::` path, inline ones and those in braces too; comments are left out.
fn used_of_crate(code: &str) -> Vec<&str> {
    let mut used = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let names = rest.strip_prefix('{').map_or(vec![rest], |group| group.split(", ").collect());
            let first = names.into_iter().filter_map(|name| {
                name.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
            });
            used.extend(first);
        }
    }
    used
}

#[test]
fn files_are_small_and_names_say_something() -> Result<()> {
    let empty_words =
        ["utils", "util", "helpers", "helper", "common", "manager", "service", "processor", "misc"];
    for folder in ["functions", "infra", "shared", "tests"] {
        for file in rust_files(folder)? {
            let lines = fs::read_to_string(&file)?.lines().count();
            ensure!(
                lines <= 400,
                "{} has {lines} lines: it has more than one reason to change",
                file.display()
            );
            let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            ensure!(!empty_words.contains(&name.as_str()), "{}: say what it is", file.display());
        }
    }
    Ok(())
}

#[test]
fn functions_depend_on_automations_and_tokio_alone() -> Result<()> {
    // More would change the features that the shared crates are built with, and build them again for each function.
    for name in functions()? {
        let manifest = read(&format!("functions/{name}/Cargo.toml"))?;
        let dependencies = manifest.split("[dependencies]\n").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n\n").next().unwrap_or_default();
        let names: Vec<_> = dependencies.lines().filter_map(|line| line.split('.').next()).collect();
        // version-check calls two services that no other function calls: in the library their clients would be built for each handler.
        let own: &[&str] =
            if name == "version-check" { &["aws-sdk-codedeploy", "aws-sdk-lambda"] } else { &[] };
        let allowed = ["automations", "thiserror", "tokio"];
        ensure!(names.iter().all(|name| allowed.contains(name) || own.contains(name)), "{name}: {names:?}");
    }
    Ok(())
}

#[test]
fn the_readme_names_the_commands_that_there_are() -> Result<()> {
    let readme = read("README.md")?;
    for command in commands("infra/xtask/src/main.rs")? {
        let typed = format!("cargo xtask {command}");
        ensure!(readme.contains(&typed), "README.md does not say `{typed}`");
    }
    let mut pages = readme.clone();
    for page in fs::read_dir(root().join("docs"))? {
        let page = page?.path();
        if page.extension().is_some_and(|extension| extension == "md") {
            pages.push_str(&fs::read_to_string(page)?);
        }
    }
    for command in commands("infra/cli/src/main.rs")? {
        let typed = format!("automations {command}");
        ensure!(pages.contains(&typed), "neither README.md nor a page of docs/ says `{typed}`");
    }
    // The system's; handlers name themselves in the table of handlers, so that adding one edits nothing else.
    let template = read("template.yaml")? + &read("tests/handlers.yaml")?;
    let is_handler = |name: &String| template.contains(&format!("Code: functions/{name}\n"));
    for name in functions()?.iter().filter(|name| !is_handler(name)) {
        ensure!(readme.contains(name), "README.md does not name {name}");
    }
    Ok(())
}

/// The commands of a program, as they are typed: the variants of its `enum Command`.
fn commands(main: &str) -> Result<Vec<String>> {
    let source = read(main)?;
    let commands = source.split("enum Command {").nth(1).and_then(|rest| rest.split("\n}").next());
    let names = commands.context("no commands")?.lines().filter_map(|line| {
        let line = line.strip_prefix("    ").filter(|line| line.starts_with(|c: char| c.is_uppercase()))?;
        line.split(|c: char| !c.is_alphanumeric()).next()
    });
    let names: Vec<String> = names.map(in_kebab_case).collect();
    ensure!(names.len() > 5, "{main}: {names:?}");
    Ok(names)
}

/// A tag can be moved to other code, a commit cannot.
#[test]
fn every_action_of_the_workflows_is_pinned_by_its_commit() -> Result<()> {
    let mut seen = 0;
    for file in fs::read_dir(root().join(".github/workflows"))? {
        let file = file?.path();
        let workflow = fs::read_to_string(&file)?;
        let uses =
            workflow.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "));
        for action in uses.filter(|action| !action.starts_with("./")) {
            let pinned = action.split_once('@').and_then(|(_, rest)| rest.split_once(" # v"));
            let commit = pinned.map(|(commit, _)| commit).unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            ensure!(is_commit, "{}: {action}", file.display());
            seen += 1;
        }
    }
    ensure!(seen > 0, "no workflow uses an action");
    Ok(())
}

#[test]
fn samconfig_sets_parameters_that_there_are() -> Result<()> {
    let template = read("template.yaml")?;
    let parameters =
        template.split("\nParameters:\n").nth(1).and_then(|rest| rest.split("\nConditions:").next());
    let parameters = parameters.context("no parameters")?;
    let config = read("samconfig.toml")?;
    for environment in ["local", "dev", "prod"] {
        ensure!(config.contains(&format!("[{environment}.deploy.parameters]")), "no {environment}");
    }
    for line in config.lines().filter_map(|line| line.strip_prefix("parameter_overrides = ")) {
        for name in line.trim_matches('"').split(' ').filter_map(|pair| pair.split('=').next()) {
            ensure!(parameters.contains(&format!("\n  {name}:")), "template.yaml has no parameter {name}");
        }
    }
    Ok(())
}

/// `NewHandler` as it is typed: `new-handler`.
fn in_kebab_case(name: &str) -> String {
    let mut typed = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !typed.is_empty() {
            typed.push('-');
        }
        typed.extend(c.to_lowercase());
    }
    typed
}

#[test]
fn the_example_event_is_one_that_the_code_makes() -> Result<()> {
    let written: Event = from_json(read("docs/example-event.json")?.as_bytes())?;
    assert_eq!(written, stage_changed("Approved", "Settled"));
    Ok(())
}

pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

pub(crate) fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("{path} cannot be read"))
}

pub(crate) fn functions() -> Result<Vec<String>> {
    let folders = fs::read_dir(root().join("functions"))?.collect::<Result<Vec<_>, _>>()?;
    Ok(folders.into_iter().map(|folder| folder.file_name().to_string_lossy().into_owned()).collect())
}

pub(crate) fn rust_files(folder: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    Ok(files)
}
