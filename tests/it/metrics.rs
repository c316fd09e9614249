//! What is told is read, what is read is told, and it is told in the format that `CloudWatch` makes metrics of. The local engine
//! makes none of it: so the lines are looked at as they stand in the logs.

use crate::alarms::of_type;
use crate::support::{SOON, among_others, known_ticket, mutations};
use crate::tidy::read;
use anyhow::{Context as _, Result, ensure};
use automations::telemetry::metric::{Metric, Outcome, RejectionReason, TokenStage};
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A metric as an alarm or a widget names it: its name, then what it is told apart by and the value.
type MetricNames = Vec<String>;

fn named(metric: Metric) -> MetricNames {
    let name = metric.name();
    let dimension = metric.dimension().into_iter().flat_map(|(name, value)| [name, value]);
    [name].into_iter().chain(dimension).map(str::to_owned).collect()
}

/// What the deployed alarms read of what is told.
async fn watched(stack: &Stack) -> Result<BTreeSet<MetricNames>> {
    let resources = stack.resources().await?;
    let alarms = of_type(&resources, "AWS::CloudWatch::Alarm").map(|(_, alarm)| alarm);
    let own = alarms.filter(|alarm| alarm["Namespace"].to_string().contains("AWS::StackName"));
    let names = own.map(|alarm| {
        let dimensions = alarm["Dimensions"].as_array().into_iter().flatten();
        let parts = dimensions.flat_map(|dimension| [&dimension["Name"], &dimension["Value"]]);
        let parts = [&alarm["MetricName"]].into_iter().chain(parts);
        parts.map(|part| part.as_str().map(str::to_owned).context("no text")).collect()
    });
    names.collect()
}

/// What the dashboard's widgets show of it.
fn shown() -> Result<BTreeSet<MetricNames>> {
    let template = read("infra/stacks/dashboard.yaml")?;
    let body = template.split("DashboardBody: !Sub |").nth(1).context("no body")?;
    let body: Value = serde_json::from_str(body)?;
    let widgets = body["widgets"].as_array().into_iter().flatten();
    let metrics = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().into_iter().flatten());
    let metrics = metrics.filter(|metric| metric[0] == "${Application}");
    let parts = |metric: &Value| -> MetricNames {
        let parts = metric.as_array().into_iter().flatten().skip(1);
        parts.filter_map(|part| part.as_str().map(str::to_owned)).collect()
    };
    Ok(metrics.map(parts).collect())
}

#[tokio::test]
async fn alarms_and_widgets_read_what_is_told_and_all_of_it() -> Result<()> {
    let _turn = among_others().await;
    let told: BTreeSet<MetricNames> = Metric::all().into_iter().map(named).collect();
    let (watched, shown) = (watched(&Stack::found().await?).await?, shown()?);
    ensure!(watched.contains(&named(Metric::RequestsRejected(RejectionReason::Unauthorised))), "{watched:?}");
    let read: BTreeSet<MetricNames> = watched.union(&shown).cloned().collect();
    let unread: Vec<_> = told.difference(&read).collect();
    let untold: Vec<_> = read.difference(&told).collect();
    ensure!(unread.is_empty() && untold.is_empty(), "read by nobody {unread:?}, told by nobody {untold:?}");
    Ok(())
}

/// Holds a line of figures to the format, and to what may stand in one: numbers, and words of the closed sets.
pub(crate) fn check(line: &Value, stack: &str) -> Result<()> {
    let root = line.as_object().context("no object")?;
    let mut referred = BTreeSet::from(["_aws".to_owned()]);
    ensure!(line["_aws"]["Timestamp"].is_u64(), "{line}");
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().context("no metrics")? {
        ensure!(directive["Namespace"] == stack, "{line}");
        let [dimensions] = directive["Dimensions"].as_array().context("no dimensions")?.as_slice() else {
            anyhow::bail!("not one set of dimensions: {line}");
        };
        for metric in directive["Metrics"].as_array().context("no definitions")? {
            let is_this = |known: &&Metric| {
                let (name, unit) = (known.name(), known.unit());
                let told_by: Vec<&str> = known.dimension().map(|(name, _)| name).into_iter().collect();
                let is_told = known.dimension().is_none_or(|(name, value)| line[name] == value);
                metric["Name"] == name
                    && metric["Unit"] == <&str>::from(unit)
                    && *dimensions == json!(told_by)
                    && is_told
            };
            let all = Metric::all();
            let known = all.iter().find(is_this).with_context(|| format!("{metric} is not ours: {line}"))?;
            let values = &line[known.name()];
            let values = values.as_array().map_or_else(|| vec![values], |values| values.iter().collect());
            ensure!((1..=100).contains(&values.len()) && values.iter().all(|value| value.is_u64()), "{line}");
            referred.insert(known.name().to_owned());
            referred.extend(known.dimension().map(|(name, _)| name.to_owned()));
        }
    }
    let has: BTreeSet<String> = root.keys().cloned().collect();
    ensure!(has == referred, "the root holds what nothing refers to: {line}");
    Ok(())
}

#[tokio::test]
async fn one_webhook_is_told_by_every_function_on_its_way() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("told").await?;
    let stranger = organisation.webhook_url("ticket-updated").replace("/told/", "/nobody/");
    organisation.send(Method::POST, &stranger, "application/json", "{}".into()).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    let reconciler = format!("{}-reconciler", stack.place.stack);
    stack.lambda.invoke().function_name(reconciler).send().await?;
    let wanted = [
        (
            "webhook-ingest",
            vec![
                Metric::Webhooks(TokenStage::Current),
                Metric::RequestsRejected(RejectionReason::Unauthorised),
            ],
        ),
        (
            "event-enricher",
            vec![Metric::EventsPublished, Metric::WebhookToEventLatency, Metric::TokenDaysLeft],
        ),
        ("action-worker", vec![Metric::ActionsPerformed(Outcome::Done), Metric::DecisionToActionLatency]),
        (
            "reconciler",
            vec![Metric::OldestCheckAge, Metric::ReconcileLag, Metric::OutboxBacklog, Metric::OutboxAge],
        ),
    ];
    for (function, metrics) in wanted {
        for metric in metrics {
            eventually("the figure", SOON, async || {
                let told = stack.told(function).await?;
                told.iter().try_for_each(|line| check(line, &stack.place.stack))?;
                let is_there = |line: &Value| {
                    line.get(metric.name()).is_some()
                        && metric.dimension().is_none_or(|(name, value)| line[name] == value)
                };
                ensure!(told.iter().any(is_there), "{function} does not tell {metric:?}: {told:?}");
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}
