//! Thresholds of some workflows and stages, as text and as types.

use crate::clock::Timestamp;
use crate::json::{DecodeError, from_json};
use crate::model::event::AgeUnit;
use crate::model::reminder::{Region, Zone, business_days_after};
use crate::model::snapshot::Snapshot;
use crate::model::ticket::Ticket;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

/// More are not accepted: the parameter `StageAgeDays` has room for four digits.
const MAX_DAYS: u16 = 9_999;

/// Rules for some workflows and stages, of which the first that fits a ticket applies. As text they are a JSON list; empty for none.
///
/// ```
/// use automations::model::stage_age::StageAgeRules;
///
/// let rules = r#"[
///     {"workflow": "Home loans", "stage": "Application", "days": [2, 5]},
///     {"stage": "Pre-approval", "business_days": [3], "zone": "Australia/Brisbane", "region": "au-qld"},
///     {"workflow": "Archive", "days": []},
///     {"days": [30], "even_if_switched_off": true}
/// ]"#;
/// assert!(rules.parse::<StageAgeRules>().is_ok());
/// assert!(r#"[{"stage": "Application"}]"#.parse::<StageAgeRules>().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageAgeRules(Vec<Rule>);

/// A text is not a list of thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a threshold is a number of days from 1 to {MAX_DAYS}; thresholds are separated by commas")]
pub struct InvalidThreshold;

/// A text is not a list of rules.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}; expected a list of rules, each with days, or with business_days, zone and region, and perhaps workflow, stage and even_if_switched_off"
)]
pub struct InvalidRules(DecodeError);

/// The thresholds of the tickets in a workflow and a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Stored")]
pub(super) struct Rule {
    workflow: Option<String>,
    stage: Option<String>,
    pub(super) thresholds: Thresholds,
    even_if_switched_off: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thresholds {
    /// In times of 24 hours.
    Calendar(BTreeSet<ThresholdDays>),
    /// In days that are neither of a weekend nor public holidays, at the time of day at which the stay began.
    Business { days: BTreeSet<ThresholdDays>, zone: Zone, region: Region },
}

/// A number of days from 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct ThresholdDays(u16);

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    workflow: Option<String>,
    stage: Option<String>,
    days: Option<BTreeSet<ThresholdDays>>,
    business_days: Option<BTreeSet<ThresholdDays>>,
    zone: Option<Zone>,
    region: Option<Region>,
    #[serde(default)]
    even_if_switched_off: bool,
}

impl FromStr for StageAgeRules {
    type Err = InvalidRules;

    fn from_str(text: &str) -> Result<Self, InvalidRules> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        from_json(text.as_bytes()).map(Self).map_err(InvalidRules)
    }
}

impl StageAgeRules {
    /// The rule of this ticket.
    pub(super) fn first_that_fits(&self, ticket: &Ticket) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.fits(ticket))
    }
}

impl Rule {
    /// The rule of every ticket.
    pub(super) fn of_all(days: BTreeSet<ThresholdDays>) -> Self {
        Self { thresholds: Thresholds::Calendar(days), ..Self::default() }
    }

    /// Whether a ticket of this rule grows older now.
    pub(super) fn ages(&self, snapshot: &Snapshot) -> bool {
        let is_switched_off = snapshot.ticket.active == Some(false);
        !snapshot.gone && (self.even_if_switched_off || !is_switched_off)
    }

    fn fits(&self, ticket: &Ticket) -> bool {
        let workflow = self.workflow.as_deref().is_none_or(|name| ticket.workflow.is_named(name));
        workflow && self.stage.as_deref().is_none_or(|name| ticket.stage.is_named(name))
    }
}

impl Thresholds {
    pub(super) fn is_empty(&self) -> bool {
        self.days().is_empty()
    }

    /// What its days are.
    pub(super) fn unit(&self) -> AgeUnit {
        match self {
            Self::Calendar(_) => AgeUnit::Days,
            Self::Business { .. } => AgeUnit::BusinessDays,
        }
    }

    /// The thresholds above this one, and when a stay that began at `since` passes each.
    pub(super) fn after(&self, above: u16, since: Timestamp) -> impl Iterator<Item = (u16, Timestamp)> {
        let days = self.days().iter().filter(move |days| days.0 > above);
        days.filter_map(move |days| Some((days.0, self.at(since, *days)?)))
    }

    fn days(&self) -> &BTreeSet<ThresholdDays> {
        match self {
            Self::Calendar(days) | Self::Business { days, .. } => days,
        }
    }

    /// None after the year 9999.
    fn at(&self, since: Timestamp, days: ThresholdDays) -> Option<Timestamp> {
        match self {
            Self::Calendar(_) => Some(since.later(Duration::from_hours(24).saturating_mul(days.0.into()))),
            Self::Business { zone, region, .. } => business_days_after(since, days.0, *zone, *region),
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self::Calendar(BTreeSet::new())
    }
}

impl TryFrom<u16> for ThresholdDays {
    type Error = InvalidThreshold;

    fn try_from(days: u16) -> Result<Self, InvalidThreshold> {
        (1..=MAX_DAYS).contains(&days).then_some(Self(days)).ok_or(InvalidThreshold)
    }
}

impl TryFrom<Stored> for Rule {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let thresholds = match (stored.days, stored.business_days, stored.zone, stored.region) {
            (Some(days), None, None, None) => Thresholds::Calendar(days),
            (None, Some(days), Some(zone), Some(region)) => Thresholds::Business { days, zone, region },
            (Some(_) | None, _, _, _) => return Err("expected days, or business_days with zone and region"),
        };
        let Stored { workflow, stage, even_if_switched_off, .. } = stored;
        Ok(Self { workflow, stage, thresholds, even_if_switched_off })
    }
}
