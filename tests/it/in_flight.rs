//! Going live on an old pipeline, and a token that is replaced while hundreds of actions are on their way.

use crate::rotation::{STEPS, staged, step_of};
use crate::support::{alone, mutations, rest};
use anyhow::{Result, ensure};
use automations::id::{OrganisationId, TicketId};
use automations::salestrekker::Limits;
use end_to_end::stack::{Stack, eventually};
use operate::organisation::Progress;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

/// Each is settled, which is answered by two actions.
const TICKETS: usize = 250;
/// Seconds for all of them.
const LONG: u64 = 400;

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
    prime(&stack, &tickets).await?;
    for ticket in &tickets {
        assert!(organisation.journal(ticket).await?.is_empty(), "a primed ticket has no events");
    }

    for ticket in &tickets {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await?;
    }
    // The first rotation: the old token goes on working. The second: every older token is refused, amid the work.
    for (created, expires) in [(TICKETS / 5, false), (TICKETS / 2, true)] {
        mutations(&organisation, "ticketCreate", created).await?;
        if expires {
            let whose = json!({ "organisation": "in-flight" });
            stack.control(Method::POST, "expire-tokens", &whose).await?;
        }
        let version = staged(&organisation).await?;
        for step in STEPS {
            step_of(&organisation, step, &version).await?;
        }
        let so_far = organisation.mutations().await?.len();
        assert!(so_far < 2 * TICKETS, "the rotation came amid the work");
    }
    let all = eventually("every action", LONG, async || {
        let all = organisation.mutations().await?;
        let done = all.iter().filter(|mutation| !mutation.result.is_null()).count();
        ensure!(done >= 2 * TICKETS, "{done} are done");
        Ok(all)
    })
    .await?;
    rest(&stack).await?;
    assert_eq!(organisation.mutations().await?.len(), all.len(), "nothing more came");
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

/// Twice: the second time changes nothing.
async fn prime(stack: &Stack, tickets: &[String]) -> Result<()> {
    let organisations = crate::organisations::organisations(stack)?;
    let name = OrganisationId::parse("in-flight")?;
    let ids = tickets.iter().map(|ticket| Ok(TicketId::parse(ticket)?)).collect::<Result<Vec<_>>>()?;
    let mut told = Vec::new();
    let tell = |progress: Progress| {
        told.push(progress.stored);
        Ok(())
    };
    // As after a loss: the first part was stored by an earlier run.
    organisations.prime(&name, &ids[..100], Limits::default(), |_| Ok(())).await?;
    let progress = organisations.prime(&name, &ids, Limits::default(), tell).await?;
    let expected = Progress { tickets: TICKETS, stored: TICKETS - 100, known: 100, ..Progress::default() };
    assert_eq!((progress, told), (expected, vec![0, 100, 150]), "it goes on behind what is there");
    let again = organisations.prime(&name, &ids, Limits::default(), |_| Ok(())).await?;
    assert_eq!((again.stored, again.known), (0, TICKETS));
    Ok(())
}
