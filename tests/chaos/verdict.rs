//! Compares what happened with what should have happened.
//!
//! The journal has the changes that the system saw, and the ticket in the stand-in shows whether it saw the last one. Each
//! entry into the stage must have caused both of the handler's actions, once each, or a dead letter with the reason.

use crate::disruption::Disruption;
use anyhow::{Context as _, Result};
use automations::json::from_json;
use automations::store::Outcome;
use automations::{Event, EventKind};
use end_to_end::stack::{Organisation, Stack};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const HANDLER: &str = "follow-up-on-settlement";

/// The result of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// Webhooks that were due, and how many of them the stand-in did not send.
    webhooks: usize,
    webhooks_lost: usize,
    /// By function.
    killed: BTreeMap<String, usize>,
    faults: usize,
    rotations: usize,
    /// Events in the journal.
    events: usize,
    /// Entries into the stage, each of which causes two actions.
    settlements: usize,
    done: usize,
    /// Dead letters, by queue and reason.
    dead_letters: BTreeMap<String, usize>,
    /// Actions without a record and a dead letter; tickets whose last state was not seen; missing versions.
    lost: Vec<String>,
    /// Additional follow-up tickets of a settlement that no dead letter explains.
    duplicated: Vec<String>,
    /// Events whose second action was done before the first.
    reordered: Vec<String>,
}

#[derive(Default)]
struct DeadLetterCounts {
    /// Ids of dead-lettered actions and events.
    ids: BTreeSet<String>,
    /// By ticket: actions with an unknown outcome.
    unknown_outcomes: BTreeMap<String, usize>,
    by_reason: BTreeMap<String, usize>,
}

impl Verdict {
    pub(crate) async fn of(
        stack: &Stack,
        organisations: &[Organisation<'_>],
        tickets: &[(usize, String)],
        disruption: &Disruption<'_>,
    ) -> Result<Self> {
        let dead_letters = DeadLetterCounts::of(stack).await?;
        let due = stack.control(reqwest::Method::GET, "webhooks", &Value::Null).await?;
        let due = due.as_array().cloned().unwrap_or_default();
        let mut verdict = Self {
            webhooks: due.len(),
            webhooks_lost: due.iter().filter(|due| due["lost"] == true).count(),
            killed: disruption.killed.clone(),
            faults: disruption.faults,
            rotations: disruption.rotations,
            dead_letters: dead_letters.by_reason.clone(),
            ..Self::default()
        };
        let mut created = BTreeMap::new();
        for organisation in organisations {
            for mutation in organisation.mutations().await? {
                if let (Some(id), Some(name)) =
                    (mutation.result.as_str(), mutation.variables["name"].as_str())
                    && mutation.mutation == "ticketCreate"
                {
                    created.entry(name.to_owned()).or_insert_with(Vec::new).push(id.to_owned());
                }
            }
        }
        for (number, (index, ticket)) in tickets.iter().enumerate() {
            let follow_ups = created.remove(&format!("Follow-up: Ticket {number}")).unwrap_or_default();
            verdict.judge(&organisations[*index], ticket, &follow_ups, &dead_letters).await?;
        }
        Ok(verdict)
    }

    /// Whether nothing was lost, duplicated or reordered.
    pub(crate) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.reordered.is_empty()
    }

    async fn judge(
        &mut self,
        organisation: &Organisation<'_>,
        ticket: &str,
        follow_ups: &[String],
        dead_letters: &DeadLetterCounts,
    ) -> Result<()> {
        let journal = organisation.journal(ticket).await?;
        self.events += journal.len();
        self.judge_journal(organisation, ticket, &journal).await?;
        let mut recorded = BTreeSet::new();
        for event in journal.iter().filter(|event| event.entered_stage("Settled").is_some()) {
            self.settlements += 1;
            let mut times = Vec::new();
            for position in 0..2 {
                let id = format!("{}.{HANDLER}.{position}", event.id);
                match organisation.done(event, HANDLER, position).await? {
                    Some(done) => {
                        self.done += 1;
                        times.push(done.done_at);
                        if let Outcome::Created { ticket } = done.outcome {
                            recorded.insert(ticket.to_string());
                        }
                    }
                    None if dead_letters.ids.contains(&id)
                        || dead_letters.ids.contains(event.id.as_str()) => {}
                    None => self.lost.push(format!("action {id}")),
                }
            }
            if times.len() == 2 && times.is_sorted_by(|first, second| first > second) {
                self.reordered.push(format!("event {}", event.id));
            }
        }
        // Each record is of another ticket. Only unknown outcomes explain follow-ups without a record.
        let explained = dead_letters.unknown_outcomes.get(ticket).copied().unwrap_or(0);
        let unrecorded = follow_ups.iter().filter(|id| !recorded.contains(*id)).count();
        if unrecorded > explained {
            self.duplicated
                .push(format!("{} unexplained follow-ups of ticket {ticket}", unrecorded - explained));
        }
        Ok(())
    }

    /// Checks that no version is missing, that each stage change starts in the previous stage, and that the last one is current.
    async fn judge_journal(
        &mut self,
        organisation: &Organisation<'_>,
        ticket: &str,
        journal: &[Event],
    ) -> Result<()> {
        let mut version = 0;
        let mut stage: Option<String> = None;
        for event in journal {
            let seen = event.ticket().context("a ticket event without a ticket")?;
            if seen.version != version && seen.version != version + 1 {
                self.lost.push(format!("a version of ticket {ticket} before {}", seen.version));
            }
            version = seen.version;
            if let EventKind::StageChanged { from, .. } = &event.kind
                && stage.as_deref().is_some_and(|stage| stage != from.stage.id.as_str())
            {
                self.lost.push(format!("a change of ticket {ticket} before version {version}"));
            }
            stage = Some(seen.stage.id.to_string());
        }
        let now = organisation.ticket(ticket).await?;
        if now["idStage"].as_str() != stage.as_deref() {
            self.lost.push(format!("the last change of ticket {ticket}"));
        }
        Ok(())
    }
}

impl DeadLetterCounts {
    /// Receives all dead letters.
    async fn of(stack: &Stack) -> Result<Self> {
        #[derive(Deserialize)]
        struct Action {
            id: String,
            action: Value,
        }
        let handler = format!("{}-{HANDLER}-dead-letters", stack.addresses.stack);
        let mut dead_letters = Self::default();
        for queue in
            [&stack.addresses.hints_dead_letters_queue, &handler, &stack.addresses.actions_dead_letters_queue]
        {
            for (body, reason) in stack.take_all(queue).await? {
                *dead_letters.by_reason.entry(format!("{queue}: {reason}")).or_default() += 1;
                if let Ok(action) = from_json::<Action>(body.as_bytes()) {
                    dead_letters.ids.insert(action.id);
                    let about = action.action.get("beside").or(action.action.get("ticket"));
                    if let (Some(ticket), "outcome_unknown") =
                        (about.and_then(Value::as_str), reason.as_str())
                    {
                        *dead_letters.unknown_outcomes.entry(ticket.to_owned()).or_default() += 1;
                    }
                } else if let Ok(event) = from_json::<Value>(body.as_bytes()) {
                    dead_letters
                        .ids
                        .extend(event.pointer("/detail/id").and_then(Value::as_str).map(str::to_owned));
                }
            }
        }
        Ok(dead_letters)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, kind: &str, number: &dyn fmt::Display| {
            writeln!(f, "  {kind:<46} {number:>8}")
        };
        writeln!(f)?;
        line(f, "webhooks due", &self.webhooks)?;
        line(f, "  of them lost", &self.webhooks_lost)?;
        for (function, count) in &self.killed {
            line(f, &format!("{function} killed"), count)?;
        }
        line(f, "faults of the API", &self.faults)?;
        line(f, "credentials replaced", &self.rotations)?;
        line(f, "events in the journal", &self.events)?;
        line(f, "settlements, two actions each", &self.settlements)?;
        line(f, "actions done", &self.done)?;
        for (reason, count) in &self.dead_letters {
            line(f, &format!("dead letters in {reason}"), count)?;
        }
        for (kind, found) in
            [("lost", &self.lost), ("duplicated", &self.duplicated), ("reordered", &self.reordered)]
        {
            line(f, kind, &found.len())?;
            for found in found.iter().take(5) {
                writeln!(f, "      {found}")?;
            }
        }
        Ok(())
    }
}
