//! What the templates have, counted: their loops written out, and without what an ordinary deployment has not.

use anyhow::{Context as _, Result};
use serde_norway::{Mapping, Value};

const APPLICATION: [&str; 4] = [
    include_str!("../../../../template.yaml"),
    include_str!("../../../stacks/store.yaml"),
    include_str!("../../../stacks/roles.yaml"),
    include_str!("../../../stacks/alarms.yaml"),
];
const ORGANISATION: &str = include_str!("../../../stacks/organisation.yaml");
const EDGE: &str = include_str!("../../../stacks/edge.yaml");
const DASHBOARD: &str = include_str!("../../../stacks/dashboard.yaml");

/// Conditions that do not hold in an ordinary deployment. The others do: it has topics for alarms, rotation and the canary.
const OPTIONAL: [&str; 5] =
    ["HasKey", "HasDedicatedKmsKey", "HasSeparateWriter", "WriterIsRotated", "IsTraced"];

/// The numbers that a bill depends on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// Alarms on one metric.
    pub(super) alarms: u32,
    /// Composite alarms.
    pub(super) composite_alarms: u32,
    /// Standard queues that a function polls.
    pub(super) queues: u32,
    /// FIFO queues that a function polls.
    pub(super) fifo_queues: u32,
    /// Schedules that run each minute.
    pub(super) schedules: u32,
    /// Secrets of an organisation.
    pub(super) secrets: u32,
    /// Further secrets of an organisation with `SeparateWriter`.
    pub(super) writer_secrets: u32,
    /// Dashboards of the optional stack.
    pub(super) dashboards: u32,
    /// Web ACLs of the optional edge.
    pub(super) web_acls: u32,
    /// Their rules.
    pub(super) web_rules: u32,
}

/// A resource, how often a loop makes it, and whether an ordinary deployment has it.
struct Resource<'a> {
    id: &'a str,
    value: &'a Value,
    times: u32,
    is_optional: bool,
}

/// Counts the templates.
///
/// # Errors
/// If one of them is not of the form that this reads.
pub(super) fn counts() -> Result<Counts> {
    let application = APPLICATION.into_iter().map(parse).collect::<Result<Vec<_>>>()?;
    let [organisation, edge, dashboard] = [parse(ORGANISATION)?, parse(EDGE)?, parse(DASHBOARD)?];
    let mut resources = Vec::new();
    for template in &application {
        resources.extend(resources_of(template)?);
    }
    resources.retain(|resource| !resource.is_optional);
    let of_type = |kind: &str| sum(resources.iter().filter(|resource| resource.is_a(kind)));
    let polled = |is_fifo: bool| {
        // A dead-letter queue has no function.
        let queues = resources.iter().filter(|resource| resource.is_a("AWS::SQS::Queue"));
        sum(queues.filter(|queue| !queue.id.contains("DeadLetters") && queue.is_fifo() == is_fifo))
    };
    let secrets = resources_of(&organisation)?;
    let secrets: Vec<_> = secrets.iter().filter(|it| it.is_a("AWS::SecretsManager::Secret")).collect();
    let edge = resources_of(&edge)?;
    let acls: Vec<_> = edge.iter().filter(|it| it.is_a("AWS::WAFv2::WebACL")).collect();
    let rules = acls.iter().filter_map(|acl| acl.property("Rules")?.as_sequence());
    let dashboards = resources_of(&dashboard)?;
    Ok(Counts {
        alarms: of_type("AWS::CloudWatch::Alarm"),
        composite_alarms: of_type("AWS::CloudWatch::CompositeAlarm"),
        queues: polled(false),
        fifo_queues: polled(true),
        schedules: sum(resources.iter().filter(|resource| resource.runs_each_minute())),
        secrets: sum(secrets.iter().copied().filter(|it| !it.is_optional)),
        writer_secrets: sum(secrets.iter().copied().filter(|it| it.is_optional)),
        dashboards: sum(dashboards.iter().filter(|it| it.is_a("AWS::CloudWatch::Dashboard"))),
        web_acls: sum(acls.iter().copied()),
        web_rules: u32::try_from(rules.map(Vec::len).sum::<usize>())?,
    })
}

fn parse(text: &str) -> Result<Value> {
    Ok(serde_norway::from_str(text)?)
}

fn sum<'a>(resources: impl Iterator<Item = &'a Resource<'a>>) -> u32 {
    resources.map(|resource| resource.times).fold(0, u32::saturating_add)
}

fn resources_of(template: &Value) -> Result<Vec<Resource<'_>>> {
    let all =
        template.get("Resources").and_then(Value::as_mapping).context("a template without resources")?;
    let mut resources = Vec::new();
    add(all, 1, &mut resources)?;
    Ok(resources)
}

/// Adds these resources, each of a loop for each of its values.
fn add<'a>(all: &'a Mapping, times: u32, resources: &mut Vec<Resource<'a>>) -> Result<()> {
    for (id, value) in all {
        let id = id.as_str().context("a resource without an id")?;
        if !id.starts_with("Fn::ForEach::") {
            let condition = value.get("Condition").and_then(Value::as_str);
            let is_optional = condition.is_some_and(|condition| OPTIONAL.contains(&condition));
            resources.push(Resource { id, value, times, is_optional });
            continue;
        }
        let values = value.get(1).and_then(Value::as_sequence).context("a loop without a list")?;
        let body = value.get(2).and_then(Value::as_mapping).context("a loop without resources")?;
        add(body, times.saturating_mul(u32::try_from(values.len())?), resources)?;
    }
    Ok(())
}

impl Resource<'_> {
    fn is_a(&self, kind: &str) -> bool {
        self.value.get("Type").and_then(Value::as_str) == Some(kind)
    }

    fn property(&self, name: &str) -> Option<&Value> {
        self.value.get("Properties")?.get(name)
    }

    fn is_fifo(&self) -> bool {
        self.property("FifoQueue").and_then(Value::as_bool) == Some(true)
    }

    fn runs_each_minute(&self) -> bool {
        let events = self.property("Events").and_then(Value::as_mapping).into_iter().flatten();
        let mut schedules =
            events.filter_map(|(_, event)| event.get("Properties")?.get("ScheduleExpression")?.as_str());
        schedules.any(|schedule| schedule == "rate(1 minute)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_written_out_and_optional_resources_are_left_out() {
        let template = parse(
            "Resources:
  Fn::ForEach::Each:
    - Name
    - [A, B, C]
    - Queue${Name}: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true, QueueName: !Sub 'x-${Name}' } }
  Secret: { Type: 'AWS::SecretsManager::Secret', Condition: HasSeparateWriter }
  Alarm: { Type: 'AWS::CloudWatch::Alarm', Condition: HasPager }",
        );
        let template = template.unwrap();
        let resources = resources_of(&template).unwrap();
        let all: Vec<_> =
            resources.iter().map(|it| (it.id, it.times, it.is_fifo(), it.is_optional)).collect();
        let expected =
            [("Queue${Name}", 3, true, false), ("Secret", 1, false, true), ("Alarm", 1, false, false)];
        assert_eq!(all, expected);
    }

    #[test]
    fn the_templates_have_what_a_bill_depends_on() {
        let Counts { alarms, composite_alarms, queues, fifo_queues, schedules, secrets, .. } =
            counts().unwrap();
        assert_eq!((composite_alarms, queues, schedules, secrets), (1, 1, 1, 3));
        assert!(alarms > 30 && fifo_queues > 2, "{alarms} alarms, {fifo_queues} FIFO queues");
    }
}
