//! Many dead letters and many events are repaired at once: selected, counted first, a part at a time, and recorded (row 9 of the anchors).

use crate::replayed::replayer;
use crate::support::{alone, dead_letters, events, known_ticket, mutations, published, rest};
use anyhow::{Context as _, Result};
use automations::store::OperationState;
use automations::{aws, clock};
use automations_cli::audit::Audit;
use automations_cli::bulk::{Bulk, Limits};
use automations_cli::event_filter::EventFilter;
use automations_cli::{Consent, Replay, Selection, groups};
use end_to_end::stack::Stack;
use serde_json::json;
use std::num::{NonZeroU32, NonZeroUsize};

const HANDLER: &str = "follow-up-on-settlement";

#[tokio::test]
async fn dead_letters_of_a_handler_and_reason_are_sent_back_up_to_a_limit_and_the_next_run_goes_on()
-> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("in-bulk").await?;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(known_ticket(&organisation, "Approved").await?);
    }
    let refused = json!({ "errors": { "message": "refused" } });
    let fault =
        json!([{ "organisation": "in-bulk", "on": "ticketCreate", "times": tickets.len(), "is": refused }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    for ticket in &tickets {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await?;
        events(&organisation, ticket, 2).await?;
    }
    rest(&stack).await?;
    let wanted = Selection {
        organisation: Some("in-bulk".parse()?),
        handler: Some(HANDLER.to_owned()),
        reason: Some("salestrekker_rejected".to_owned()),
        kind: Some("create_ticket".to_owned()),
        ..Selection::default()
    };
    let queues = dead_letters(&stack)?.thorough();
    let plan = queues.redrive_plan(&wanted, Consent::default()).await?;
    assert_eq!((plan.number, plan.groups.len()), (3, 1), "{plan:?}");
    assert_eq!(plan.groups[0].handler.as_deref(), Some(HANDLER));
    let other = Selection { handler: Some("notice-on-stage-change".to_owned()), ..wanted.clone() };
    assert_eq!(queues.redrive_plan(&other, Consent::default()).await?.number, 0);
    assert!(mutations(&organisation, "ticketCreate", 0).await?.is_empty(), "a plan changes nothing");

    let since = clock::now();
    let audit = Audit::new(&aws::load()?, stack.store());
    for (sent, left) in [(2, 1), (1, 0)] {
        let limits = Limits { limit: NonZeroUsize::new(2), rate: NonZeroU32::new(20) };
        let bulk = Bulk::new(limits);
        let redriven = queues.redrive_audited(&wanted, Consent::default(), &bulk, &audit).await?;
        assert_eq!((redriven.redriven, redriven.left), (sent, left));
        rest(&stack).await?;
    }
    assert_eq!(mutations(&organisation, "ticketCreate", 3).await?.len(), 3, "each once");
    assert!(queues.show(&wanted).await?.is_empty());
    let operations = stack.store().operations(since).await?;
    let own: Vec<_> =
        operations.iter().filter(|operation| operation.scope.contains("--organisation in-bulk")).collect();
    let numbers: Vec<_> = own.iter().map(|operation| (operation.state, operation.changed)).collect();
    assert_eq!(numbers, [(OperationState::Done, Some(1)), (OperationState::Done, Some(2))], "newest first");
    assert!(own[0].scope.contains("--reason salestrekker_rejected --kind create_ticket"), "{}", own[0].scope);
    Ok(())
}

#[tokio::test]
async fn events_of_a_kind_and_a_label_are_counted_before_they_are_replayed_a_part_at_a_time() -> Result<()> {
    // Another test's subscription may be gone between two requests.
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("replayed-in-bulk").await?;
    let since = clock::now();
    let mut labelled = Vec::new();
    for label in ["Client", "Refinance", "Client"] {
        let ticket = known_ticket(&organisation, "Approved").await?;
        organisation.change(&ticket, json!({ "labels": [label] })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        let event = events(&organisation, &ticket, 2).await?.remove(1);
        published(&organisation, &ticket).await?;
        labelled.push(event);
    }
    let replayer = replayer(&stack);
    let filter = EventFilter {
        organisation: Some("replayed-in-bulk".parse()?),
        kind: Some("ticket.label_added".to_owned()),
        label: Some("Client".to_owned()),
        ..EventFilter::default()
    };
    let replay = Replay { since, until: clock::now(), filter, handler: None, resent: None };
    let selected = replayer.select(&replay).await?;
    assert_eq!(selected, [labelled[0].clone(), labelled[2].clone()]);
    let receivers = replayer.receivers().await?;
    receivers.get(HANDLER).context("the deployed handler is not among the receivers")?;
    let found = groups(&receivers, &selected);
    let unreceived = found.iter().find(|group| group.handler.is_none()).context("no group")?;
    assert_eq!((unreceived.kind.as_str(), unreceived.number), ("ticket.label_added", 2));

    let bulk = Bulk::new(Limits { limit: NonZeroUsize::new(1), rate: None });
    let reached = std::sync::Mutex::new(Vec::new());
    let note = |number| reached.lock().map_or((), |mut all| all.push(number));
    assert_eq!(replayer.play_within(&selected, None, &bulk, note).await?, 1);
    assert_eq!((bulk.tally.changed(), reached.into_inner().ok()), (1, Some(vec![1])));
    assert!(organisation.mutations().await?.is_empty());
    Ok(())
}
