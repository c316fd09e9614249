//! The functions that read what happened before, from the journal and from the records of actions: they wait until they can.

use super::case::Case;
use super::flows::{fails, hint};
use crate::superseded::{done, last, moves, planned, send};
use crate::support::{events, known_ticket, rest};
use crate::unreadable::{break_snapshot, healed};
use anyhow::{Context as _, Result, ensure};
use automations::model::action::PlannedAction;
use automations::model::resent::Resent;
use automations::store::Outcome;
use automations::{Action, clock};
use serde_json::json;

const REASON: &str = "table_rejected";

/// The enricher reads the last version from the journal, as it reads neither it nor the ticket from the snapshot.
pub(super) async fn rebuild(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    case.take_away(None).await?;
    for attribute in ["snapshot", "version"] {
        break_snapshot(&organisation, &ticket, attribute).await?;
    }
    let subject = hint(&organisation.webhook("ticket-updated", &ticket).await?)?;
    fails(case, "event-enricher", &subject, REASON, false).await?;
    ensure!(organisation.known(&ticket).await.is_err(), "the snapshot was rebuilt without the journal");
    case.give_back().await?;
    let version = healed(&organisation, &ticket).await?;
    ensure!(version == 2, "the version is {version}; the journal's last one was 1");
    rest(case.stack).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let version = events(&organisation, &ticket, 2).await?.remove(1).ticket().context("no ticket")?.version;
    ensure!(version == 3, "the next event has the version {version}");
    case.has_no_dead_letter(&subject).await?;
    Ok(format!("retried, {REASON}"))
}

/// The worker looks for newer actions before it performs one that was sent again. Before it refuses one whose ticket was changed
/// since its decision, it looks for an earlier action that made the change.
pub(super) async fn order(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let id = known_ticket(&organisation, "New lead").await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let adds = planned(&event, [Action::add_label(&ticket, "Client")])?;
    let adds =
        adds.into_iter().map(|action| PlannedAction { resent: Some(Resent::at(clock::now())), ..action });
    // It is decided before the label is added.
    let (event, ticket) = moves(&organisation, &id, "Application", 2).await?;
    let removes = planned(&event, [Action::remove_label(&ticket, "Client")])?;
    for action in adds.chain(removes) {
        case.take_away(None).await?;
        send(case.stack, std::slice::from_ref(&action)).await?;
        fails(case, "action-worker", action.id.as_str(), REASON, false).await?;
        let early = case.stack.store().done(&action.organisation, &action.id).await?;
        ensure!(early.is_none(), "without the permission: {early:?}");
        case.give_back().await?;
        let outcome = done(case.stack, &action).await?.outcome;
        ensure!(outcome == Outcome::Changed, "{outcome:?}");
        case.has_no_dead_letter(action.id.as_str()).await?;
    }
    rest(case.stack).await?;
    let all = organisation.mutations().await?;
    let all: Vec<_> = all.iter().map(|mutation| mutation.mutation.as_str()).collect();
    ensure!(all == ["ticketUpdate", "ticketUpdate"], "{all:?}");
    let labels = &organisation.ticket(&id).await?["idLabels"];
    ensure!(*labels == json!([]), "the second action left {labels}");
    Ok(format!("retried twice, {REASON}"))
}
