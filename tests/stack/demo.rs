//! Sends one webhook through a stack and prints the time of each step.

use anyhow::{Result, ensure};
use automations::Event;
use automations::clock::{self, Timestamp};
use automations::model::event::Cause;
use automations::store::{Done, Outcome};
use clap::Parser;
use end_to_end::stack::{Mutation, Organisation, Stack, eventually};
use serde::Serialize;
use serde_json::json;
use std::io::Write as _;

const HANDLER: &str = "follow-up-on-settlement";

/// Change a ticket in the stand-in, send the webhook, and print how it becomes an action
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object instead of the timeline
    #[arg(long)]
    json: bool,
}

/// One line of the timeline.
#[derive(Debug, Serialize)]
struct TimelineLine {
    /// Milliseconds after the webhook was sent.
    elapsed_ms: u64,
    step: &'static str,
    text: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { json } = Arguments::parse();
    let stack = Stack::found().await?;
    let organisation = stack.seeded_organisation();
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    eventually("the first event of the ticket", 60, async || {
        ensure!(!organisation.journal(&ticket).await?.is_empty(), "no journal entry yet");
        Ok(())
    })
    .await?;
    let timeline = follow(&organisation, &ticket).await?;
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", json!({ "arrived": true, "ticket": ticket, "timeline": timeline }))?;
    } else {
        writeln!(
            out,
            "\n  a ticket moves from Approved to Settled in Salestrekker, which sends a webhook:\n"
        )?;
        for TimelineLine { elapsed_ms, step, text } in timeline {
            writeln!(out, "  {elapsed_ms:>6} ms  {step:<9} {text}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Settles the ticket, sends the webhook, and waits until both actions are done.
async fn follow(organisation: &Organisation<'_>, ticket: &str) -> Result<Vec<TimelineLine>> {
    organisation.change(ticket, json!({ "stage": "Settled" })).await?;
    let sent = clock::now();
    let accepted = organisation.webhook("ticket-updated", ticket).await?;
    let responded = clock::now();
    let (event, actions) = eventually("the actions on the ticket", 60, async || {
        let journal = organisation.journal(ticket).await?;
        let event = journal.into_iter().find(|event| event.entered_stage("Settled").is_some());
        let event = event.ok_or_else(|| anyhow::anyhow!("the change of stage is not in the journal yet"))?;
        let mut actions = Vec::new();
        for position in 0..2 {
            let done = organisation.done(&event, HANDLER, position).await?;
            actions.push(done.ok_or_else(|| anyhow::anyhow!("action {position} is not done yet"))?);
        }
        Ok((event, actions))
    })
    .await?;
    let mutations = organisation.mutations().await?;
    let received = |name: &str| mutations.iter().find(|mutation| mutation.mutation == name);
    let both = [received("ticketUpdate"), received("ticketCreate")].into_iter().flatten().collect::<Vec<_>>();
    ensure!(both.len() == 2, "the stand-in did not receive both mutations: {mutations:?}");
    let mut timeline = lines(
        sent,
        responded,
        accepted.get("hint").and_then(|hint| hint.as_str()).unwrap_or_default(),
        &event,
        &actions,
        &both,
    );
    timeline.sort_by_key(|line| line.elapsed_ms);
    Ok(timeline)
}

fn lines(
    sent: Timestamp,
    responded: Timestamp,
    hint: &str,
    event: &Event,
    actions: &[Done],
    mutations: &[&Mutation],
) -> Vec<TimelineLine> {
    let line = |at: Timestamp, step, text: String| TimelineLine {
        elapsed_ms: at.as_millis().saturating_sub(sent.as_millis()),
        step,
        text,
    };
    let mut lines = vec![
        line(sent, "webhook", "sent: POST /hooks/demo/ticket-updated/…".to_owned()),
        line(responded, "webhook", "accepted: 202".to_owned()),
        line(event.observed_at, "event", format!("{} Approved → Settled, {}", event.kind.name(), event.id)),
    ];
    if let Cause::Webhook { received_at, .. } = &event.cause {
        lines.push(line(*received_at, "hint", format!("{hint} is on the queue")));
    }
    if let Some(first) = actions.first() {
        let planned = &first.planned;
        lines.push(line(
            planned.decided_at,
            "handler",
            format!("{} decides {} actions", planned.handler, actions.len()),
        ));
    }
    for done in actions {
        let outcome = match &done.outcome {
            Outcome::Changed | Outcome::Sent => "done",
            Outcome::NoOp => "no change needed",
            Outcome::Superseded { .. } => "not performed: the ticket was changed since",
            Outcome::DryRun => "dry run: the organisation is read-only",
            Outcome::Unrehearsed => "not performed: no rehearsal of the organisation has passed",
            Outcome::Created { .. } => "done: created a ticket",
            Outcome::ReminderSet { .. } => "done: set a reminder",
            Outcome::Deferred { .. } => "done: waits until the ticket was left alone",
            Outcome::ReminderCancelled => "done: cancelled a reminder",
            Outcome::LeadCreated { .. } => "done: created a contact and a ticket",
        };
        lines.push(line(done.done_at, "action", format!("{} {outcome}", done.planned.action.kind())));
    }
    for mutation in mutations {
        let at = Timestamp::from_millis(mutation.received_at);
        lines.push(line(
            at,
            "mutation",
            format!("{} arrives at the Salestrekker stand-in", mutation.mutation),
        ));
    }
    lines
}
