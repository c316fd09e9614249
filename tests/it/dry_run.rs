//! Dry runs: the planned actions of a handler are shown and not performed.

use crate::support::{SOON, alone, among_others, events, known_ticket, rest, set_variable};
use anyhow::{Context as _, Result, ensure};
use automations::clock;
use automations_cli::event_filter::EventFilter;
use automations_cli::{HandlerUnderTest, Replay, Replayer};
use end_to_end::stack::{Stack, eventually};
use serde_json::json;
use std::path::Path;

const HANDLER: &str = "follow-up-on-settlement";

#[tokio::test]
async fn a_handler_is_tried_on_the_journal_with_other_settings_and_changes_nothing() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("dry").await?;
    let before = clock::now();
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Archived" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let journal = events(&organisation, &ticket, 2).await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the project's root was not found")?;
    let unknown = HandlerUnderTest::built(root, "unknown", None);
    assert!(
        unknown.is_err_and(|error| error.to_string().contains(HANDLER)),
        "the error names the existing handlers"
    );
    let settings = json!({ "stage": "Archived", "label": "Client", "follow_up_workflow": "Annual reviews" });
    let under_test = HandlerUnderTest::built(root, HANDLER, Some(settings.to_string()))?;
    let replayer = Replayer {
        sns: stack.sns.clone(),
        cloudformation: stack.cloudformation.clone(),
        sqs: stack.sqs.clone(),
        store: stack.store(),
        stack: stack.addresses.stack.clone(),
    };
    let filter = EventFilter::of_ticket(ticket.parse()?);
    let which = Replay { since: before, until: clock::now(), filter, handler: None, resent: None };
    let (mut events, subscription) = (replayer.select(&which).await?, under_test.subscription()?);
    events.retain(|event| subscription.accepts(event));
    assert_eq!(events, journal[1..], "only the events that its subscription accepts");
    let dry = under_test.decide(journal[1].clone())?;
    let kinds: Vec<_> = dry.actions.iter().map(|action| action["handler"].clone()).collect();
    assert_eq!(kinds, [HANDLER, HANDLER]);
    let as_deployed = HandlerUnderTest::built(root, HANDLER, None)?.decide(journal[1].clone())?;
    assert!(as_deployed.actions.is_empty(), "{as_deployed:?}");
    let decode_error =
        HandlerUnderTest::built(root, HANDLER, Some("{}".to_owned()))?.decide(journal[1].clone());
    assert!(decode_error.is_err());
    assert!(organisation.mutations().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_deployed_handler_in_its_dry_run_logs_its_actions_and_sends_none() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("dry-deployed").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    rest(&stack).await?;
    let before = set_variable(&stack, HANDLER, "DRY_RUN", "true").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 2).await?.remove(1);
    let logged = eventually("two log lines", SOON, async || {
        let lines = stack.logged(HANDLER, "actions.dry_run").await?;
        let own: Vec<_> = lines.into_iter().filter(|line| line.contains(event.id.as_str())).collect();
        ensure!(own.len() >= 2, "{own:?}");
        Ok(())
    })
    .await;
    rest(&stack).await?;
    set_variable(&stack, HANDLER, "DRY_RUN", &before).await?;
    logged?;
    assert!(organisation.mutations().await?.is_empty());
    Ok(())
}
