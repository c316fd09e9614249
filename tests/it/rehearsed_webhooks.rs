//! A rehearsal with a person at the test deal: what webhooks look like, whether our own change sends one, and what a 500 leads to.

use crate::organisations::organisations;
use crate::support::{among_others, events, known_ticket};
use crate::webhooks::switch_on;
use anyhow::{Context as _, Result, ensure};
use automations::aws;
use automations::clock::Timestamp;
use automations::id::{OrganisationId, TicketId};
use automations::store::Store;
use automations_cli::organisation::{Patience, Person, Rehearsed};
use end_to_end::stack::{Organisation, Stack};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Says yes, and moves the deal when asked to.
struct AtTheDeal(UnboundedSender<()>);

impl Person for AtTheDeal {
    fn hears(&mut self, text: &str) {
        if text.starts_with("NOW move") {
            let _ = self.0.send(());
        }
    }

    fn confirms(&mut self, _: &str) -> bool {
        true
    }
}

/// No instance has recorded a use of the token yet, so each knows at once that it is watched.
const PATIENCE: Patience = Patience {
    watched: Duration::ZERO,
    own_change: Duration::from_secs(3),
    person: Duration::from_secs(15),
    interval: Duration::from_millis(200),
};

/// Rehearses while the vendor sends webhooks with these options.
async fn rehearsed(
    organisation: &Organisation<'_>,
    options: Value,
    patience: Patience,
) -> Result<(Rehearsed, TicketId)> {
    let all = organisations(organisation.stack)?;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    switch_on(organisation, options).await?;
    let (name, id) = (OrganisationId::parse(organisation.name.as_str())?, TicketId::parse(ticket.as_str())?);
    let (sender, mut asked) = unbounded_channel();
    let mut person = AtTheDeal(sender);
    let person_moves = async {
        asked.recv().await.context("the person was not asked")?;
        organisation.change(&ticket, json!({ "stage": "Archived" })).await
    };
    let (found, change) = tokio::join!(all.rehearse(&name, &id, None, &mut person, patience), person_moves);
    change?;
    Ok((found?, id))
}

fn answer<'a>(found: &'a Rehearsed, question: &str) -> Result<&'a str> {
    let finding = found.findings.iter().find(|finding| finding.question == question);
    Ok(&finding.with_context(|| format!("{question} is not answered: {found:#?}"))?.answer)
}

const OWN_CHANGE: &str = "a webhook of a change by the API";
const PERSON: &str = "a webhook of a change by a person";
const FAILURE: &str = "a webhook that is answered with 500";

#[tokio::test]
async fn a_rehearsal_shows_what_a_webhook_looks_like_and_that_it_is_sent_again_after_a_500() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("rehearsed-retries").await?;
    // The first steps change the deal, and the instances that get webhooks of that know of the watch a minute later.
    let watched = Duration::from_secs(65);
    let options = json!({ "on_api_changes": true, "retries": 2, "delay_ms": 100, "payload": "id_and_event" });
    let (found, ticket) = rehearsed(&organisation, options, Patience { watched, ..PATIENCE }).await?;
    ensure!(answer(&found, OWN_CHANGE)?.starts_with("comes after "), "{found:#?}");
    let shown = answer(&found, PERSON)?;
    for part in [
        "POST to ticket-",
        "content type application/json, names the deal; body: event, id; headers: ",
        "content-type",
    ] {
        ensure!(shown.contains(part), "{part} is not in {shown}");
    }
    ensure!(!shown.contains(ticket.as_str()) && !shown.contains(&organisation.webhook_token), "{shown}");
    ensure!(answer(&found, FAILURE)?.starts_with("is sent again after "), "{found:#?}");
    ensure!(found.passed(), "{found:#?}");
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_a_rehearsal_answers_with_500_is_accepted_all_the_same() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("rehearsed-once").await?;
    let (found, ticket) = rehearsed(&organisation, json!({ "payload": "form" }), PATIENCE).await?;
    ensure!(answer(&found, OWN_CHANGE)?.starts_with("none came within 3 s"), "{found:#?}");
    ensure!(
        answer(&found, PERSON)?
            .contains("application/x-www-form-urlencoded, names the deal; body: event, id"),
        "{found:#?}"
    );
    ensure!(answer(&found, FAILURE)?.starts_with("is not sent again"), "{found:#?}");
    let journal = events(&organisation, ticket.as_str(), 1).await?;
    let stage = journal.last().and_then(|event| event.ticket()?.stage.name.clone());
    assert_eq!(stage.as_deref(), Some("Archived"), "the webhook of the move was not lost: {journal:?}");
    // The watch is over for whatever comes afterwards, or lasts on and answers 202.
    organisation.webhook("ticket-updated", ticket.as_str()).await?;
    Ok(())
}

#[tokio::test]
async fn a_rehearsal_says_that_no_webhook_came_and_nothing_is_observed_without_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("rehearsed-silent").await?;
    let (found, _) = rehearsed(&organisation, json!({ "lose_every": 1 }), PATIENCE).await?;
    ensure!(answer(&found, PERSON)?.contains("organisation urls"), "{found:#?}");
    assert_eq!(answer(&found, FAILURE)?, "not asked: no webhook came");
    let other = stack.organisation("not-watched").await?;
    known_ticket(&other, "Approved").await?;
    let store = Store::new(aws::dynamodb(&aws::load()?), format!("{}-store", stack.addresses.stack));
    let observed =
        store.observed_webhooks(&OrganisationId::parse("not-watched")?, Timestamp::from_millis(0)).await?;
    ensure!(observed.is_empty(), "{observed:?}");
    Ok(())
}
