//! `automations status` on the deployed stack.

use crate::support::{SOON, among_others};
use anyhow::{Context as _, Result, ensure};
use automations::{aws, clock};
use automations_cli::account::Target;
use automations_cli::status::{Part, Source, Status};
use aws_sdk_cloudwatch::types::StateValue;
use end_to_end::stack::{Stack, eventually};
use serde_json::json;

fn source(stack: &Stack) -> Result<Source> {
    let local = Some(stack.addresses.aws_endpoint_url.clone());
    Source::of(&Target { config: aws::load()?, local, stack: stack.addresses.stack.clone() })
}

fn read<T>(part: Part<T>) -> Result<T> {
    match part {
        Part::Read(read) => Ok(read),
        Part::NotRead(error) => anyhow::bail!("not read: {error}"),
    }
}

#[tokio::test]
async fn the_status_has_the_queues_the_last_webhook_and_the_versions_that_serve() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("shown").await?;
    let ticket = organisation.new_ticket(json!({})).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let source = source(&stack)?;
    let shown = eventually("the webhook", SOON, async || {
        let status = source.read(clock::now()).await?;
        let all = read(status.organisations.clone())?;
        let shown = all.into_iter().find(|state| state.organisation.as_str() == "shown");
        let shown = shown.context("the organisation is not shown")?;
        ensure!(shown.last_webhook_s.is_some_and(|seconds| seconds < 600), "{shown:?}");
        ensure!(shown.is_listed && shown.token_problem.is_none(), "{shown:?}");
        Ok(status)
    })
    .await?;
    let Status { queues, ages_not_read, dead_letters, functions, .. } = shown;
    let queues = read(queues)?;
    let hints = format!("{}-hints", stack.addresses.stack);
    ensure!(queues.iter().any(|queue| queue.queue == hints), "{queues:?}");
    ensure!(queues.iter().all(|queue| !queue.queue.contains("-dead-letters")), "{queues:?}");
    ensure!(ages_not_read.is_none(), "{ages_not_read:?}");
    ensure!(read(dead_letters)?.len() == queues.len(), "one for each queue");
    let functions = read(functions)?;
    let ingest = functions.iter().find(|function| function.function.ends_with("-webhook-ingest"));
    ensure!(
        ingest.is_some_and(|ingest| ingest.version.is_some() && ingest.problems.is_empty()),
        "{ingest:?}"
    );
    Ok(())
}

/// D1 of the AWS facts: webhooks of an organisation that is not on the list are rejected, and a person is asked to add it.
#[tokio::test]
async fn an_organisation_that_is_not_on_the_list_needs_a_person() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("not-on-the-list").await?;
    let id = automations::id::OrganisationId::parse(organisation.name.as_str())?;
    stack.store().remove_listing(&id).await?;
    let status = source(&stack)?.read(clock::now()).await?;
    stack.store().add_listing(&id).await?;
    let next = "automations organisation urls not-on-the-list";
    ensure!(status.attention().iter().any(|it| it.next == next), "{:?}", status.attention());
    Ok(())
}

#[tokio::test]
async fn an_alarm_that_sounds_needs_a_person_until_it_is_over() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (cloudwatch, source) = (aws_sdk_cloudwatch::Client::new(&aws::load()?), source(&stack)?);
    let name = format!("{}-actions.fifo-backlog", stack.addresses.stack);
    for (state, sounds) in [(StateValue::Alarm, true), (StateValue::Ok, false)] {
        let request = cloudwatch.set_alarm_state().alarm_name(&name).state_value(state);
        request.state_reason("a test").send().await.context("the alarm's state cannot be set")?;
        let status = source.read(clock::now()).await?;
        let alarms = read(status.alarms.clone())?;
        let found = alarms.iter().find(|alarm| alarm.alarm == name);
        ensure!(found.is_some() == sounds, "{alarms:?}");
        let section = found.map(|alarm| alarm.section.as_deref());
        ensure!(section == sounds.then_some(Some("Message waiting too long")), "{section:?}");
        ensure!(found.is_none_or(|alarm| alarm.since.is_some()), "{found:?}");
        let what = format!("the alarm {name} sounds");
        ensure!(status.attention().iter().any(|it| it.what == what) == sounds, "{:?}", status.attention());
    }
    Ok(())
}
