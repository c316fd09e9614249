//! Which of an organisation's stored tickets a handler asks for: pure.

use crate::clock::Timestamp;
use crate::id::OwnerId;
use crate::model::field_value::FieldValue;
use crate::model::snapshot::Snapshot;
use crate::model::ticket::Ticket;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// Conditions on a stored ticket, all of which must hold. Tickets that Salestrekker no longer returns are left out.
///
/// ```
/// use automations::model::snapshot_filter::SnapshotFilter;
///
/// let now = "2026-11-30T00:00:00Z".parse()?;
/// let stalled = SnapshotFilter::default().active().in_workflow("Home loans").at_least_days_in_stage(14, now);
/// # Ok::<(), automations::clock::InvalidTimestamp>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SnapshotFilter {
    workflow: Option<String>,
    stage: Option<String>,
    owner: Option<OwnerId>,
    label: Option<String>,
    fields: Vec<(String, FieldValue)>,
    in_stage_since: Option<Timestamp>,
    active: bool,
}

/// A ticket as it was last read: at its last change, or later.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTicket {
    /// The ticket.
    pub ticket: Ticket,
    /// When it was first seen in its stage; none if that is not known.
    pub stage_since: Option<Timestamp>,
}

impl StoredTicket {
    /// The ticket of a snapshot; none if Salestrekker no longer returns it.
    pub fn of(snapshot: Snapshot) -> Option<Self> {
        (!snapshot.gone).then_some(Self { ticket: snapshot.ticket, stage_since: snapshot.stage_since })
    }

    /// The whole days of 24 hours that it has been in its stage.
    pub fn days_in_stage(&self, now: Timestamp) -> Option<u64> {
        now.since(self.stage_since?).as_secs().checked_div(DAY.as_secs())
    }
}

impl SnapshotFilter {
    /// In the workflow of this name or id.
    #[must_use]
    pub fn in_workflow(self, name: &str) -> Self {
        Self { workflow: Some(name.to_owned()), ..self }
    }

    /// In the stage of this name or id.
    #[must_use]
    pub fn in_stage(self, name: &str) -> Self {
        Self { stage: Some(name.to_owned()), ..self }
    }

    /// Of this owner.
    #[must_use]
    pub fn owned_by(self, owner: &OwnerId) -> Self {
        Self { owner: Some(owner.clone()), ..self }
    }

    /// With the label of this name or id.
    #[must_use]
    pub fn with_label(self, name: &str) -> Self {
        Self { label: Some(name.to_owned()), ..self }
    }

    /// With this value in a field of the template's parameter `TicketFields`.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.fields.push((name.to_owned(), value.into().into()));
        self
    }

    /// For that number of whole days in its stage, until this time.
    #[must_use]
    pub fn at_least_days_in_stage(self, days: u16, now: Timestamp) -> Self {
        Self { in_stage_since: Some(now.earlier(DAY.saturating_mul(days.into()))), ..self }
    }

    /// Not switched off.
    #[must_use]
    pub fn active(self) -> Self {
        Self { active: true, ..self }
    }

    /// Whether all conditions hold.
    pub fn accepts(&self, stored: &StoredTicket) -> bool {
        let Self { workflow, stage, owner, label, fields, in_stage_since, active } = self;
        let StoredTicket { ticket, stage_since } = stored;
        workflow.as_deref().is_none_or(|name| ticket.workflow.is_named(name))
            && stage.as_deref().is_none_or(|name| ticket.stage.is_named(name))
            && owner.as_ref().is_none_or(|owner| ticket.owner.as_ref() == Some(owner))
            && label.as_deref().is_none_or(|name| ticket.labels.iter().any(|label| label.is_named(name)))
            && fields.iter().all(|(name, value)| ticket.field(name) == Some(value))
            && in_stage_since.is_none_or(|latest| stage_since.is_some_and(|since| since <= latest))
            && !(*active && ticket.active == Some(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::a_ticket;

    #[test]
    fn every_condition_has_to_hold() {
        let now = Timestamp::from_seconds(100 * 86_400);
        let days_ago = |days: u64| Timestamp::from_seconds((100 - days) * 86_400);
        let ticket =
            a_ticket().in_stage("Application").with_label("Refinance").with_field("lender", "Bank").ticket();
        let stored = StoredTicket { ticket, stage_since: Some(days_ago(14)) };
        let all = SnapshotFilter::default;
        assert_eq!(stored.days_in_stage(now), Some(14));
        assert_eq!(stored.days_in_stage(now.earlier(Duration::from_secs(1))), Some(13));
        let owner = OwnerId::parse("owner-1").unwrap();
        let whole =
            all().in_workflow("Home loans").in_stage("Application").with_label("Refinance").owned_by(&owner);
        let whole = whole.with_field("lender", "Bank").at_least_days_in_stage(14, now).active();
        assert!(all().accepts(&stored) && whole.accepts(&stored));
        for other in [
            whole.clone().in_workflow("Retention"),
            whole.clone().in_stage("Settled"),
            whole.clone().with_label("Client"),
            whole.clone().owned_by(&OwnerId::parse("owner-2").unwrap()),
            whole.clone().with_field("lender", "Other"),
            whole.clone().with_field("settlement", "2026-12-01"),
            whole.clone().at_least_days_in_stage(15, now),
        ] {
            assert!(!other.accepts(&stored), "{other:?}");
        }
        let unknown = StoredTicket { stage_since: None, ..stored.clone() };
        assert!(!whole.accepts(&unknown) && all().accepts(&unknown));
        let mut off = stored;
        off.ticket.active = Some(false);
        assert!(!whole.accepts(&off) && all().accepts(&off));
        off.ticket.active = None;
        assert!(whole.accepts(&off), "whether it is switched off is not known");
    }
}
