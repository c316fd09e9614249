//! What happened can be published again: nothing is done twice, unless somebody asks for just that.

use crate::support::{alone, events, known_ticket, mutations, rest};
use anyhow::Result;
use automations::clock;
use end_to_end::stack::Stack;
use operate::{Replay, Replayer};
use serde_json::json;

const HANDLER: &str = "follow-up-on-settlement";

#[tokio::test]
async fn a_replay_does_nothing_again_unless_it_is_asked_to() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("replayed").await?;
    let before = clock::now();
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let player = Replayer {
        events: stack.events.clone(),
        sqs: stack.sqs.clone(),
        store: stack.store(),
        stack: stack.place.stack.clone(),
    };
    let all = Replay {
        since: before,
        until: clock::now(),
        ticket: Some(ticket.clone()),
        handler: None,
        again: None,
    };
    let told = events(&organisation, &ticket, 2).await?;
    assert_eq!(player.select(&all).await?, told, "the ticket's journal, oldest first");
    assert_eq!(player.select(&Replay { until: before, ..all.clone() }).await?, []);
    let to_one = Replay { handler: Some(HANDLER.to_owned()), ..all.clone() };
    let asked_for = player.select(&to_one).await?;
    assert_eq!(asked_for, told[1..], "only what the handler's rule lets through");
    let nobody = Replay { handler: Some("nobody".to_owned()), ..all.clone() };
    assert!(player.select(&nobody).await.is_err_and(|error| error.to_string().contains("no handler nobody")));

    player.play(&told, None).await?;
    player.play(&asked_for, Some(HANDLER)).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 1).await?.len(), 1);

    let anew = Replay { again: Some(clock::now()), ..to_one };
    player.play(&player.select(&anew).await?, Some(HANDLER)).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 2).await?.len(), 2);
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate", "ticketCreate"], "the label was there already");
    Ok(())
}
