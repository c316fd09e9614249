//! The project's language: words that were retired stay away, and each list of names has its page.

use crate::tidy::{read, root, rust_files};
use anyhow::{Context as _, Result, ensure};
use automations::reason::Reason;
use automations::strum::IntoEnumIterator as _;
use automations::telemetry::EventName;
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// A retired word or phrase, and what is written instead; docs/glossary.md explains the rules. Names of tests are exempt: a
/// word in a longer name with underscores is not matched.
const RETIRED: &[(&str, &str)] = &[
    // reason codes, outcomes, metrics, alarms, parameters, columns, flags
    (r"\btried_too_often\b", "retries_exhausted"),
    (r"\bbehind_a_failure\b", "blocked_by_earlier_message"),
    (r"\bmoved_by_the_queue\b", "max_receives_exceeded"),
    (r"\bneither_form_nor_json_object\b", "unsupported_body"),
    (r"\bmalformed_answer\b", "invalid_response"),
    (r"\balready_so\b|\bwould_do\b|\bdone_before\b", "no_op, dry_run, duplicate"),
    (
        r"\b(NotPublished|GivenUp|SecretStale|HintAge|ActionAge|OldestUnverified|LongestDue)\b",
        "the metric's new name",
    ),
    (r"\b(StandsStill|RefusedAtDoor|LongestChain)\w*", "PipelineStalled, IngestServerErrors, MaxChainLength"),
    (r"--redo-in-doubt|--own-key|--finish\b", "--retry-unknown, --dedicated-kms-key, --rotate-finish"),
    // types
    (r"\b(Trouble|Unnameable|Misfit|Figures|NotDone|Swept|InDoubt|Letters?)\b", "the type's new name"),
    // verbs and nouns
    (r"(?i)\b(told|tells?|telling)\b", "emit, report, record, say"),
    (r"(?i)\b(somebody|whoever|nobody)\b", "the actor's name"),
    (r"(?i)\bmend(s|ed|ing)?\b", "fix"),
    (r"(?i)\b(given|gives?|giving|gave) (it |them |a message )?up\b", "dead-letter"),
    (r"(?i)\bburied\b", "dead-lettered"),
    (r"(?i)\b(comes?|came|coming) again\b", "is retried, is received again"),
    (r"(?i)\bcome by\b", "obtain"),
    (r"(?i)\b(stands?|stood) in\b", "is in, is stored in"),
    (r"(?i)\bdoors?\b", "ingest, endpoint"),
    (r"(?i)\bso many\b", "up to, a number"),
    (r"(?i)\bhow-manieth\b", "attempt"),
    (r"(?i)\bdear\b", "cost"),
    (r"(?i)\bletters?\b", "dead letter, message"),
    (r"(?i)\bis no [a-z]+", "is not a valid"),
    (r"(?i)\bshall\b", "must, is to"),
    (r"(?i)\bprim(e|es|ed|ing)\b", "backfill"),
    (r"(?i)\bovertak\w*", "version conflict"),
    (r"(?i)\bsightings?\b", "token usage"),
    (r"(?i)\bstrangers?\b", "unauthorised requests"),
    (r"(?i)\bmisnamed\b", "unknown secret name"),
    (r"(?i)\bambiguous\b|\bin doubt\b", "outcome unknown"),
    (r"(?i)\bline (in|of) template\.yaml", "entry"),
];

/// What may be written all the same: a file (or the beginning of its path), and a pattern that its line matches.
const ALLOWED: &[(&str, &str)] = &[
    ("tests/it/words.rs", "."),
    ("docs/glossary.md", "."),
    ("CHANGELOG.md", "."),
    // English and AWS's own words
    (
        "",
        r"(?i)dead[- _]?letter|DeadLetter|lower-case letters|upper-case letters|letters and digits|letters, digits",
    ),
    ("", r"(?i)there is no |is no longer"),
    ("", r"(?i)two-way door|one-way door"),
];

#[test]
fn retired_words_stay_retired() -> Result<()> {
    let retired: Vec<(Regex, &str)> = RETIRED
        .iter()
        .map(|(pattern, instead)| Ok((Regex::new(pattern)?, *instead)))
        .collect::<Result<_>>()?;
    let allowed: Vec<(&str, Regex)> =
        ALLOWED.iter().map(|(path, pattern)| Ok((*path, Regex::new(pattern)?))).collect::<Result<_>>()?;
    let mut found = Vec::new();
    for file in texts()? {
        let path = file.strip_prefix(root())?.display().to_string();
        let text = fs::read_to_string(&file)?;
        for (number, line) in text.lines().enumerate() {
            for (pattern, instead) in &retired {
                let Some(word) = pattern.find(line) else { continue };
                let is_allowed =
                    allowed.iter().any(|(of, line_of)| path.starts_with(of) && line_of.is_match(line));
                if !is_allowed {
                    found.push(format!(
                        "{path}:{}: {:?} → {instead}",
                        number.saturating_add(1),
                        word.as_str()
                    ));
                }
            }
        }
    }
    ensure!(found.is_empty(), "{} retired words:\n{}", found.len(), found.join("\n"));
    Ok(())
}

#[test]
fn the_page_of_reasons_has_a_row_for_each_code_and_no_other() -> Result<()> {
    let codes: BTreeSet<String> = Reason::iter().map(|reason| reason.to_string()).collect();
    assert_eq!(first_cells(&read("docs/reasons.md")?), codes);
    Ok(())
}

#[test]
fn the_page_of_logs_has_a_row_for_each_event_name() -> Result<()> {
    let rows = first_cells(&read("docs/logging.md")?);
    let names: BTreeSet<String> = EventName::iter().map(|name| name.as_str().to_owned()).collect();
    let missing: Vec<_> = names.difference(&rows).collect();
    assert!(missing.is_empty(), "docs/logging.md lacks {missing:?}");
    let unknown: Vec<_> = rows.iter().filter(|row| row.contains('.') && !names.contains(*row)).collect();
    assert!(unknown.is_empty(), "no function logs {unknown:?}");
    Ok(())
}

#[test]
fn every_log_line_has_an_event_name() -> Result<()> {
    let macros = Regex::new(r"(?s)tracing::(error|warn|info)!\((.*?)\);")?;
    let mut seen = 0;
    for folder in ["shared/src", "functions"] {
        for file in rust_files(folder)? {
            let text = fs::read_to_string(&file)?;
            for line in macros.captures_iter(&text) {
                let fields = line.get(2).context("no fields")?.as_str().trim_start();
                ensure!(fields.starts_with("event_name"), "{}: {fields}", file.display());
                seen += 1;
            }
        }
    }
    ensure!(seen > 15, "{seen} log lines");
    Ok(())
}

/// The text in backticks with which each row of a page's tables begins.
fn first_cells(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(cell, _)| cell.to_owned()).collect()
}

/// Code, templates, documents, and the files at the root.
fn texts() -> Result<Vec<PathBuf>> {
    let is_text = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        [".rs", ".yaml", ".yml", ".md", ".toml", ".graphql"].iter().any(|end| name.ends_with(end))
    };
    let mut files: Vec<PathBuf> =
        fs::read_dir(root())?.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.is_file() && is_text(path));
    let mut folders: Vec<PathBuf> =
        ["functions", "shared/src", "shared/schema", "infra", "tests", "docs", ".github"]
            .map(|name| root().join(name))
            .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_text(&path) {
                files.push(path);
            }
        }
    }
    Ok(files)
}
