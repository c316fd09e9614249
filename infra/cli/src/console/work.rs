//! What a change does: each is a command's own code, see `perform.rs`.

use crate::audit::Change;
use crate::commands::dead_letters::Selection;
use crate::commands::reminders::Which;
use crate::commands::replay::PreparedReplay;
use crate::commands::settings::{PreparedChange, PreparedForAll};
use crate::undo::Undo;
use automations::id::OrganisationId;
use automations::store::{Paused, StoredReminder};

/// The field of a consent to send back actions that may have taken effect.
pub(super) const RETRY_UNKNOWN: &str = "retry-unknown";
/// The field of a consent to send back superseded actions.
pub(super) const OUT_OF_ORDER: &str = "out-of-order";
/// The field with the text that an operator may add.
pub(super) const TEXT: &str = "text";

/// Dead letters that are changed by one click, and about this number is read of each queue.
pub(super) const MOST_MATCHING: usize = 1_000;

/// The dead letters that a filter takes, as they were counted: no more than these are changed.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    /// The filter, with the time of the count at its end.
    pub(super) selection: Selection,
    /// Those that are changed without a consent.
    pub(super) number: usize,
    /// Those that may have taken effect.
    pub(super) outcome_unknown: usize,
    /// Those that are superseded.
    pub(super) superseded: usize,
}

impl Matching {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.limit(true, true) == 0
    }

    /// How many are changed at most with these consents.
    pub(super) fn limit(&self, retry_unknown: bool, out_of_order: bool) -> usize {
        let unknown = if retry_unknown { self.outcome_unknown } else { 0 };
        let superseded = if out_of_order { self.superseded } else { 0 };
        self.number.saturating_add(unknown).saturating_add(superseded).min(MOST_MATCHING)
    }
}

/// Each is a command's own code, with its row of the audit.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// `automations dlq redrive`.
    Redrive(Selection),
    /// `automations dlq drop`.
    Drop(Selection),
    /// `automations dlq redrive`, of those that a filter takes.
    RedriveMatching(Matching),
    /// `automations dlq drop`, of those that a filter takes.
    DropMatching(Matching),
    /// `automations pause`.
    Pause(Paused),
    /// `automations resume`.
    Resume(Paused),
    /// `automations settings set` and `unset`.
    Settings(Box<PreparedChange>),
    /// The same with `--all-organisations`.
    SettingsForAll(Box<PreparedForAll>),
    /// `automations reminders cancel`, of these.
    Cancel(Box<Which>, Vec<StoredReminder>),
    /// `automations replay`, of these.
    Replay(Box<PreparedReplay>),
    /// `automations organisation recheck`.
    Recheck(OrganisationId),
    /// `automations undo`, of these.
    Undo(Change, Vec<Undo>),
}
