//! What a change does.

use super::app::App;
use super::form::Form;
use crate::audit::{Audit, Change, Tally};
use crate::bulk::{Bulk, Limits};
use crate::commands::dead_letters::{Consent, Selection, dropped_lines, redriven_lines};
use crate::commands::pause::{Pauser, pause_lines, resume_lines};
use crate::commands::reminders::{Which, cancelled_line};
use crate::commands::settings::{HandlerSettings, IN_FORCE, PreparedChange, state};
use crate::commands::undo::{send_audited, sent_line};
use crate::undo::Undo;
use anyhow::Result;
use automations::clock::Timestamp;
use automations::store::{Paused, StoredReminder};
use std::num::NonZeroUsize;
use std::sync::Arc;

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
    /// `automations reminders cancel`, of these.
    Cancel(Box<Which>, Vec<StoredReminder>),
    /// `automations undo`, of these.
    Undo(Change, Vec<Undo>),
}

impl Work {
    /// Does it, with what the form of its confirmation says; what was done so far is in the tally. Returns what was done, in words.
    pub(super) async fn run(
        &self,
        app: &App,
        form: &Form,
        tally: Arc<Tally>,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let (queues, audit) = (app.dead_letter_queues(now), Audit::of(&app.target));
        let has = |name| form.all("consent").any(|consent| consent == name);
        match self {
            Self::Redrive(selection) => {
                let consent = Consent { retry_unknown: has(RETRY_UNKNOWN), out_of_order: has(OUT_OF_ORDER) };
                let bulk = Bulk::new(Limits::default()).tallied(tally);
                let redriven = queues.redrive_audited(selection, consent, &bulk, &audit).await?;
                Ok(redriven_lines(&redriven, None))
            }
            Self::Drop(selection) => {
                let bulk = Bulk::new(Limits::default()).tallied(tally);
                Ok(dropped_lines(&queues.drop_audited(selection, &bulk, &audit).await?))
            }
            Self::RedriveMatching(matching) => {
                let consent = Consent { retry_unknown: has(RETRY_UNKNOWN), out_of_order: has(OUT_OF_ORDER) };
                let limit = matching.limit(consent.retry_unknown, consent.out_of_order);
                let Some(limit) = NonZeroUsize::new(limit) else {
                    return Ok(vec!["0 sent back: all need your consent".to_owned()]);
                };
                let (queues, bulk) = (queues.at_most(MOST_MATCHING), limited(limit, tally));
                let redriven = queues.redrive_audited(&matching.selection, consent, &bulk, &audit).await?;
                Ok(redriven_lines(&redriven, None))
            }
            Self::DropMatching(matching) => {
                let Some(limit) = NonZeroUsize::new(matching.limit(false, false)) else {
                    return Ok(vec!["0 permanently deleted".to_owned()]);
                };
                let (queues, bulk) = (queues.at_most(MOST_MATCHING), limited(limit, tally));
                Ok(dropped_lines(&queues.drop_audited(&matching.selection, &bulk, &audit).await?))
            }
            Self::Pause(paused) => {
                let reason = Some(form.one(TEXT).trim().to_owned()).filter(|reason| !reason.is_empty());
                Pauser::of(&app.target)?.pause_audited(paused, reason, &audit).await?;
                Ok(vec![pause_lines(paused)])
            }
            Self::Resume(paused) => {
                let resumed = Pauser::of(&app.target)?.resume_audited(paused, &audit).await?;
                Ok(resume_lines(paused, resumed))
            }
            Self::Settings(change) => {
                let found = HandlerSettings::of(&app.target)?.store_audited(change, &audit).await?;
                let state = state(change.organisation.as_str(), &change.handler, &found);
                Ok(vec![state, IN_FORCE.to_owned()])
            }
            Self::Undo(change, undos) => {
                Ok(vec![sent_line(send_audited(&app.target, undos, change, &tally).await?)])
            }
            Self::Cancel(which, found) => {
                let store = app.target.store();
                Ok(vec![cancelled_line(which.cancel_audited(&store, found, &tally, &audit).await?)])
            }
        }
    }
}

fn limited(limit: NonZeroUsize, tally: Arc<Tally>) -> Bulk {
    Bulk::new(Limits { limit: Some(limit), rate: None }).tallied(tally)
}
