//! What happened, held against what should have.
//!
//! The journal says what the system saw; the ticket at the stand-in, whether it saw everything in the end. Each entry into
//! the stage must have led to both of the handler's actions, once each, or to a dead letter that says why not.

use crate::harm::Harm;
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

/// The run in numbers.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// Webhooks that were due, and how many of them the stand-in did not send.
    webhooks: usize,
    webhooks_lost: usize,
    /// By function.
    killed: BTreeMap<String, usize>,
    faults: usize,
    rotations: usize,
    /// Changes as journalled.
    events: usize,
    /// Entries into the stage, each of which two actions answer.
    settlements: usize,
    done: usize,
    /// Dead letters, by reason.
    parked: BTreeMap<String, usize>,
    /// Actions that nobody did and no dead letter tells of; tickets whose last state was not seen; versions that are missing.
    lost: Vec<String>,
    /// Follow-up tickets beyond one for each settlement that no dead letter tells of.
    doubled: Vec<String>,
    /// Second actions done before their first.
    misordered: Vec<String>,
}

#[derive(Default)]
struct DeadLetterCounts {
    /// Ids of actions and events that were given up.
    ids: BTreeSet<String>,
    /// By ticket: actions that may or may not have taken effect.
    doubtful: BTreeMap<String, usize>,
    by_reason: BTreeMap<String, usize>,
}

impl Verdict {
    pub(crate) async fn of(
        stack: &Stack,
        offices: &[Organisation<'_>],
        tickets: &[(usize, String)],
        harm: &Harm<'_>,
    ) -> Result<Self> {
        let letters = DeadLetterCounts::of(stack).await?;
        let due = stack.control(reqwest::Method::GET, "webhooks", &Value::Null).await?;
        let due = due.as_array().cloned().unwrap_or_default();
        let mut verdict = Self {
            webhooks: due.len(),
            webhooks_lost: due.iter().filter(|due| due["lost"] == true).count(),
            killed: harm.killed.clone(),
            faults: harm.faults,
            rotations: harm.rotations,
            parked: letters.by_reason.clone(),
            ..Self::default()
        };
        let mut created = BTreeMap::new();
        for office in offices {
            for mutation in office.mutations().await? {
                if let (Some(id), Some(name)) =
                    (mutation.result.as_str(), mutation.variables["name"].as_str())
                    && mutation.mutation == "ticketCreate"
                {
                    created.entry(name.to_owned()).or_insert_with(Vec::new).push(id.to_owned());
                }
            }
        }
        for (number, (place, ticket)) in tickets.iter().enumerate() {
            let follow_ups = created.remove(&format!("Follow-up: Ticket {number}")).unwrap_or_default();
            verdict.judge(&offices[*place], ticket, &follow_ups, &letters).await?;
        }
        Ok(verdict)
    }

    /// Whether the promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.misordered.is_empty()
    }

    async fn judge(
        &mut self,
        office: &Organisation<'_>,
        ticket: &str,
        follow_ups: &[String],
        letters: &DeadLetterCounts,
    ) -> Result<()> {
        let journal = office.journal(ticket).await?;
        self.events += journal.len();
        self.judge_journal(office, ticket, &journal).await?;
        let mut recorded = BTreeSet::new();
        for event in journal.iter().filter(|event| event.entered_stage("Settled").is_some()) {
            self.settlements += 1;
            let mut times = Vec::new();
            for position in 0..2 {
                let id = format!("{}.{HANDLER}.{position}", event.id);
                match office.done(event, HANDLER, position).await? {
                    Some(done) => {
                        self.done += 1;
                        times.push(done.done_at);
                        if let Outcome::Created { ticket } = done.outcome {
                            recorded.insert(ticket.to_string());
                        }
                    }
                    None if letters.ids.contains(&id) || letters.ids.contains(event.id.as_str()) => {}
                    None => self.lost.push(format!("action {id}")),
                }
            }
            if times.len() == 2 && times.is_sorted_by(|first, second| first > second) {
                self.misordered.push(format!("event {}", event.id));
            }
        }
        // Each record is of a ticket of its own; what is beyond the records is excused by doubt alone.
        let excused = letters.doubtful.get(ticket).copied().unwrap_or(0);
        let beyond = follow_ups.iter().filter(|id| !recorded.contains(*id)).count();
        if beyond > excused {
            self.doubled.push(format!("{} follow-ups of ticket {ticket} too many", beyond - excused));
        }
        Ok(())
    }

    /// No version is missing, each change of stage begins where the last one ended, and the last one is how it is.
    async fn judge_journal(
        &mut self,
        office: &Organisation<'_>,
        ticket: &str,
        journal: &[Event],
    ) -> Result<()> {
        let mut version = 0;
        let mut stage: Option<String> = None;
        for event in journal {
            let seen = event.ticket().context("an event of a ticket without one")?;
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
        let now = office.ticket(ticket).await?;
        if now["idStage"].as_str() != stage.as_deref() {
            self.lost.push(format!("the last change of ticket {ticket}"));
        }
        Ok(())
    }
}

impl DeadLetterCounts {
    /// Everything that was given up.
    async fn of(stack: &Stack) -> Result<Self> {
        #[derive(Deserialize)]
        struct Action {
            id: String,
            action: Value,
        }
        let handler = format!("{}-{HANDLER}-dead-letters", stack.place.stack);
        let mut letters = Self::default();
        for queue in
            [&stack.place.hints_dead_letters_queue, &handler, &stack.place.actions_dead_letters_queue]
        {
            for (body, reason) in stack.take_all(queue).await? {
                *letters.by_reason.entry(format!("{queue}: {reason}")).or_default() += 1;
                if let Ok(action) = from_json::<Action>(body.as_bytes()) {
                    letters.ids.insert(action.id);
                    let about = action.action.get("beside").or(action.action.get("ticket"));
                    if let (Some(ticket), "outcome_unknown") =
                        (about.and_then(Value::as_str), reason.as_str())
                    {
                        *letters.doubtful.entry(ticket.to_owned()).or_default() += 1;
                    }
                } else if let Ok(event) = from_json::<Value>(body.as_bytes()) {
                    letters
                        .ids
                        .extend(event.pointer("/detail/id").and_then(Value::as_str).map(str::to_owned));
                }
            }
        }
        Ok(letters)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, kind: &str, number: &dyn fmt::Display| {
            writeln!(f, "  {kind:<46} {number:>8}")
        };
        writeln!(f)?;
        line(f, "webhooks that were due", &self.webhooks)?;
        line(f, "  of them never sent", &self.webhooks_lost)?;
        for (function, count) in &self.killed {
            line(f, &format!("{function} killed"), count)?;
        }
        line(f, "faults of the API", &self.faults)?;
        line(f, "credentials replaced", &self.rotations)?;
        line(f, "events journalled", &self.events)?;
        line(f, "settlements, two actions each", &self.settlements)?;
        line(f, "actions done", &self.done)?;
        for (reason, count) in &self.parked {
            line(f, &format!("dead letters in {reason}"), count)?;
        }
        for (kind, found) in
            [("lost", &self.lost), ("doubled", &self.doubled), ("misordered", &self.misordered)]
        {
            line(f, kind, &found.len())?;
            for found in found.iter().take(5) {
                writeln!(f, "      {found}")?;
            }
        }
        Ok(())
    }
}
