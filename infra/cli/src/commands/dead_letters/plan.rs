//! What a redrive or a deletion would change, before it is run.

use super::{Consent, DeadLetter, DeadLetterQueues, MoreBehind, Selection};
use anyhow::Result;
use automations::reason::Reason;
use serde::Serialize;
use std::collections::BTreeMap;

/// What would be changed; nothing was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The number of messages that would be sent back or deleted.
    pub number: usize,
    /// The same by queue, handler and reason, the largest group first.
    pub groups: Vec<PlanGroup>,
    /// The number of messages that would stay, because their actions may have taken effect.
    pub outcome_unknown: usize,
    /// The number of actions that would stay, because a newer one of the same handler was performed.
    pub superseded: usize,
    /// Message groups in which more may be behind those that were read.
    pub more_behind: Vec<MoreBehind>,
}

/// Messages of one queue, handler and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanGroup {
    /// The dead-letter queue.
    pub queue: String,
    /// The handler; none for a hint.
    pub handler: Option<String>,
    /// The reason code.
    pub reason: String,
    /// How many.
    pub number: usize,
}

impl DeadLetterQueues {
    /// What a redrive with this consent would send back.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn redrive_plan(&self, selection: &Selection, consent: Consent) -> Result<Plan> {
        let taken = self.read(selection).await?;
        let mut dead_letters = taken.dead_letters;
        self.mark_side_by_side(&mut dead_letters).await?;
        let mut plan = Plan { more_behind: taken.more_behind, ..Plan::default() };
        dead_letters.retain(|dead_letter| {
            let is_unknown = dead_letter.reason == Reason::OutcomeUnknown.as_str() && !consent.retry_unknown;
            let is_superseded = dead_letter.superseded_by.is_some() && !consent.out_of_order;
            plan.outcome_unknown = plan.outcome_unknown.saturating_add(is_unknown.into());
            plan.superseded = plan.superseded.saturating_add((is_superseded && !is_unknown).into());
            !is_unknown && !is_superseded
        });
        Ok(plan.of(&dead_letters))
    }

    /// What a deletion would delete.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn drop_plan(&self, selection: &Selection) -> Result<Plan> {
        let taken = self.read(selection).await?;
        Ok(Plan { more_behind: taken.more_behind, ..Plan::default() }.of(&taken.dead_letters))
    }
}

impl Plan {
    fn of(self, dead_letters: &[DeadLetter]) -> Self {
        let mut numbers: BTreeMap<(&str, Option<&str>, &str), usize> = BTreeMap::new();
        for dead_letter in dead_letters {
            let key = (&*dead_letter.queue, dead_letter.content.handler.as_deref(), &*dead_letter.reason);
            let number = numbers.entry(key).or_default();
            *number = number.saturating_add(1);
        }
        let group = |((queue, handler, reason), number): ((&str, Option<&str>, &str), usize)| PlanGroup {
            queue: queue.to_owned(),
            handler: handler.map(str::to_owned),
            reason: reason.to_owned(),
            number,
        };
        let mut groups: Vec<PlanGroup> = numbers.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.number));
        Self { number: dead_letters.len(), groups, ..self }
    }
}
