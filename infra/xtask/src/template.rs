//! template.yaml as text: the table of handlers exchanged for the tests' own, and the parameters' defaults.

use crate::project::{local, root};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which template a local stack deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    /// template.yaml as it is: `up`, `dev`.
    Project,
    /// template.yaml with the handlers of tests/handlers.yaml: `test`, `demo`. A user's own handlers are not in it.
    Suite,
    /// template.yaml with the handlers of tests/chaos/handlers.yaml: `chaos`.
    Chaos,
}

impl Template {
    /// The file, written if it is not the project's own.
    pub(crate) fn file(self) -> Result<PathBuf> {
        let own = root().join("template.yaml");
        let table = match self {
            Self::Project => return Ok(own),
            Self::Suite => "tests/handlers.yaml",
            Self::Chaos => "tests/chaos/handlers.yaml",
        };
        let mut text = with_table(&read(&own)?, &read(&root().join(table))?)?;
        for folder in ["functions/", "infra/", "tests/"] {
            text = text.replace(&format!(" {folder}"), &format!(" ../../{folder}"));
        }
        fs::create_dir_all(local().join("sam"))?;
        let file = self.build().with_extension("yaml");
        fs::write(&file, text)?;
        Ok(file)
    }

    /// The folder that `sam build` fills for it. Not `.aws-sam/build`, so that a later `sam deploy` to AWS cannot take
    /// programs that were built for this machine.
    pub(crate) fn build(self) -> PathBuf {
        local().join("sam").join(match self {
            Self::Project => "project",
            Self::Suite => "suite",
            Self::Chaos => "chaos",
        })
    }
}

/// The default of each parameter that has one, as text.
pub(crate) fn defaults() -> Result<BTreeMap<String, String>> {
    Ok(defaults_in(&read(&root().join("template.yaml"))?))
}

/// The names of the functions that run the code of this folder of functions/: an entry's Name for a handler, of which there may
/// be several, else the folder's own.
pub(crate) fn functions_of(folder: &str) -> Result<Vec<String>> {
    let template = read(&root().join("template.yaml"))?;
    let names = names_of(&template, folder);
    Ok(if names.is_empty() { vec![folder.to_owned()] } else { names })
}

fn names_of(template: &str, folder: &str) -> Vec<String> {
    let code = format!("functions/{folder}");
    let mut name = "";
    let mut names = Vec::new();
    for line in template.lines().map(str::trim) {
        if let Some(own) = line.strip_prefix("Name: ") {
            name = own;
        } else if line.strip_prefix("Code: ") == Some(code.as_str()) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The names of the entries in which the second template differs from the first, if they differ in nothing but settings: then
/// the functions' environment is enough, and no deployment is needed.
pub(crate) fn changed_settings(before: &str, after: &str) -> Option<Vec<String>> {
    let is_setting = |line: &str| line.starts_with("      Settings: ") || line.starts_with("      DryRun: ");
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if old.len() != new.len() {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    let mut name = "";
    for (old, new) in old.into_iter().zip(new) {
        name = new.strip_prefix("      Name: ").unwrap_or(name);
        if old != new {
            if !is_setting(old) || !is_setting(new) {
                return None;
            }
            names.push(name.to_owned());
        }
    }
    names.dedup();
    Some(names)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The template with this table of handlers, and with its names in the loop.
fn with_table(template: &str, table: &str) -> Result<String> {
    let start = template.find("\n  Handler:\n").context("template.yaml has no table of handlers")?;
    let start = start.saturating_add(1);
    let (before, rest) = template.split_at(start);
    // Empty lines may be between entries.
    let own: usize = rest
        .split_inclusive('\n')
        .skip(1)
        .take_while(|line| line.trim().is_empty() || line.starts_with("    "))
        .map(str::len)
        .sum();
    let own = own.saturating_add("  Handler:\n".len());
    let (_, after) = rest.split_at_checked(own).context("the table of handlers cannot be read")?;
    let rows = table.split_once("Handler:\n").context("the tests' table of handlers has no `Handler:`")?.1;
    let indented: Vec<String> = rows.lines().map(|line| format!("  {line}")).collect();
    let names: Vec<&str> = rows
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .collect();
    let loops = "Fn::ForEach::Handlers:\n    - Name\n    - [";
    let (head, list) = after.split_once(loops).context("template.yaml has no loop over its handlers")?;
    let (_, tail) = list.split_once(']').context("the loop over the handlers has no list")?;
    let text =
        format!("{before}  Handler:\n{}\n\n{head}{loops}{}]{tail}", indented.join("\n"), names.join(", "));
    Ok(with_schedules(&text, rows))
}

/// The template whose loop over schedules lists the handlers with a schedule; without the loop if there are none.
fn with_schedules(template: &str, rows: &str) -> String {
    const LOOP: &str = "\n  Fn::ForEach::Schedules:\n    - Name\n    - [";
    let (mut names, mut name) = (Vec::new(), "");
    for line in rows.lines() {
        name = line
            .strip_prefix("  ")
            .filter(|id| !id.starts_with(' '))
            .map_or(name, |id| id.trim_end_matches(':'));
        if line.starts_with("    Schedule: ") {
            names.push(name);
        }
    }
    let Some((before, rest)) = template.split_once(LOOP) else { return template.to_owned() };
    if names.is_empty() {
        let after = rest.find("\n\n").and_then(|end| rest.get(end..)).unwrap_or_default();
        return format!("{before}{after}");
    }
    let after = rest.split_once(']').map_or("", |(_, after)| after);
    format!("{before}{LOOP}{}]{after}", names.join(", "))
}

/// Parameters are two spaces deep, and a default is a word or in quotes.
fn defaults_in(template: &str) -> BTreeMap<String, String> {
    let section = template.split("\nParameters:\n").nth(1).unwrap_or_default();
    let section = section.split("\nConditions:\n").next().unwrap_or_default();
    let mut defaults = BTreeMap::new();
    let mut name = "";
    for line in section.lines() {
        if let Some(rest) = line.strip_prefix("  ").filter(|rest| rest.starts_with(char::is_alphabetic)) {
            name = rest.split(':').next().unwrap_or_default();
        }
        if let Some(value) = line.split("Default: ").nth(1).and_then(value) {
            defaults.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    defaults
}

fn value(text: &str) -> Option<&str> {
    match text.chars().next()? {
        quote @ ('"' | '\'') => text.get(1..)?.split(quote).next(),
        _ => text.split([',', '}', '#']).next().map(str::trim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suites_template_has_the_suites_handlers_and_no_other() {
        let own = read(&root().join("template.yaml")).unwrap();
        let table = read(&root().join("tests/handlers.yaml")).unwrap();
        let text = with_table(&own, &table).unwrap();
        assert!(
            text.contains("    - [DigestOfStalledTickets, FinanceDueCountdown, FollowUpInOtherWords,"),
            "{text}"
        );
        assert!(
            text.contains("  Handler:\n    DigestOfStalledTickets:\n      Name: digest-of-stalled-tickets\n")
        );
        assert!(
            text.contains("  Fn::ForEach::Schedules:\n    - Name\n    - [DigestOfStalledTickets]\n"),
            "{text}"
        );
        let chaos = read(&root().join("tests/chaos/handlers.yaml")).unwrap();
        assert!(
            !with_table(&own, &chaos).unwrap().contains("ForEach::Schedules"),
            "an empty list is not a loop"
        );
        assert!(text.contains("\"+61\"}'\n\n# -"), "the rest follows after an empty line");
        let added = own.replace("  Handler:\n", "  Handler:\n    Own:\n      Name: a-users-own\n\n");
        assert!(!with_table(&added, &table).unwrap().contains("a-users-own"));
    }

    #[test]
    fn every_template_of_the_tests_finds_its_code_and_stacks_from_its_own_folder() {
        for template in [Template::Suite, Template::Chaos] {
            let file = template.file().unwrap();
            let text = read(&file).unwrap();
            let paths = text.lines().filter_map(|line| {
                ["Code: ", "CodeUri: ", "Location: "]
                    .into_iter()
                    .find_map(|key| line.trim().strip_prefix(key))
            });
            let paths: Vec<&str> = paths.filter(|path| path.contains('/')).collect();
            assert!(paths.len() > 10, "{paths:?}");
            for path in paths {
                assert!(file.parent().unwrap().join(path).exists(), "{path} of {}", file.display());
            }
        }
    }

    #[test]
    fn only_a_change_of_settings_needs_no_deployment() {
        let entry = |label: &str, memory: u32| {
            format!(
                "  Handler:\n    A:\n      Name: a\n      Code: functions/x\n      Settings: '{label}'\nMemory: {memory}\n"
            )
        };
        let changed = |label, memory| changed_settings(&entry("one", 1), &entry(label, memory));
        assert_eq!(changed("two", 1), Some(vec!["a".to_owned()]));
        assert_eq!(changed("one", 1), Some(vec![]));
        assert_eq!(changed("two", 2), None);
        assert_eq!(changed_settings("a", "a\nb"), None);
    }

    #[test]
    fn one_code_may_be_several_functions() {
        let table = "      Name: a\n      Code: functions/x\n      Name: b\n      Code: functions/x\n      Name: c\n      Code: functions/y\n";
        assert_eq!(names_of(table, "x"), ["a", "b"]);
        assert!(names_of(table, "event-enricher").is_empty());
    }

    #[test]
    fn defaults_are_read_in_every_form_that_the_template_has() {
        let all = defaults().unwrap();
        let of = |name: &str| all.get(name).map(String::as_str);
        assert_eq!((of("Architecture"), of("TicketsPerRun")), (Some("arm64"), Some("200")));
        assert_eq!((of("StageAgeDays"), of("ApiLimits")), (Some("3,7,14"), Some("{}")));
        assert_eq!(of("KeyArn"), Some(""));
        let other = defaults_in(
            "\nParameters:\n  A:\n    Type: Number\n    Default: 3 # days\n  B: { Default: x }\nConditions:\n",
        );
        assert_eq!(
            other,
            BTreeMap::from([("A", "3"), ("B", "x")].map(|(name, value)| (name.to_owned(), value.to_owned())))
        );
    }
}
