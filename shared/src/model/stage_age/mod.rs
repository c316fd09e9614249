//! How long a ticket has been in its stage, and which thresholds of days it passed there: pure, the time is an argument.

mod rules;

pub use rules::{InvalidRules, InvalidThreshold, StageAgeRules};

use crate::clock::Timestamp;
use crate::model::diff::{Change, is_same_stage};
use crate::model::event::EventKind;
use crate::model::snapshot::Snapshot;
use crate::model::speed::Speed;
use rules::{Rule, ThresholdDays};
use std::str::FromStr;

/// Thresholds in days, such as 3, 7 and 14: for each one, `ticket.stage_aged` is published once in a ticket's stay in a stage. Some
/// workflows and stages may have rules of their own. A ticket that is gone does not age, and one that is switched off only if
/// its rule says so.
///
/// ```
/// use automations::model::stage_age::StageAgeThresholds;
///
/// assert!("3, 7,14".parse::<StageAgeThresholds>().is_ok() && "".parse::<StageAgeThresholds>().is_ok());
/// assert!("3,0".parse::<StageAgeThresholds>().is_err() && "a week".parse::<StageAgeThresholds>().is_err());
///
/// let rules = r#"[{"stage": "Application", "business_days": [2], "zone": "Australia/Sydney", "region": "au-nsw"}]"#;
/// let refined = "3,7,14".parse::<StageAgeThresholds>()?.refined(rules.parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageAgeThresholds {
    rules: StageAgeRules,
    /// For a ticket that no rule fits.
    otherwise: Rule,
    speed: Speed,
}

impl FromStr for StageAgeThresholds {
    type Err = InvalidThreshold;

    /// Calendar days for all tickets.
    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let parts = text.split(',').map(str::trim).filter(|_| !text.trim().is_empty());
        let days = parts.map(|part| {
            part.parse::<u16>().map_err(|_not_a_number| InvalidThreshold).and_then(ThresholdDays::try_from)
        });
        let otherwise = Rule::of_all(days.collect::<Result<_, _>>()?);
        Ok(Self { otherwise, ..Self::default() })
    }
}

impl StageAgeThresholds {
    /// The same, with rules that come first.
    #[must_use]
    pub fn refined(self, rules: StageAgeRules) -> Self {
        Self { rules, ..self }
    }

    /// The same, for a stack on which waits pass at this speed.
    #[must_use]
    pub fn at_speed(self, speed: Speed) -> Self {
        Self { speed, ..self }
    }

    /// Adds to the change that a check found an event for each threshold that was passed since the last check, in the same
    /// version, and one for a ticket that leaves a stage in which it had passed one. If it is not known since when a ticket has been
    /// in its stage, its stay begins now.
    pub fn apply(&self, before: Option<&Snapshot>, found: Option<Change>, now: Timestamp) -> Option<Change> {
        let (mut snapshot, mut kind) = match (found, before) {
            (Some(change), _) => (change.snapshot, change.kind),
            (None, Some(before)) if self.has_change(before, now) => (before.next(), Vec::new()),
            _ => return None,
        };
        kind.extend(before.and_then(|before| self.resumed(before, &snapshot)));
        snapshot.stage_since.get_or_insert(now);
        let unit = self.rule(&snapshot).thresholds.unit();
        for days in self.passed(&snapshot, now) {
            snapshot.aged = days;
            let (ticket, stage) = (snapshot.ticket.clone(), snapshot.ticket.stage.clone());
            kind.push(EventKind::StageAged { ticket, stage, days, unit });
        }
        Some(Change { snapshot, kind })
    }

    /// When the next threshold is passed; none for a ticket that does not age.
    pub fn next(&self, snapshot: &Snapshot) -> Option<Timestamp> {
        self.to_come(snapshot).next().map(|(_, at)| at)
    }

    /// Whether there is something to store although the ticket did not change.
    fn has_change(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        let rule = self.rule(snapshot);
        let begins = snapshot.stage_since.is_none() && rule.ages(snapshot) && !rule.thresholds.is_empty();
        begins || !self.passed(snapshot, now).is_empty()
    }

    fn passed(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<u16> {
        self.to_come(snapshot).take_while(|(_, at)| *at <= now).map(|(days, _)| days).collect()
    }

    /// The thresholds above the last one for which there was an event, and when each is passed; none for a ticket that does not age.
    fn to_come(&self, snapshot: &Snapshot) -> impl Iterator<Item = (u16, Timestamp)> {
        let rule = self.rule(snapshot);
        let since = snapshot.stage_since.filter(|_| rule.ages(snapshot));
        since.into_iter().flat_map(move |since| {
            let after = rule.thresholds.after(snapshot.aged, since);
            after.map(move |(days, at)| (days, self.speed.end(since, at)))
        })
    }

    fn rule(&self, snapshot: &Snapshot) -> &Rule {
        self.rules.first_that_fits(&snapshot.ticket).unwrap_or(&self.otherwise)
    }

    /// The event of a ticket that is now in another stage, if it had passed a threshold in the one before.
    fn resumed(&self, before: &Snapshot, after: &Snapshot) -> Option<EventKind> {
        let is_known = !before.gone && !after.gone;
        if !is_known || before.aged == 0 || is_same_stage(&before.ticket, &after.ticket) {
            return None;
        }
        let (ticket, stage) = (after.ticket.clone(), before.ticket.stage.clone());
        let unit = self.rule(before).thresholds.unit();
        Some(EventKind::StageResumed { ticket, stage, days: before.aged, unit })
    }
}

#[cfg(test)]
mod tests;
