//! Common support of the tests.

use anyhow::{Context as _, Result, ensure};
use automations::handler::Decides;
use automations::{Event, EventKind, aws, clock};
use automations_cli::DeadLetterQueues;
use aws_sdk_lambda::types::Environment;
use end_to_end::stack::{Hosted, Organisation, Stack, StackAddresses, eventually};
use end_to_end::stand_in::Payload;
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The usual timeout in seconds: ten times the usual duration on a slow machine.
pub(crate) const SOON: u64 = 60;

static STACK_IN_USE: RwLock<()> = RwLock::const_new(());

/// Held by every test while it runs.
pub(crate) async fn among_others() -> RwLockReadGuard<'static, ()> {
    STACK_IN_USE.read().await
}

/// Held by a test that changes something shared, such as a variable of a function.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    STACK_IN_USE.write().await
}

/// Creates an organisation for a test with this kind of webhook; its name is made of both.
pub(crate) async fn organisation<'a>(
    stack: &'a Stack,
    name: &str,
    payload: Payload,
) -> Result<Organisation<'a>> {
    let organisation = stack.organisation(&format!("{name}-{}", payload.name())).await?;
    Ok(Organisation { payload, ..organisation })
}

/// Creates a ticket in this stage that the system has already seen.
pub(crate) async fn known_ticket(organisation: &Organisation<'_>, stage: &str) -> Result<String> {
    let ticket = organisation.new_ticket(json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(organisation, &ticket, 1).await?;
    // Publishing sets the time of the next check, so a test that sets it must do so afterwards.
    published(organisation, &ticket).await?;
    Ok(ticket)
}

/// Waits until a ticket's events are published, and so in the handlers' queues.
pub(crate) async fn published(organisation: &Organisation<'_>, ticket: &str) -> Result<()> {
    eventually("an empty outbox", SOON, async || {
        ensure!(organisation.known(ticket).await?.is_some_and(|known| known.outbox.is_empty()), "not yet");
        Ok(())
    })
    .await
}

/// Waits until a ticket's events are published, and then has this handler decide on all that it has received.
pub(crate) async fn decided<Settings, D: Decides<Settings>>(
    hosted: &Hosted<'_, Settings, D>,
    organisation: &Organisation<'_>,
    ticket: &str,
) -> Result<()> {
    published(organisation, ticket).await?;
    while hosted.work().await? > 0 {}
    Ok(())
}

/// Waits until the ticket has this many events, and returns them all.
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

/// Waits for this many mutations of a kind, and returns the variables of all.
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

/// Waits until all queues are empty, so that a duplicate would have been processed. It checks the queues in the order of the
/// pipeline, so that no message moves on to a queue that was already checked.
pub(crate) async fn rest(stack: &Stack) -> Result<()> {
    let StackAddresses { hints_queue, actions_queue, .. } = &stack.addresses;
    let handlers = handler_queues(stack).await?;
    eventually("empty queues", SOON, async || {
        for queue in [hints_queue].into_iter().chain(&handlers).chain([actions_queue]) {
            let depth = stack.depth(queue).await?;
            ensure!(depth == 0, "{depth} messages in {queue}");
        }
        Ok(())
    })
    .await
}

/// The names of the handlers' queues: those of the stack except the worker's, the enricher's and dead-letter queues.
async fn handler_queues(stack: &Stack) -> Result<Vec<String>> {
    let StackAddresses { hints_queue, actions_queue, stack: prefix, .. } = &stack.addresses;
    let listed = stack.sqs.list_queues().queue_name_prefix(format!("{prefix}-")).send().await?;
    let names = listed.queue_urls().iter().filter_map(|url| url.rsplit('/').next().map(str::to_owned));
    let is_handlers = |name: &String| {
        name != hints_queue
            && name != actions_queue
            && !name.contains("dead-letters")
            && !name.contains("-listen_")
    };
    Ok(names.filter(is_handlers).collect())
}

/// Sets a variable of a deployed function and returns its old value. The engine ends the function's processes, and their
/// messages are retried only after the visibility timeout, so the queues must be empty.
pub(crate) async fn set_variable(stack: &Stack, function: &str, name: &str, value: &str) -> Result<String> {
    let function = format!("{}-{function}", stack.addresses.stack);
    let configuration = stack.lambda.get_function_configuration().function_name(&function).send().await?;
    let mut variables = configuration.environment.and_then(|all| all.variables).context("no environment")?;
    let before = variables.insert(name.to_owned(), value.to_owned()).unwrap_or_default();
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let request = stack.lambda.update_function_configuration().function_name(&function);
    request.environment(environment).send().await?;
    // If an alias sends traffic to a version, it needs a new version.
    let aliases = stack.lambda.list_aliases().function_name(&function).send().await?;
    for alias in aliases.aliases() {
        let published = stack.lambda.publish_version().function_name(&function).send().await?;
        let request = stack.lambda.update_alias().function_name(&function);
        let version = published.version().context("no version")?;
        request.name(alias.name().context("no name")?).function_version(version).send().await?;
    }
    Ok(before)
}

/// The dead-letter queues of the stack.
pub(crate) fn dead_letters(stack: &Stack) -> Result<DeadLetterQueues> {
    Ok(DeadLetterQueues::new(&aws::load()?, stack.addresses.stack.clone(), stack.store(), clock::now()))
}

/// The kinds of a ticket's events.
pub(crate) fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.name()).collect()
}

/// The names of the old and new stage of a stage change.
pub(crate) fn stages(event: &Event) -> Option<(&str, &str)> {
    match &event.kind {
        EventKind::StageChanged { from, to, .. } => {
            Some((from.stage.name.as_deref()?, to.stage.name.as_deref()?))
        }
        _ => None,
    }
}
