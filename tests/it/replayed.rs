//! Events can be replayed: no action is performed twice, unless the operator asks for it.

use crate::support::{SOON, alone, among_others, events, known_ticket, mutations, rest};
use anyhow::{Result, ensure};
use automations::model::resent::Resent;
use automations::{Event, clock};
use automations_cli::event_filter::EventFilter;
use automations_cli::{Replay, Replayer};
use end_to_end::stack::{Stack, eventually};
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
    let replayer = replayer(&stack);
    let all = Replay {
        since: before,
        until: clock::now(),
        filter: EventFilter::of_ticket(ticket.parse()?),
        handler: None,
        resent: None,
    };
    let journal = events(&organisation, &ticket, 2).await?;
    assert_eq!(replayer.select(&all).await?, journal, "the ticket's journal, oldest first");
    assert_eq!(replayer.select(&Replay { until: before, ..all.clone() }).await?, []);
    let to_one = Replay { handler: Some(HANDLER.to_owned()), ..all.clone() };
    let selected = replayer.select(&to_one).await?;
    assert_eq!(selected, journal[1..], "only the events that the handler's subscription accepts");
    let unknown = Replay { handler: Some("unknown".to_owned()), ..all.clone() };
    assert!(
        replayer.select(&unknown).await.is_err_and(|error| error.to_string().contains("no handler unknown"))
    );

    replayer.play(&journal, None).await?;
    replayer.play(&selected, Some(HANDLER)).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 1).await?.len(), 1);

    let again = Resent { reprocess: true, ..Resent::at(clock::now()) };
    let reprocess = Replay { resent: Some(again), ..to_one };
    replayer.play(&replayer.select(&reprocess).await?, Some(HANDLER)).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 2).await?.len(), 2);
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate", "ticketCreate"], "the label existed already");
    Ok(())
}

/// B9 of the AWS facts: SNS and SQS drop what has a deduplication id that they accepted in the last five minutes.
#[tokio::test]
async fn an_event_that_is_replayed_within_five_minutes_reaches_its_handlers_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("replayed-soon").await?;
    let listener = stack.listen("replayed-soon").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0);
    let replayer = replayer(&stack);
    // Without the mark of a replay it is a repetition, such as that of an outbox, and is dropped.
    replayer.play(std::slice::from_ref(&event), None).await?;
    let resent = Resent::at(clock::now());
    let marked = Event { resent: Some(resent), ..event.clone() };
    replayer.play(std::slice::from_ref(&marked), None).await?;
    let mut received = Vec::new();
    eventually("the replayed event", SOON, async || {
        received.extend(listener.received().await?);
        ensure!(received.contains(&marked), "received {}", received.len());
        Ok(())
    })
    .await?;
    assert_eq!(received, [event, marked], "once, and once again");
    Ok(())
}

pub(crate) fn replayer(stack: &Stack) -> Replayer {
    Replayer {
        sns: stack.sns.clone(),
        cloudformation: stack.cloudformation.clone(),
        sqs: stack.sqs.clone(),
        store: stack.store(),
        stack: stack.addresses.stack.clone(),
    }
}
