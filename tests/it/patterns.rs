//! The patterns that the guide shows, and those of the table, as EventBridge reads them.

use crate::support::among_others;
use anyhow::{Context as _, Result, ensure};
use automations::testing::{a_ticket, one_of_each, stage_changed};
use automations::{Event, json};
use std::fs;
use std::path::Path;

/// A rule as the template makes it of the columns.
fn pattern(kinds: &[&str], place: &str) -> String {
    let kinds = kinds.join("\", \"");
    format!(
        r#"{{"source": ["salestrekker"], "detail-type": ["{kinds}"], "detail": {{"cause": {{"by": ["webhook", "reconciler"]}}, {place}}}}}"#
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
    let asked = client.test_event_pattern().event_pattern(pattern).event(text).send().await;
    Ok(asked.with_context(|| format!("refused: {pattern}"))?.result())
}

#[tokio::test]
async fn the_ten_patterns_of_the_guide_take_what_they_say() -> Result<()> {
    let _guard = among_others().await;
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/handlers.md"))?;
    let table = guide.split("| `Filter` | events |").nth(1).and_then(|rest| rest.split("\n\n").next());
    let places: Vec<&str> =
        table.context("no table")?.lines().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(places.len(), 10);
    let client = aws_sdk_eventbridge::Client::new(&automations::aws::load()?);
    let settled = stage_changed("Approved", "Settled");
    // The same two ways round, so that a pattern about stages must tell them apart.
    let back = stage_changed("Settled", "Approved");
    for (place, tells_stages) in
        places.iter().zip([false, true, true, true, false, true, false, false, false, false])
    {
        let pattern = pattern(&["ticket.stage_changed", "ticket.created"], place);
        ensure!(matches(&client, &pattern, &settled).await?, "{place} does not take what it should");
        ensure!(matches(&client, &pattern, &back).await? != tells_stages, "{place}, the other way round");
        for other in one_of_each().iter().filter(|event| event.kind.name() == "ticket.renamed") {
            ensure!(!matches(&client, &pattern, other).await?, "{place} takes another kind");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_pattern_of_an_age_takes_one_mark_in_one_stage() -> Result<()> {
    let _guard = among_others().await;
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/handlers.md"))?;
    let place =
        guide.split("With `Events: [ticket.stage_aged]`, `").nth(1).and_then(|rest| rest.split('`').next());
    let pattern = pattern(&["ticket.stage_aged"], place.context("no pattern")?);
    let client = aws_sdk_eventbridge::Client::new(&automations::aws::load()?);
    for (stage, days, is_taken) in
        [("Application", 14, true), ("Application", 7, false), ("Approved", 14, false)]
    {
        let event = a_ticket().in_stage(stage).stays_for(days);
        ensure!(matches(&client, &pattern, &event).await? == is_taken, "{stage} for {days} days");
    }
    Ok(())
}

#[tokio::test]
async fn a_pattern_that_names_another_value_takes_nothing() -> Result<()> {
    let _guard = among_others().await;
    let client = aws_sdk_eventbridge::Client::new(&automations::aws::load()?);
    for place in [
        r#""ticket": {"workflow": {"name": ["Car loans"]}}"#,
        r#""ticket": {"labels": {"name": ["Purchase"]}}"#,
        r#""ticket": {"owner": ["owner-2"]}"#,
        r#""ticket": {"value": [{"numeric": ["<", 400000]}]}"#,
        r#""organisation": ["south"]"#,
    ] {
        let pattern = pattern(&["ticket.stage_changed"], place);
        ensure!(!matches(&client, &pattern, &stage_changed("Approved", "Settled")).await?, "{place}");
    }
    Ok(())
}
