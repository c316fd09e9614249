//! Each alarm is driven to ALARM and back on the deployed stack: it leads to one readable message, and to one more when it is over.
//!
//! The local engine keeps alarms, sets their states and notifies their topics. It does not evaluate them as AWS does: it ignores
//! dimensions, missing data and the number of periods. So the tests set the states, and `alarm_table.rs` compares the definitions.

use crate::support::{SOON, among_others};
use anyhow::{Context as _, Result, ensure};
use automations::alarm::{ALARMS, NamedAlarm, NoticePolicy};
use automations::aws;
use automations::store::ItemKey;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use axum::extract::State;
use end_to_end::stack::{Stack, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Alarms that the local stack does not have, and why.
const NOT_LOCAL: [(&str, &str); 7] = [
    ("pipeline-stalled", "the stack has no PagerTopic, and CloudFormation of the engine no composite alarm"),
    ("firewall-blocks", "the stack of edge.yaml is in front of the application on AWS alone"),
    ("edge-server-errors", "as firewall-blocks"),
    ("canary-errors", "the stack has no CanaryDeployment, and the engine no CodeDeploy"),
    ("canary-server-errors", "as canary-errors"),
    ("canary-rejections", "as canary-errors"),
    ("canary-failures", "as canary-errors"),
];

/// The beginning of the name of a queue that does not exist.
const TWICE: &str = "delivered-twice";

/// The messages that the destination of alarms received, as long as this process runs: alarm-notifier caches its address.
#[derive(Debug)]
pub(crate) struct Destination {
    received: Arc<Mutex<Vec<Value>>>,
}

type Received = Arc<Mutex<Vec<Value>>>;

impl Destination {
    /// The destination that the local stack's `AlarmDestination` names. One for the whole process, and on the port of an earlier
    /// process if that is free.
    pub(crate) async fn start(stack: &Stack) -> Result<Self> {
        static RECEIVED: OnceCell<Received> = OnceCell::const_new();
        let received = RECEIVED.get_or_try_init(|| receiver(stack)).await?;
        Ok(Self { received: Arc::clone(received) })
    }

    /// The message about this alarm that reports this, once it is there.
    pub(crate) async fn has(&self, alarm: &str, notice: &str) -> Result<Value> {
        eventually("the message", SOON, async || {
            let all = self.messages();
            let is_it = |one: &&Value| one["data"]["alarm"] == alarm && one["data"]["notice"] == notice;
            all.iter().find(is_it).cloned().with_context(|| format!("no {notice} of {alarm}: {all:?}"))
        })
        .await
    }

    fn messages(&self) -> Vec<Value> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn receiver(stack: &Stack) -> Result<Received> {
    let receive = async |State(received): State<Received>, body: String| {
        let body = serde_json::from_str(&body).unwrap_or_default();
        received.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    };
    let received = Received::default();
    let app = axum::Router::new().route("/alarms", axum::routing::post(receive));
    let app = app.with_state(Arc::clone(&received));
    let name = format!("{}/alarms/destination-operators", stack.addresses.stack);
    let earlier = stack.secrets.get_secret_value().secret_id(&name).send().await;
    let earlier = earlier.ok().and_then(|secret| {
        let value: Value = serde_json::from_str(secret.secret_string()?).ok()?;
        reqwest::Url::parse(value["url"].as_str()?).ok()?.port()
    });
    // On a thread of its own: a test's runtime ends with the test.
    let socket = TcpListener::bind(("127.0.0.1", earlier.unwrap_or_default()));
    let socket = socket.or_else(|_in_use| TcpListener::bind(("127.0.0.1", 0)))?;
    socket.set_nonblocking(true)?;
    let url = format!("http://{}/alarms", socket.local_addr()?);
    std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(socket)?, app).await?;
            Ok(())
        })
    });
    let value = json!({ "url": url }).to_string();
    if earlier.is_some() {
        stack.secrets.put_secret_value().secret_id(name).secret_string(value).send().await?;
    } else {
        stack.secrets.create_secret().name(name).secret_string(value).send().await?;
    }
    Ok(received)
}

/// Invokes alarm-notifier; returns its error.
pub(crate) async fn notifier(stack: &Stack, event: &Value) -> Result<Option<String>> {
    let request = stack.lambda.invoke().function_name(format!("{}-alarm-notifier", stack.addresses.stack));
    let response = request.payload(Blob::new(event.to_string())).send().await?;
    let text = response.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned());
    Ok(response.function_error().and(text))
}

/// A change of an alarm's state now, as SNS delivers it.
pub(crate) fn published(alarm: &str, state: &str) -> Value {
    let message = json!({
        "AlarmName": alarm,
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [1801.0 (26/11/26 08:00:00)] was greater than the threshold (1800.0).",
        "StateChangeTime": automations::clock::now(),
        "AlarmArn": format!("arn:aws:cloudwatch:ap-southeast-2:111122223333:alarm:{alarm}"),
    });
    json!({ "Records": [{ "Sns": { "Message": message.to_string() } }] })
}

/// C4, C5 and F19 on the deployed stack: `CloudWatch`, SNS, the function, the table and the destination.
#[tokio::test]
async fn each_alarm_leads_to_one_message_and_to_one_more_when_it_is_over() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    forget(&stack).await?;
    let destination = Destination::start(&stack).await?;
    let client = Client::new(&aws::load()?);
    let topic = subscribed(&stack).await?;
    let mut driven = BTreeSet::new();
    for alarm in deployed(&client, &stack.addresses.stack).await? {
        let name = alarm.alarm_name().context("an alarm without a name")?;
        let found =
            NamedAlarm::find(&stack.addresses.stack, name).with_context(|| format!("no row for {name}"))?;
        notify(&client, &alarm, &topic).await?;
        set(&client, name, StateValue::Alarm).await?;
        // The second alarm of a problem that was just reported is not. The engine's times have no milliseconds, so that an end that is
        // delivered before its beginning looks like one after it.
        if found.alarm.notices == NoticePolicy::Rest {
            sounds(&stack, &found).await?;
        } else {
            let message = destination.has(name, "started").await?;
            let text = message["data"]["text"].as_str().context("no text")?;
            for part in
                [found.alarm.title, "Value: ", "\n\nRun: automations ", "\n\nRead: docs/runbook.md, \""]
            {
                ensure!(text.contains(part), "{name}: {text}");
            }
        }
        set(&client, name, StateValue::Ok).await?;
        if found.alarm.notices != NoticePolicy::Each {
            destination.has(name, "resolved").await?;
        }
        // The engine evaluates it too, by what other tests do, and another alarm of its problem comes later.
        client.disable_alarm_actions().alarm_names(name).send().await?;
        driven.insert(found.alarm.id);
    }
    let all: BTreeSet<&str> = ALARMS.iter().map(|alarm| alarm.id).collect();
    let rest: BTreeSet<&str> = NOT_LOCAL.iter().map(|(id, _)| *id).collect();
    assert_eq!(&all - &driven, rest, "NOT_LOCAL lists what is not driven here");
    let messages = destination.messages();
    let of = |one: &Value| (one["data"]["alarm"].to_string(), one["data"]["notice"].to_string());
    let distinct: BTreeSet<_> = messages.iter().map(of).collect();
    assert_eq!(distinct.len(), messages.len(), "a message is repeated: {messages:#?}");
    Ok(())
}

/// A change that is delivered twice, and the schedule.
#[tokio::test]
async fn a_change_that_is_delivered_twice_is_reported_once_and_the_schedule_repeats_nothing() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let destination = Destination::start(&stack).await?;
    let queue = format!("{TWICE}-{}.fifo", Uuid::new_v4());
    let name = format!("{}-{queue}-backlog", stack.addresses.stack);
    let event = published(&name, "ALARM");
    for event in [&event, &event, &json!({ "source": "aws.scheduler" })] {
        let failed = notifier(&stack, event).await?;
        ensure!(failed.is_none(), "{failed:?}");
    }
    let other = published("of-another-application", "ALARM");
    ensure!(notifier(&stack, &other).await?.is_none());
    destination.has(&name, "started").await?;
    let of_it = destination.messages().into_iter().filter(|one| one["data"]["alarm"] == *name).count();
    assert_eq!(of_it, 1);
    ensure!(notifier(&stack, &published(&name, "OK")).await?.is_none());
    let end = destination.has(&name, "resolved").await?;
    ensure!(end["type"] == "alarm" && end["data"]["subject"] == *queue, "{end}");
    Ok(())
}

/// Deletes the problems of an earlier run on the same stack.
async fn forget(stack: &Stack) -> Result<()> {
    // The other test's is not touched, as it may be running.
    let problems = stack.store().problems().await?.into_iter();
    for stored in problems.filter(|stored| !stored.key.contains(TWICE)) {
        let key = [("pk", "ALARMS".to_owned()), ("sk", stored.key)];
        let key = key.map(|(name, part)| (name.to_owned(), AttributeValue::S(part)));
        ensure!(
            ItemKey::of(&key.clone().into()).is_none(),
            "an organisation's item has the key of a problem"
        );
        let request = stack.dynamodb.delete_item().table_name(&stack.addresses.table);
        request.set_key(Some(key.into())).send().await?;
    }
    Ok(())
}

/// A topic of alarms to which alarm-notifier is subscribed.
async fn subscribed(stack: &Stack) -> Result<String> {
    let topic = stack.sns.create_topic().name("alarms-of-tests").send().await?;
    let topic = topic.topic_arn().context("a topic without an ARN")?.to_owned();
    let name = format!("{}-alarm-notifier", stack.addresses.stack);
    let function = stack.lambda.get_function_configuration().function_name(name).send().await?;
    let endpoint = function.function_arn().context("a function without an ARN")?;
    stack.sns.subscribe().topic_arn(&topic).protocol("lambda").endpoint(endpoint).send().await?;
    Ok(topic)
}

/// The deployed alarms of this stack.
async fn deployed(client: &Client, stack: &str) -> Result<Vec<MetricAlarm>> {
    let mut pages = client.describe_alarms().alarm_name_prefix(format!("{stack}-")).into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        alarms.extend(page?.metric_alarms.unwrap_or_default());
    }
    ensure!(alarms.len() > 30, "{} alarms", alarms.len());
    // Those last that are not reported if another alarm of their problem was.
    alarms.sort_by_key(|alarm| {
        let found = alarm.alarm_name().and_then(|name| NamedAlarm::find(stack, name));
        found.is_some_and(|found| found.alarm.notices == NoticePolicy::Rest)
    });
    Ok(alarms)
}

/// Has an alarm notify this topic, as a deployment with `AlarmTopic` does. The engine evaluates an alarm when it is put, in its own
/// way, so it is silent until it is in the state from which the test starts.
async fn notify(client: &Client, alarm: &MetricAlarm, topic: &str) -> Result<()> {
    let request = client.put_metric_alarm().set_alarm_name(alarm.alarm_name.clone());
    let request = request.set_namespace(alarm.namespace.clone()).set_metric_name(alarm.metric_name.clone());
    let request = request.set_dimensions(alarm.dimensions.clone()).set_statistic(alarm.statistic.clone());
    let request = request.set_period(alarm.period).set_evaluation_periods(alarm.evaluation_periods);
    let request = request.set_datapoints_to_alarm(alarm.datapoints_to_alarm).set_threshold(alarm.threshold);
    let request = request.set_comparison_operator(alarm.comparison_operator.clone());
    let request = request.set_treat_missing_data(alarm.treat_missing_data.clone());
    let request = request.set_alarm_description(alarm.alarm_description.clone());
    request.alarm_actions(topic).ok_actions(topic).actions_enabled(false).send().await?;
    let name = alarm.alarm_name().context("an alarm without a name")?;
    set(client, name, StateValue::Ok).await?;
    client.enable_alarm_actions().alarm_names(name).send().await?;
    Ok(())
}

/// Waits until alarm-notifier knows that this alarm sounds.
async fn sounds(stack: &Stack, found: &NamedAlarm<'_>) -> Result<()> {
    let key = found.problem();
    eventually("the alarm's beginning", SOON, async || {
        let all = stack.store().problems().await?;
        let problem = all.into_iter().find(|stored| stored.key == key).and_then(|stored| stored.problem);
        ensure!(problem.is_some_and(|problem| problem.sounding.contains(found.alarm.id)), "not yet");
        Ok(())
    })
    .await
}

async fn set(client: &Client, alarm: &str, state: StateValue) -> Result<()> {
    let reason = "Threshold Crossed: 1 datapoint [3.0 (26/11/26 08:00:00)] was greater than the threshold.";
    client.set_alarm_state().alarm_name(alarm).state_value(state).state_reason(reason).send().await?;
    Ok(())
}
