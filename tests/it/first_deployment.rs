//! What would break a stack's first deployment on AWS, and what the local engine accepts all the same (part A of the AWS facts).

use crate::parameters::parameter;
use crate::tidy::{read, root};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::fs;

/// A4 of the AWS facts: `AWS::LanguageExtensions` checks references before SAM runs, so none may be to what SAM makes, and AWS's
/// documents show none to an id that `&{}` makes: docs/decisions/0050.
#[test]
fn every_reference_of_the_template_is_to_what_the_template_itself_declares() -> Result<()> {
    let text = read("template.yaml")?;
    let (declared, looped) = (section_ids(&text, "Resources"), looped_ids(&text));
    ensure!(declared.contains("WebhookIngest") && looped.contains("Role${Name}"), "{declared:?} {looped:?}");
    let parameters = section_ids(&text, "Parameters");
    let variables: BTreeSet<&str> = ["Name", "Function", "Queue"].into();
    let mut seen = 0;
    for reference in after(&text, "!GetAtt ").chain(after(&text, "!Ref ")) {
        let is_looped = reference.strip_prefix("[!Sub \"").and_then(|rest| rest.split('"').next());
        let id = reference.split(|c: char| !c.is_alphanumeric() && c != ':').next().unwrap_or_default();
        let known = declared.contains(id)
            || parameters.contains(id)
            || variables.contains(id)
            || id.starts_with("AWS::")
            || is_looped.is_some_and(|id| looped.contains(id));
        ensure!(known, "a reference to {:?}", reference.lines().next());
        seen += 1;
    }
    ensure!(seen > 50, "{seen}");
    for ids in after(&text, "DependsOn: [") {
        let mut ids = ids.split(']').next().unwrap_or_default().split(", ");
        ensure!(ids.all(|id| declared.contains(id)), "{:?}", text.lines().next());
    }
    Ok(())
}

/// A3 of the AWS facts: a new account has a concurrency of 10, and 100 must stay unreserved.
#[test]
fn no_environment_reserves_concurrency_that_a_new_account_does_not_have() -> Result<()> {
    let config = read("samconfig.toml")?;
    let overrides: Vec<&str> =
        config.lines().filter(|line| line.starts_with("parameter_overrides")).collect();
    ensure!(overrides.len() >= 2 && overrides.iter().all(|line| !line.contains("IngestConcurrency")));
    // A parameter that is not named keeps its value, and the first deployment's is false.
    let prod = config.split("[prod.deploy.parameters]").nth(1).context("no prod")?;
    ensure!(prod.contains("DeletionProtection=true"), "{prod}");
    Ok(())
}

/// A6 of the AWS facts: what a failed creation leaves behind under a name of its own blocks the next one.
#[test]
fn nothing_with_a_fixed_name_is_retained_when_its_creation_fails() -> Result<()> {
    let mut policies = 0;
    let stacks = fs::read_dir(root().join("infra/stacks"))?.collect::<Result<Vec<_>, _>>()?;
    let files = stacks.iter().map(|file| format!("infra/stacks/{}", file.file_name().to_string_lossy()));
    for file in files.chain(["template.yaml".to_owned()]) {
        let text = read(&file)?;
        policies += text.matches("DeletionPolicy: RetainExceptOnCreate").count();
        // A key has no name: one that is left over blocks nothing.
        let retained = text.split("\n    DeletionPolicy: Retain\n").count().saturating_sub(1)
            + text.matches("DeletionPolicy: Retain #").count();
        ensure!(retained == usize::from(file.ends_with("key.yaml")), "{file} retains {retained}");
    }
    ensure!(policies == 1, "the table's: {policies}");
    Ok(())
}

/// A7 of the AWS facts: Lambda accepts 2 to 1,000 (Lambda API Reference, `ScalingConfig`), and takes an empty value, not an absent
/// one, for no limit (CloudFormation Template Reference, `AWS::Lambda::EventSourceMapping ScalingConfig`).
#[test]
fn a_limit_that_lambda_refuses_is_refused_before_and_a_limit_can_be_lifted() -> Result<()> {
    let text = read("template.yaml")?;
    let pattern = parameter("MaximumConcurrency")?.pattern()?;
    let accepted: Vec<u32> = (0..1100).filter(|number| pattern.is_match(&number.to_string())).collect();
    let expected: Vec<u32> = std::iter::once(0).chain(2..=1000).collect();
    assert_eq!(accepted, expected);
    let empty = "!If [HasConcurrency, { MaximumConcurrency: !Ref MaximumConcurrency }, {}]";
    assert_eq!((text.matches("ScalingConfig:").count(), text.matches(empty).count()), (3, 3));
    Ok(())
}

/// The ids two spaces deep in a section.
fn section_ids<'a>(text: &'a str, section: &str) -> BTreeSet<&'a str> {
    let body = text.split(&format!("\n{section}:\n")).nth(1).unwrap_or_default();
    let lines = body.lines().take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let ids = lines.filter_map(|line| line.strip_prefix("  ")?.split_once(':').map(|(id, _)| id));
    ids.filter(|id| id.starts_with(char::is_alphabetic) && !id.contains(' ')).collect()
}

/// The ids that a loop makes with `${}`.
fn looped_ids(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_suffix(':'));
    lines.filter(|id| id.contains("${") && !id.contains(' ')).collect()
}

/// What follows each of these marks.
fn after<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(mark).filter_map(|(at, mark)| text.get(at.checked_add(mark.len())?..))
}
