//! The patterns in the guide, evaluated by EventBridge.

use crate::support::among_others;
use anyhow::{Context as _, Result, ensure};
use automations::testing::{a_ticket, one_of_each, stage_changed};
use automations::{Event, json};
use std::fs;
use std::path::Path;

/// The pattern of a rule, as the template makes it from the keys of an entry.
fn pattern(kinds: &[&str], filter: &str) -> String {
    let kinds = kinds.join("\", \"");
    format!(
        r#"{{"source": ["salestrekker"], "detail-type": ["{kinds}"], "detail": {{"cause": {{"by": ["webhook", "reconciler"]}}, {filter}}}}}"#
    )
}

pub(crate) async fn matches(
    client: &aws_sdk_eventbridge::Client,
    pattern: &str,
    event: &Event,
) -> Result<bool> {
    let text = format!(
        r#"{{"id": "1", "account": "000000000000", "source": "salestrekker", "time": "2026-01-01T00:00:00Z", "region": "ap-southeast-2", "resources": [], "detail-type": "{}", "detail": {}}}"#,
        event.kind.name(),
        json::to_json(event)
    );
    let result = client.test_event_pattern().event_pattern(pattern).event(text).send().await;
    Ok(result.with_context(|| format!("EventBridge rejects {pattern}"))?.result())
}

#[tokio::test]
async fn the_ten_patterns_of_the_guide_take_what_they_say() -> Result<()> {
    let _guard = among_others().await;
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/handlers.md"))?;
    let table = guide.split("| `Filter` | events |").nth(1).and_then(|rest| rest.split("\n\n").next());
    let filters: Vec<&str> =
        table.context("no table")?.lines().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(filters.len(), 10);
    let client = aws_sdk_eventbridge::Client::new(&automations::aws::load()?);
    let settled = stage_changed("Approved", "Settled");
    // The reverse change, which a pattern with stages must not match.
    let back = stage_changed("Settled", "Approved");
    for (filter, matches_stages) in
        filters.iter().zip([false, true, true, true, false, true, false, false, false, false])
    {
        let pattern = pattern(&["ticket.stage_changed", "ticket.created"], filter);
        ensure!(matches(&client, &pattern, &settled).await?, "{filter} does not match");
        ensure!(matches(&client, &pattern, &back).await? != matches_stages, "{filter}, the reverse change");
        for other in one_of_each().iter().filter(|event| event.kind.name() == "ticket.renamed") {
            ensure!(!matches(&client, &pattern, other).await?, "{filter} matches another kind");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_pattern_of_an_age_takes_one_mark_in_one_stage() -> Result<()> {
    let _guard = among_others().await;
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/handlers.md"))?;
    let filter =
        guide.split("With `Events: [ticket.stage_aged]`, `").nth(1).and_then(|rest| rest.split('`').next());
    let pattern = pattern(&["ticket.stage_aged"], filter.context("no pattern")?);
    let client = aws_sdk_eventbridge::Client::new(&automations::aws::load()?);
    for (stage, days, is_match) in
        [("Application", 14, true), ("Application", 7, false), ("Approved", 14, false)]
    {
        let event = a_ticket().in_stage(stage).stays_for(days);
        ensure!(matches(&client, &pattern, &event).await? == is_match, "{stage} for {days} days");
    }
    Ok(())
}

#[tokio::test]
async fn a_pattern_that_names_another_value_takes_nothing() -> Result<()> {
    let _guard = among_others().await;
    let client = aws_sdk_eventbridge::Client::new(&automations::aws::load()?);
    for filter in [
        r#""ticket": {"workflow": {"name": ["Car loans"]}}"#,
        r#""ticket": {"labels": {"name": ["Purchase"]}}"#,
        r#""ticket": {"owner": ["owner-2"]}"#,
        r#""ticket": {"value": [{"numeric": ["<", 400000]}]}"#,
        r#""organisation": ["south"]"#,
    ] {
        let pattern = pattern(&["ticket.stage_changed"], filter);
        ensure!(!matches(&client, &pattern, &stage_changed("Approved", "Settled")).await?, "{filter}");
    }
    Ok(())
}
