//! Every metric is used by an alarm or a widget, every metric that they use is recorded, and the log lines have `CloudWatch`'s
//! embedded metric format, or are what a metric filter selects. The local engine evaluates neither, so the tests read the log lines.

use crate::alarms::of_type;
use crate::support::{SOON, among_others, known_ticket, mutations};
use crate::tidy::read;
use anyhow::{Context as _, Result, ensure};
use automations::telemetry::EventName;
use automations::telemetry::metric::{LoggedMetric, Metric, RejectionReason};
use aws_sdk_cloudwatchlogs::types::StandardUnit;
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A metric as in an alarm or a widget: its name, then the name and value of its dimension.
type MetricNames = Vec<String>;

fn named(metric: Metric) -> MetricNames {
    names(metric.name(), metric.dimension())
}

fn names(metric: &str, dimension: Option<(&str, &str)>) -> MetricNames {
    let dimension = dimension.into_iter().flat_map(|(name, value)| [name, value]);
    [metric].into_iter().chain(dimension).map(str::to_owned).collect()
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
    let logged = LoggedMetric::all();
    let logged =
        logged.iter().flat_map(|metric| metric.series().into_iter().map(|of| names(metric.name, of)));
    let recorded: BTreeSet<MetricNames> = Metric::all().into_iter().map(named).chain(logged).collect();
    let (alarms, widgets) = (in_alarms(&Stack::found().await?).await?, in_widgets()?);
    ensure!(alarms.contains(&named(Metric::RequestsRejected(RejectionReason::Unauthorised))), "{alarms:?}");
    let used: BTreeSet<MetricNames> = alarms.union(&widgets).cloned().collect();
    let unused: Vec<_> = recorded.difference(&used).collect();
    let missing: Vec<_> = used.difference(&recorded).collect();
    ensure!(unused.is_empty() && missing.is_empty(), "not used: {unused:?}, not recorded: {missing:?}");
    Ok(())
}

/// A metric filter of the template: its log group's function, pattern and transformation.
type Filter = (String, String, Value);

#[tokio::test]
async fn each_metric_of_log_lines_has_its_filter_and_each_filter_is_one_of_them() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let filters = stack.logs.describe_metric_filters().send().await?;
    let prefix = format!("/aws/lambda/{}-", stack.addresses.stack);
    let deployed = filters.metric_filters().iter().filter_map(|filter| {
        let function = filter.log_group_name()?.strip_prefix(&prefix)?.to_owned();
        let [made] = filter.metric_transformations() else { return None };
        let dimensions = made.dimensions().map(|all| all.iter().collect::<BTreeMap<_, _>>()).unwrap_or_default();
        let made = json!({ "namespace": made.metric_namespace(), "name": made.metric_name(), "value": made.metric_value(),
            "unit": made.unit().map(StandardUnit::as_str), "dimensions": dimensions });
        Some((function, filter.filter_pattern()?.to_owned(), made))
    });
    let deployed: Vec<Filter> = deployed.collect();
    let wanted = LoggedMetric::all().map(|metric| {
        let value = metric.value.map_or_else(|| "1".to_owned(), |field| format!("$.{field}"));
        let dimensions = metric.dimension.iter().map(|of| (of.name, format!("$.{}", of.field)));
        let made = json!({ "namespace": stack.addresses.stack, "name": metric.name, "value": value,
            "unit": <&str>::from(metric.unit), "dimensions": dimensions.collect::<BTreeMap<_, _>>() });
        (metric.function.to_owned(), metric.pattern(), made)
    });
    for filter in &wanted {
        ensure!(deployed.contains(filter), "no filter {filter:?} among {deployed:?}");
    }
    ensure!(deployed.len() == wanted.len(), "a filter of no metric: {deployed:?}");
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
            vec![Metric::WebhooksWithoutTicket, Metric::RequestsRejected(RejectionReason::Unauthorised)],
        ),
        ("event-enricher", vec![Metric::TokenDaysLeft]),
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
    // Its first webhook found the ticket, so that each of these has a line.
    for metric in LoggedMetric::all().into_iter().filter(|metric| metric.event != EventName::InboundReceived)
    {
        eventually(metric.name, SOON, async || {
            let lines = stack.logged(metric.function, metric.event.as_str()).await?;
            let lines =
                lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<Vec<Value>, _>>()?;
            let has_value = |line: &&Value| metric.value.is_none_or(|field| line[field].is_u64());
            let is_known = |line: &&Value| {
                let of = metric.dimension.as_ref();
                of.is_none_or(|of| of.values.iter().any(|value| line[of.field] == *value))
            };
            ensure!(lines.iter().any(|line| has_value(&line)), "{} has no value in {lines:?}", metric.name);
            ensure!(
                lines.iter().all(|line| is_known(&line)),
                "{} has another dimension: {lines:?}",
                metric.name
            );
            Ok(())
        })
        .await?;
    }
    Ok(())
}
