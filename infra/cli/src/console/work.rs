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
use std::sync::Arc;

/// The field of a consent to send back actions that may have taken effect.
pub(super) const RETRY_UNKNOWN: &str = "retry-unknown";
/// The field of a consent to send back superseded actions.
pub(super) const OUT_OF_ORDER: &str = "out-of-order";
/// The field with the text that an operator may add.
pub(super) const TEXT: &str = "text";

/// Each is a command's own code, with its row of the audit.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// `automations dlq redrive`.
    Redrive(Selection),
    /// `automations dlq drop`.
    Drop(Selection),
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
