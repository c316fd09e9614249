//! What most tests begin with.

use anyhow::{Context as _, Result, ensure};
use automations::{Event, EventKind, aws, clock};
use aws_sdk_lambda::types::Environment;
use end_to_end::stack::{Organisation, Stack, StackAddresses, eventually};
use end_to_end::stand_in::Payload;
use operate::DeadLetterQueues;
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Seconds within which things come about; ten times what they need on a slow machine.
pub(crate) const SOON: u64 = 60;

static STACK_IN_USE: RwLock<()> = RwLock::const_new(());

/// Held by every test while it runs.
pub(crate) async fn among_others() -> RwLockReadGuard<'static, ()> {
    STACK_IN_USE.read().await
}

/// Held by a test that breaks something which others share.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    STACK_IN_USE.write().await
}

/// An organisation of its own for a test under one kind of webhook, whose name is the test's and the kind's.
pub(crate) async fn organisation<'a>(
    stack: &'a Stack,
    name: &str,
    payload: Payload,
) -> Result<Organisation<'a>> {
    let organisation = stack.organisation(&format!("{name}-{}", payload.name())).await?;
    Ok(Organisation { payload, ..organisation })
}

/// A ticket in this stage, already looked at once.
pub(crate) async fn known_ticket(organisation: &Organisation<'_>, stage: &str) -> Result<String> {
    let ticket = organisation.new_ticket(json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(organisation, &ticket, 1).await?;
    // Publishing sets when it is next due; a test that sets that itself must come after.
    published(organisation, &ticket).await?;
    Ok(ticket)
}

/// Waits until a ticket's events are on the bus, and so in the queues behind it.
pub(crate) async fn published(organisation: &Organisation<'_>, ticket: &str) -> Result<()> {
    eventually("an empty outbox", SOON, async || {
        ensure!(organisation.known(ticket).await?.is_some_and(|known| known.outbox.is_empty()), "not yet");
        Ok(())
    })
    .await
}

/// The ticket's events, once there are this many.
pub(crate) async fn events(
    organisation: &Organisation<'_>,
    ticket: &str,
    count: usize,
) -> Result<Vec<Event>> {
    eventually("the journal", SOON, async || {
        let events = organisation.journal(ticket).await?;
        let kinds: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
        ensure!(events.len() >= count, "so far {kinds:?}");
        Ok(events)
    })
    .await
}

/// Waits until this many mutations of a kind have come, and returns all that came.
pub(crate) async fn mutations(
    organisation: &Organisation<'_>,
    kind: &str,
    count: usize,
) -> Result<Vec<Value>> {
    eventually("the mutations", SOON, async || {
        let all = organisation.mutations().await?;
        let of_kind = all.iter().filter(|mutation| mutation.mutation == kind);
        let variables: Vec<_> = of_kind.map(|mutation| mutation.variables.clone()).collect();
        ensure!(variables.len() >= count, "so far {} of {count} {kind}", variables.len());
        Ok(variables)
    })
    .await
}

/// Waits until nothing is on its way any more: what was to happen twice has happened by then. The queues are looked at
/// in the order in which things go, so that nothing slips from one behind the look to one before it.
pub(crate) async fn rest(stack: &Stack) -> Result<()> {
    let StackAddresses { hints_queue, actions_queue, .. } = &stack.place;
    let handlers = handler_queues(stack).await?;
    eventually("rest", SOON, async || {
        for queue in [hints_queue].into_iter().chain(&handlers).chain([actions_queue]) {
            let depth = stack.depth(queue).await?;
            ensure!(depth == 0, "{depth} messages in {queue}");
        }
        Ok(())
    })
    .await
}

/// The handlers' queues, by name: the stack's own that are neither the worker's nor the enricher's nor for dead letters.
async fn handler_queues(stack: &Stack) -> Result<Vec<String>> {
    let StackAddresses { hints_queue, actions_queue, stack: prefix, .. } = &stack.place;
    let listed = stack.sqs.list_queues().queue_name_prefix(format!("{prefix}-")).send().await?;
    let names = listed.queue_urls().iter().filter_map(|url| url.rsplit('/').next().map(str::to_owned));
    Ok(names
        .filter(|name| name != hints_queue && name != actions_queue && !name.contains("dead-letters"))
        .collect())
}

/// Gives a deployed function another value of a variable; the one before. The engine ends the function's processes, and what
/// they hold comes again only after the queue's visibility timeout: so nothing must be on its way.
pub(crate) async fn set_variable(stack: &Stack, function: &str, name: &str, value: &str) -> Result<String> {
    let function = format!("{}-{function}", stack.place.stack);
    let configuration = stack.lambda.get_function_configuration().function_name(&function).send().await?;
    let mut variables = configuration.environment.and_then(|all| all.variables).context("no environment")?;
    let before = variables.insert(name.to_owned(), value.to_owned()).unwrap_or_default();
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let request = stack.lambda.update_function_configuration().function_name(&function);
    request.environment(environment).send().await?;
    // Where the traffic goes to a version by an alias, that is a new version now.
    let aliases = stack.lambda.list_aliases().function_name(&function).send().await?;
    for alias in aliases.aliases() {
        let published = stack.lambda.publish_version().function_name(&function).send().await?;
        let request = stack.lambda.update_alias().function_name(&function);
        let version = published.version().context("no version")?;
        request.name(alias.name().context("no name")?).function_version(version).send().await?;
    }
    Ok(before)
}

/// What the stack gave up.
pub(crate) fn letters(stack: &Stack) -> Result<DeadLetterQueues> {
    Ok(DeadLetterQueues::new(&aws::load()?, stack.place.stack.clone(), clock::now().as_seconds()))
}

/// The kinds of a ticket's events.
pub(crate) fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.name()).collect()
}

/// The names of the stages that a change of stage was between.
pub(crate) fn stages(event: &Event) -> Option<(&str, &str)> {
    match &event.kind {
        EventKind::StageChanged { from, to, .. } => {
            Some((from.stage.name.as_deref()?, to.stage.name.as_deref()?))
        }
        _ => None,
    }
}
