//! Every metric is used by an alarm or a widget, every metric that they use is recorded, and the log lines have `CloudWatch`'s
//! embedded metric format. The local engine does not evaluate that format, so the tests read the log lines.

use crate::alarms::of_type;
use crate::support::{SOON, among_others, known_ticket, mutations};
use crate::tidy::read;
use anyhow::{Context as _, Result, ensure};
use automations::telemetry::metric::{Metric, Outcome, RejectionReason, TokenStage};
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A metric as in an alarm or a widget: its name, then the name and value of its dimension.
type MetricNames = Vec<String>;

fn named(metric: Metric) -> MetricNames {
    let name = metric.name();
    let dimension = metric.dimension().into_iter().flat_map(|(name, value)| [name, value]);
    [name].into_iter().chain(dimension).map(str::to_owned).collect()
}

/// The metrics of the deployed alarms.
async fn in_alarms(stack: &Stack) -> Result<BTreeSet<MetricNames>> {
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

/// The metrics of the dashboard's widgets.
fn in_widgets() -> Result<BTreeSet<MetricNames>> {
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
async fn alarms_and_widgets_read_what_has_value_and_all_of_it() -> Result<()> {
    let _turn = among_others().await;
    let recorded: BTreeSet<MetricNames> = Metric::all().into_iter().map(named).collect();
    let (alarms, widgets) = (in_alarms(&Stack::found().await?).await?, in_widgets()?);
    ensure!(alarms.contains(&named(Metric::RequestsRejected(RejectionReason::Unauthorised))), "{alarms:?}");
    let used: BTreeSet<MetricNames> = alarms.union(&widgets).cloned().collect();
    let unused: Vec<_> = recorded.difference(&used).collect();
    let missing: Vec<_> = used.difference(&recorded).collect();
    ensure!(unused.is_empty() && missing.is_empty(), "not used: {unused:?}, not recorded: {missing:?}");
    Ok(())
}

/// Checks the format of a line of metrics, and that it contains only numbers and words of closed sets.
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
                let dimension_names: Vec<&str> =
                    known.dimension().map(|(name, _)| name).into_iter().collect();
                let has_value = known.dimension().is_none_or(|(name, value)| line[name] == value);
                metric["Name"] == name
                    && metric["Unit"] == <&str>::from(unit)
                    && *dimensions == json!(dimension_names)
                    && has_value
            };
            let all = Metric::all();
            let known =
                all.iter().find(is_this).with_context(|| format!("unknown metric {metric}: {line}"))?;
            let values = &line[known.name()];
            let values = values.as_array().map_or_else(|| vec![values], |values| values.iter().collect());
            ensure!((1..=100).contains(&values.len()) && values.iter().all(|value| value.is_u64()), "{line}");
            referred.insert(known.name().to_owned());
            referred.extend(known.dimension().map(|(name, _)| name.to_owned()));
        }
    }
    let has: BTreeSet<String> = root.keys().cloned().collect();
    ensure!(has == referred, "the line has a field that no metric uses: {line}");
    Ok(())
}

#[tokio::test]
async fn one_webhook_has_value_by_every_function_on_its_way() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("metrics").await?;
    let wrong = organisation.webhook_url("ticket-updated").replace("/metrics/", "/unknown/");
    organisation.send(Method::POST, &wrong, "application/json", "{}".into()).await?;
    let url = organisation.webhook_url("ticket-updated");
    organisation.send(Method::POST, &url, "application/json", "{}".into()).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    let reconciler = format!("{}-reconciler", stack.addresses.stack);
    stack.lambda.invoke().function_name(reconciler).send().await?;
    let wanted = [
        (
            "webhook-ingest",
            vec![
                Metric::Webhooks(TokenStage::Current),
                Metric::WebhooksWithoutTicket,
                Metric::RequestsRejected(RejectionReason::Unauthorised),
            ],
        ),
        (
            "event-enricher",
            vec![Metric::EventsPublished, Metric::WebhookToEventLatency, Metric::TokenDaysLeft],
        ),
        ("action-worker", vec![Metric::ActionsPerformed(Outcome::Done), Metric::DecisionToActionLatency]),
        ("reconciler", vec![Metric::ReconcileLag]),
    ];
    for (function, metrics) in wanted {
        for metric in metrics {
            eventually("the metric", SOON, async || {
                let lines = stack.metrics(function).await?;
                lines.iter().try_for_each(|line| check(line, &stack.addresses.stack))?;
                let is_there = |line: &Value| {
                    line.get(metric.name()).is_some()
                        && metric.dimension().is_none_or(|(name, value)| line[name] == value)
                };
                ensure!(lines.iter().any(is_there), "{function} does not record {metric:?}: {lines:?}");
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}
