//! Events can be replayed: no action is performed twice, unless the operator asks for it.

use crate::support::{alone, events, known_ticket, mutations, rest};
use anyhow::Result;
use automations::clock;
use automations_cli::{Replay, Replayer};
use end_to_end::stack::Stack;
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
    let replayer = Replayer {
        events: stack.events.clone(),
        sqs: stack.sqs.clone(),
        store: stack.store(),
        stack: stack.addresses.stack.clone(),
    };
    let all = Replay {
        since: before,
        until: clock::now(),
        ticket: Some(ticket.clone()),
        handler: None,
        reprocess: None,
    };
    let journal = events(&organisation, &ticket, 2).await?;
    assert_eq!(replayer.select(&all).await?, journal, "the ticket's journal, oldest first");
    assert_eq!(replayer.select(&Replay { until: before, ..all.clone() }).await?, []);
    let to_one = Replay { handler: Some(HANDLER.to_owned()), ..all.clone() };
    let selected = replayer.select(&to_one).await?;
    assert_eq!(selected, journal[1..], "only the events that match the handler's rule");
    let unknown = Replay { handler: Some("unknown".to_owned()), ..all.clone() };
    assert!(
        replayer.select(&unknown).await.is_err_and(|error| error.to_string().contains("no handler unknown"))
    );

    replayer.play(&journal, None).await?;
    replayer.play(&selected, Some(HANDLER)).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 1).await?.len(), 1);

    let reprocess = Replay { reprocess: Some(clock::now()), ..to_one };
    replayer.play(&replayer.select(&reprocess).await?, Some(HANDLER)).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 2).await?.len(), 2);
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate", "ticketCreate"], "the label existed already");
    Ok(())
}
