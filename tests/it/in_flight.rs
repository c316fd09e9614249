//! An existing pipeline goes live, and a token is replaced while hundreds of actions are in flight.

use crate::rotation::{STEPS, staged, step_of};
use crate::support::{alone, mutations, rest};
use anyhow::{Result, ensure};
use automations::id::{OrganisationId, TicketId};
use automations::salestrekker::Limits;
use automations_cli::organisation::Progress;
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

/// Each ticket is settled, which causes two actions.
const TICKETS: usize = 250;
/// The timeout for all of them, in seconds.
const TIMEOUT: u64 = 400;

#[tokio::test]
async fn rotations_amid_five_hundred_actions_lose_and_double_none() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("in-flight").await?;
    let mut tickets = Vec::new();
    for number in 0..TICKETS {
        let fields = json!({ "stage": "Approved", "name": format!("Ticket {number}") });
        tickets.push(organisation.new_ticket(fields).await?);
    }
    backfill(&stack, &tickets).await?;
    for ticket in &tickets {
        assert!(organisation.journal(ticket).await?.is_empty(), "a backfilled ticket has no events");
    }

    for ticket in &tickets {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await?;
    }
    // In the first rotation the old token stays valid. In the second one all older tokens become invalid.
    for (created, expires) in [(TICKETS / 5, false), (TICKETS / 2, true)] {
        mutations(&organisation, "ticketCreate", created).await?;
        if expires {
            let filter = json!({ "organisation": "in-flight" });
            stack.control(Method::POST, "expire-tokens", &filter).await?;
        }
        let version = staged(&organisation).await?;
        for step in STEPS {
            step_of(&organisation, step, &version).await?;
        }
        let so_far = organisation.mutations().await?.len();
        assert!(so_far < 2 * TICKETS, "the rotation happened while actions were in flight");
    }
    let all = eventually("every action", TIMEOUT, async || {
        let all = organisation.mutations().await?;
        let done = all.iter().filter(|mutation| !mutation.result.is_null()).count();
        ensure!(done >= 2 * TICKETS, "{done} are done");
        Ok(all)
    })
    .await?;
    rest(&stack).await?;
    assert_eq!(organisation.mutations().await?.len(), all.len(), "there are no more mutations");
    let of = |kind: &'static str| {
        all.iter().filter(move |mutation| mutation.mutation == kind && !mutation.result.is_null())
    };
    for kind in ["ticketUpdate", "ticketCreate"] {
        let names: BTreeSet<String> =
            of(kind).map(|mutation| mutation.variables["name"].to_string()).collect();
        assert_eq!((of(kind).count(), names.len()), (TICKETS, TICKETS), "{kind} of each ticket once");
    }
    Ok(())
}

/// Backfills twice: the second time changes nothing.
async fn backfill(stack: &Stack, tickets: &[String]) -> Result<()> {
    let organisations = crate::organisations::organisations(stack)?;
    let name = OrganisationId::parse("in-flight")?;
    let ids = tickets.iter().map(|ticket| Ok(TicketId::parse(ticket)?)).collect::<Result<Vec<_>>>()?;
    let mut reported = Vec::new();
    let report = |progress: Progress| {
        reported.push(progress.stored);
        Ok(())
    };
    // As after a crash: an earlier run stored the first part.
    organisations.backfill(&name, &ids[..100], Limits::default(), |_| Ok(())).await?;
    let progress = organisations.backfill(&name, &ids, Limits::default(), report).await?;
    let expected = Progress { tickets: TICKETS, stored: TICKETS - 100, known: 100, ..Progress::default() };
    assert_eq!(
        (progress, reported),
        (expected, vec![0, 100, 150]),
        "it continues after the tickets that are stored"
    );
    let again = organisations.backfill(&name, &ids, Limits::default(), |_| Ok(())).await?;
    assert_eq!((again.stored, again.known), (0, TICKETS));
    Ok(())
}
