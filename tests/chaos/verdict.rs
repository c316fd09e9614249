//! Compares what happened with what should have happened.
//!
//! The journal has the changes that the system saw, and the ticket in the stand-in shows whether it saw the last one. Each
//! entry into a handler's stage must have caused all of the handler's actions, once each, in the order of the ticket's
//! versions, or a dead letter that was tried.

use crate::dead_letters::DeadLetters;
use crate::disruption::Disruption;
use crate::effects::Effects;
use crate::expected::{Handler, handlers};
use crate::order::{Performed, across_events, within_events};
use crate::queues::Queues;
use crate::records::{Record, record, was_retried};
use crate::reminders::{self, key};
use anyhow::{Context as _, Result};
use automations::{Event, EventKind};
use end_to_end::stack::{Organisation, Stack};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The result of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// Webhooks that were due, and how many of them the stand-in did not send.
    pub(crate) webhooks: usize,
    pub(crate) webhooks_lost: usize,
    /// By function.
    pub(crate) killed: BTreeMap<String, usize>,
    pub(crate) faults: usize,
    pub(crate) rotations: usize,
    /// Calls of AWS that the functions made, and the faults among them by kind.
    pub(crate) aws_calls: u64,
    pub(crate) aws_faults: BTreeMap<String, u64>,
    /// Events in the journal.
    pub(crate) events: usize,
    /// Actions that the events should have caused.
    pub(crate) expected: usize,
    pub(crate) performed: usize,
    /// Performed actions, by outcome.
    pub(crate) outcomes: BTreeMap<String, usize>,
    /// Reminders that were set, and events of reminders.
    pub(crate) reminders_set: usize,
    pub(crate) reminders_due: usize,
    /// Dead letters, by queue and reason.
    pub(crate) dead_letters: BTreeMap<String, usize>,
    /// Actions without a record and a dead letter; reminders that never came; tickets whose last state was not seen; missing versions.
    pub(crate) lost: Vec<String>,
    /// Tickets that were created without a record, and that no dead letter explains; reminders that came several times.
    pub(crate) doubled: Vec<String>,
    /// Actions that were performed after one of a later version, by the records.
    pub(crate) misordered_across_events: Vec<String>,
    /// Actions that were performed after a later one of the same event, by the records.
    pub(crate) misordered_within_events: Vec<String>,
    /// Tickets that were created after one of a later version, by the mutations that the stand-in received.
    pub(crate) misordered_at_salestrekker: Vec<String>,
    /// Dead letters that no function tried to process.
    pub(crate) dead_lettered_untried: Vec<String>,
}

impl Verdict {
    pub(crate) async fn of(
        stack: &Stack,
        organisations: &[Organisation<'_>],
        tickets: &[(usize, String)],
        disruption: &Disruption<'_>,
    ) -> Result<Self> {
        let dead_letters = DeadLetters::of(&Queues::of(stack).await?.take_dead_letters(stack).await?);
        let due = stack.control(reqwest::Method::GET, "webhooks", &Value::Null).await?;
        let due = due.as_array().cloned().unwrap_or_default();
        let aws = disruption.aws_faults.counts().await?;
        let mut verdict = Self {
            webhooks: due.len(),
            webhooks_lost: due.iter().filter(|due| due["lost"] == true).count(),
            killed: disruption.killed.clone(),
            faults: disruption.faults,
            rotations: disruption.rotations,
            aws_calls: aws.calls,
            aws_faults: aws.injected,
            dead_letters: dead_letters.by_reason.clone(),
            dead_lettered_untried: dead_letters.untried.clone(),
            ..Self::default()
        };
        for (organisation, action) in &dead_letters.moved_actions {
            // An invocation claims an action before it tries it; an edit, which it does not claim, is logged when it fails.
            if record(stack, organisation, action).await?.is_none() && !was_retried(stack, action).await? {
                verdict
                    .dead_lettered_untried
                    .push(format!("action {action} was never claimed, and failed nowhere"));
            }
        }
        let handlers = handlers()?;
        let effects = Effects::of(organisations).await?;
        for (number, (index, ticket)) in tickets.iter().enumerate() {
            let organisation = &organisations[*index];
            let journal = organisation.journal(ticket).await?;
            verdict.events += journal.len();
            verdict.judge_journal(organisation, ticket, &journal).await?;
            let mut reminders = Vec::new();
            for handler in &handlers {
                let seen = Seen { organisation, ticket, number, journal: &journal, handler };
                reminders.extend(verdict.judge(&seen, &effects, &dead_letters).await?);
            }
            verdict.judge_reminders(number, &reminders, &journal);
        }
        Ok(verdict)
    }

    /// What the run must not have found, by kind.
    pub(crate) fn findings(&self) -> [(&'static str, &[String]); 6] {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("misordered across events", &self.misordered_across_events),
            ("misordered within an event", &self.misordered_within_events),
            ("misordered at Salestrekker", &self.misordered_at_salestrekker),
            ("dead-lettered without a try", &self.dead_lettered_untried),
        ]
    }

    /// Whether nothing was found.
    pub(crate) fn is_good(&self) -> bool {
        self.findings().iter().all(|(_, found)| found.is_empty())
    }

    /// Returns the reminders that the handler's actions set.
    async fn judge(
        &mut self,
        seen: &Seen<'_>,
        effects: &Effects,
        dead_letters: &DeadLetters,
    ) -> Result<Vec<String>> {
        let Seen { organisation, ticket, number, journal, handler } = *seen;
        let mut reminders = Vec::new();
        let mut performed = Vec::new();
        let mut created = BTreeMap::new();
        for event in journal.iter().filter(|event| event.entered_stage(&handler.stage).is_some()) {
            let version = event.ticket().map_or(0, |ticket| ticket.version);
            for position in 0..handler.actions {
                self.expected += 1;
                let id = event.action_id(&handler.name, position)?;
                match record(organisation.stack, &organisation.name, id.as_str()).await? {
                    Some(Record::Done { at, outcome, ticket }) => {
                        self.performed += 1;
                        let name = handler.reminders.get(&position).filter(|_| outcome == "reminder_set");
                        reminders.extend(name.map(|name| key(name, version)));
                        *self.outcomes.entry(outcome).or_default() += 1;
                        created.extend(ticket.map(|ticket| (ticket, version)));
                        performed.push(Performed { version, position, at });
                    }
                    record => {
                        if !dead_letters.explain(&handler.name, event.id.as_str(), id.as_str()) {
                            let was = record.map_or("never claimed", |_| "claimed, and has no record");
                            self.lost.push(format!("action {id} was {was}"));
                        }
                    }
                }
            }
        }
        let about = |text: String| format!("{} on ticket {number}: {text}", handler.name);
        self.misordered_across_events.extend(across_events(&performed).into_iter().map(about));
        self.misordered_within_events.extend(within_events(&performed).into_iter().map(about));
        let effects = effects.of_ticket(&handler.name, number);
        let versions: BTreeSet<u64> = created.values().copied().collect();
        let order: Vec<Performed> = effects.iter().filter_map(|effect| effect.performed(&created)).collect();
        self.misordered_at_salestrekker.extend(across_events(&order).into_iter().map(about));
        // Each record is of another ticket. Only unknown outcomes explain tickets without a record.
        let explained = dead_letters.unknown_outcomes(&handler.name, ticket);
        let unrecorded = effects.iter().filter(|effect| !created.contains_key(&effect.id)).count();
        if unrecorded > explained {
            let count = unrecorded - explained;
            self.doubled
                .push(about(format!("{count} unexplained tickets beside those of versions {versions:?}")));
        }
        Ok(reminders)
    }

    fn judge_reminders(&mut self, number: usize, set: &[String], journal: &[Event]) {
        let about = |text: String| format!("ticket {number}: {text}");
        let judged = reminders::judge(set, journal);
        self.reminders_set += set.len();
        self.reminders_due += judged.due;
        self.lost.extend(judged.lost.into_iter().map(about));
        self.doubled.extend(judged.doubled.into_iter().map(about));
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

/// One handler, one ticket, and what the system saw of it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    organisation: &'a Organisation<'a>,
    ticket: &'a str,
    /// The number in the ticket's name.
    number: usize,
    journal: &'a [Event],
    handler: &'a Handler,
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::a_ticket;

    #[test]
    fn a_lost_reminder_and_a_doubled_one_make_a_verdict_bad() {
        let set = [key("soon", 2)];
        let due = || a_ticket().has_reminder_due("soon-2");
        let verdict = |journal: &[Event]| {
            let mut verdict = Verdict::default();
            verdict.judge_reminders(3, &set, journal);
            verdict
        };
        let good = verdict(&[due()]);
        assert!(good.is_good() && (good.reminders_set, good.reminders_due) == (1, 1));
        assert_eq!(verdict(&[]).lost, ["ticket 3: reminder soon-2 was set and never due"]);
        assert_eq!(verdict(&[due(), due()]).doubled, ["ticket 3: reminder soon-2 was due 2 times"]);
        assert!(!verdict(&[]).is_good() && !verdict(&[due(), due()]).is_good());
    }
}
