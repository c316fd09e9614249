//! The filters in the guide, tried on the real topic, and what `replay`, `dry-run` and `new-handler` think of them.

use crate::support::{SOON, among_others};
use anyhow::{Context as _, Result, ensure};
use automations::Event;
use automations::aws::topic::Topic;
use automations::clock;
use automations::id::EventId;
use automations::model::event::Cause;
use automations::testing::{a_ticket, one_of_each, stage_changed};
use automations_cli::filter_policy::FilterPolicy;
use end_to_end::stack::{Stack, eventually};
use futures::future::try_join_all;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The engine does not look into lists of objects, as SNS does (AWS's example is the list `Records` of an S3 notification).
const NOT_ON_THE_ENGINE: &str = r#""ticket": {"labels": {"name": ["Refinance", "Purchase"]}}"#;

/// The filter policy of a subscription, as the template makes it from the keys of an entry.
fn policy(kinds: &[&str], filter: &str) -> String {
    policy_of_causes(kinds, r#""webhook", "reconciler""#, filter)
}

fn policy_of_causes(kinds: &[&str], causes: &str, filter: &str) -> String {
    let kinds = kinds.join("\", \"");
    format!(r#"{{"type": ["{kinds}"], "cause": {{"by": [{causes}]}}, {filter}}}"#)
}

fn guide() -> Result<String> {
    Ok(fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/handlers.md"))?)
}

/// The filters of the guide's table.
fn filters(guide: &str) -> Result<Vec<&str>> {
    let table = guide.split("| `Filter` | events |").nth(1).and_then(|rest| rest.split("\n\n").next());
    Ok(table.context("no table")?.lines().filter_map(|line| line.split('`').nth(1)).collect())
}

#[test]
fn the_ten_filters_of_the_guide_accept_what_they_say() -> Result<()> {
    let guide = guide()?;
    let filters = filters(&guide)?;
    assert_eq!(filters.len(), 10);
    let settled = stage_changed("Approved", "Settled");
    // The reverse change, which a filter with stages must not accept.
    let back = stage_changed("Settled", "Approved");
    for (filter, names_stages) in
        filters.iter().zip([false, true, true, true, false, true, false, false, false, false])
    {
        let policy = FilterPolicy::parse(&policy(&["ticket.stage_changed", "ticket.created"], filter))?;
        ensure!(policy.accepts(&settled), "{filter} does not accept it");
        ensure!(policy.accepts(&back) != names_stages, "{filter}, the reverse change");
        for other in one_of_each().iter().filter(|event| event.kind.name() == "ticket.renamed") {
            ensure!(!policy.accepts(other), "{filter} accepts another kind");
        }
    }
    Ok(())
}

/// One event of each kind and one of the reverse change, each with an id of its own. Actions of ours are their cause, so that no
/// deployed handler gets them.
fn samples() -> Result<Vec<Event>> {
    let now = clock::now().as_millis();
    let all = one_of_each().into_iter().chain([stage_changed("Settled", "Approved")]).enumerate();
    let samples = all.map(|(number, event)| {
        let cause = Cause::Action { hint: event.cause.hint().clone(), chain: Vec::new() };
        Ok(Event { id: EventId::parse(format!("filters-{now}-{number}"))?, cause, ..event })
    });
    samples.collect()
}

#[tokio::test]
async fn the_topic_delivers_what_the_filters_accept_and_nothing_else() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let guide = guide()?;
    let of_age =
        guide.split("With `Events: [ticket.stage_aged]`, `").nth(1).and_then(|rest| rest.split('`').next());
    let all = filters(&guide)?.into_iter().filter(|filter| *filter != NOT_ON_THE_ENGINE);
    let kinds = ["ticket.stage_changed", "ticket.created", "ticket.stage_aged"];
    let policies: Vec<String> = all
        .chain([of_age.context("no filter")?])
        .map(|filter| policy_of_causes(&kinds, "\"action\"", filter))
        .collect();
    assert_eq!(policies.len(), 10);
    let names: Vec<String> = (0..policies.len()).map(|number| format!("filter-{number}")).collect();
    let listeners = policies.iter().zip(&names).map(async |(policy, name)| {
        let filter: Value = serde_json::from_str(policy)?;
        stack.listen_to(name, &filter).await
    });
    let listeners = try_join_all(listeners).await?;
    let events = samples()?;
    let topic = Topic::new(stack.sns.clone(), stack.addresses.topic.clone());
    topic.publish(&events.iter().collect::<Vec<_>>()).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (policy, listener) in policies.iter().zip(&listeners) {
        let accepted = FilterPolicy::parse(policy)?;
        let wanted: BTreeSet<_> =
            events.iter().filter(|event| accepted.accepts(event)).map(|event| event.id.as_str()).collect();
        let mut received = Vec::new();
        eventually("the accepted events", SOON, async || {
            received.extend(listener.received().await?);
            let own = received.iter().map(|event| event.id.as_str()).filter(|id| id.starts_with("filters-"));
            let own: BTreeSet<&str> = own.collect();
            ensure!(own == wanted, "{policy}: {own:?} instead of {wanted:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[test]
fn the_filter_of_an_age_accepts_one_threshold_in_one_stage() -> Result<()> {
    let guide = guide()?;
    let filter =
        guide.split("With `Events: [ticket.stage_aged]`, `").nth(1).and_then(|rest| rest.split('`').next());
    let policy = FilterPolicy::parse(&policy(&["ticket.stage_aged"], filter.context("no filter")?))?;
    for (stage, days, is_accepted) in
        [("Application", 14, true), ("Application", 7, false), ("Approved", 14, false)]
    {
        let event = a_ticket().in_stage(stage).stays_for(days);
        ensure!(policy.accepts(&event) == is_accepted, "{stage} for {days} days");
    }
    Ok(())
}

#[test]
fn the_filter_of_a_field_accepts_one_field_and_one_month() -> Result<()> {
    let guide = guide()?;
    let filter = guide
        .split("With `Events: [ticket.field_changed]`, `")
        .nth(1)
        .and_then(|rest| rest.split('`').next());
    let policy = FilterPolicy::parse(&policy(&["ticket.field_changed"], filter.context("no filter")?))?;
    for (field, date, is_accepted) in [
        ("settlement", "2026-12-15", true),
        ("settlement", "2027-01-15", false),
        ("due", "2026-12-15", false),
    ] {
        let event = a_ticket().field_becomes(field, date);
        ensure!(policy.accepts(&event) == is_accepted, "{field} {date}");
    }
    Ok(())
}

#[test]
fn a_filter_that_names_another_value_accepts_nothing() -> Result<()> {
    for filter in [
        r#""ticket": {"workflow": {"name": ["Car loans"]}}"#,
        r#""ticket": {"labels": {"name": ["Purchase"]}}"#,
        r#""ticket": {"owner": ["owner-2"]}"#,
        r#""ticket": {"value": [{"numeric": ["<", 400000]}]}"#,
        r#""organisation": ["south"]"#,
    ] {
        let policy = FilterPolicy::parse(&policy(&["ticket.stage_changed"], filter))?;
        ensure!(!policy.accepts(&stage_changed("Approved", "Settled")), "{filter}");
    }
    Ok(())
}
