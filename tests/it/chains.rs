//! The system recognises its own changes, and stops handlers that undo each other.

use crate::support::{SOON, among_others, events, kinds, known_ticket, mutations, rest};
use crate::webhooks::switch_on;
use anyhow::{Result, ensure};
use automations::handler::Decide;
use automations::json::from_json;
use automations::{Action, Event};
use end_to_end::stack::{Stack, eventually};
use serde_json::{Value, json};

/// Moves a ticket that enters the first stage on to the second.
pub(crate) const MOVE_ON: Decide<[&str; 2]> = |event, [entered, next]| {
    event.entered_stage(entered).map(|ticket| Action::move_stage(ticket, next)).into_iter().collect()
};

#[tokio::test]
async fn two_handlers_that_undo_each_other_come_to_rest_and_an_operator_is_told() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("tug").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    switch_on(&organisation, json!({ "on_api_changes": true })).await?;
    let forth = organisation.host("forth", MOVE_ON, ["Application", "Approved"]).await?;
    let back = organisation.host("back", MOVE_ON, ["Approved", "Application"]).await?;
    organisation.change(&ticket, json!({ "stage": "Application" })).await?;
    let dead_letters = eventually("a dead letter", SOON, async || {
        forth.work().await?;
        back.work().await?;
        // The sixth event exceeds the chain limit and is dead-lettered.
        let dead_letters = stack.take_all(&back.dead_letters).await?;
        ensure!(!dead_letters.is_empty(), "{} moves", organisation.mutations().await?.len());
        Ok(dead_letters)
    })
    .await?;
    let [(dead_letter, reason)] = &dead_letters[..] else {
        anyhow::bail!("{} dead letters", dead_letters.len())
    };
    assert_eq!(reason, "chain_too_long");
    let dead_letter: Value = from_json(dead_letter.as_bytes())?;
    let chain = dead_letter["cause"]["chain"].as_array().cloned().unwrap_or_default();
    let handlers: Vec<_> = chain.iter().filter_map(|id| id.as_str()?.split('.').nth(1)).collect();
    assert_eq!(handlers, ["forth", "back", "forth", "back", "forth"], "the dead letter has the whole chain");
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "ticketUpdate", 5).await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_handler_does_not_get_our_own_changes_unless_it_asks_for_them() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("unasked").await?;
    let ticket = known_ticket(&organisation, "Application").await?;
    switch_on(&organisation, json!({ "on_api_changes": true })).await?;
    let settle = organisation.host("settle", MOVE_ON, ["Approved", "Settled"]).await?;
    organisation.change(&ticket, json!({ "stage": "Approved" })).await?;
    let journal = eventually("our own change", SOON, async || {
        settle.work().await?;
        let journal = organisation.journal(&ticket).await?;
        ensure!(journal.len() >= 3, "so far {:?}", kinds(&journal));
        Ok(journal)
    })
    .await?;
    assert!(
        journal[2].entered_stage("Settled").is_some() && journal[2].chain().len() == 1,
        "{:?}",
        journal[2]
    );
    rest(&stack).await?;
    // follow-up-on-settlement handles that stage, but not if one of our own actions moved the ticket there.
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate"]);
    Ok(())
}

#[tokio::test]
async fn a_change_of_ours_has_our_action_as_its_cause_and_a_persons_same_change_has_not() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("own-cause").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let sees = async |count: usize| -> Result<Event> {
        organisation.webhook("ticket-updated", &ticket).await?;
        Ok(events(&organisation, &ticket, count).await?.remove(count - 1))
    };
    let labelled = sees(3).await?;
    assert_eq!(kinds(std::slice::from_ref(&labelled)), ["ticket.label_added"]);
    assert_eq!(labelled.chain().len(), 1);
    organisation.change(&ticket, json!({ "labels": [] })).await?;
    assert_eq!(sees(4).await?.chain().len(), 0, "a person removed it");
    organisation.change(&ticket, json!({ "labels": ["Post-settlement"] })).await?;
    let again = sees(5).await?;
    assert_eq!((again.kind.name(), again.chain().len()), ("ticket.label_added", 0));
    Ok(())
}
