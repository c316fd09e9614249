//! The same code in two entries of the table of handlers: each has settings of its own, and its name is part of its actions' ids.

use crate::support::{among_others, events, known_ticket, mutations, rest};
use anyhow::{Context as _, Result, ensure};
use automations::store::Outcome;
use end_to_end::stack::Stack;
use serde_json::json;

#[tokio::test]
async fn two_entries_with_the_same_code_both_act_on_one_event() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    // The second entry's filter in tests/handlers.yaml is on such names.
    let organisation = stack.organisation("twice-same-code").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 2).await?;
    rest(&stack).await?;
    let event = events(&organisation, &ticket, 2).await?.remove(1);
    for handler in ["follow-up-on-settlement", "follow-up-in-other-words"] {
        let label =
            organisation.done(&event, handler, 0).await?.with_context(|| format!("{handler}: no label"))?;
        ensure!(label.outcome == Outcome::Changed, "{handler}: {label:?}");
        let review =
            organisation.done(&event, handler, 1).await?.with_context(|| format!("{handler}: no ticket"))?;
        ensure!(matches!(review.outcome, Outcome::Created { .. }), "{handler}: {review:?}");
    }
    Ok(())
}
