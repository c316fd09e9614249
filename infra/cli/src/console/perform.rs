//! Changes, made by the code of their commands, each with its row of the audit.

use super::app::App;
use super::form::Form;
use super::work::{MOST_MATCHING, OUT_OF_ORDER, RETRY_UNKNOWN, TEXT, Work};
use crate::audit::{Audit, Tally};
use crate::bulk::{Bulk, Limits};
use crate::commands::dead_letters::{Consent, dropped_lines, redriven_lines};
use crate::commands::organisation::{Organisations, recheck_line};
use crate::commands::pause::{Pauser, pause_lines, resume_lines};
use crate::commands::reminders::cancelled_line;
use crate::commands::replay::replayed_line;
use crate::commands::settings::{HandlerSettings, IN_FORCE, state};
use crate::commands::undo::{send_audited, sent_line};
use anyhow::Result;
use automations::clock::Timestamp;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Does it, with what the form of its confirmation says; what was done so far is in the tally. Returns what was done, in words.
pub(super) async fn perform(
    work: &Work,
    app: &App,
    form: &Form,
    tally: Arc<Tally>,
    now: Timestamp,
) -> Result<Vec<String>> {
    let (queues, audit) = (app.dead_letter_queues(now), Audit::of(&app.target));
    let has = |name| form.all("consent").any(|consent| consent == name);
    match work {
        Work::Redrive(selection) => {
            let consent = Consent { retry_unknown: has(RETRY_UNKNOWN), out_of_order: has(OUT_OF_ORDER) };
            let bulk = Bulk::new(Limits::default()).tallied(tally);
            let redriven = queues.redrive_audited(selection, consent, &bulk, &audit).await?;
            Ok(redriven_lines(&redriven, None))
        }
        Work::Drop(selection) => {
            let bulk = Bulk::new(Limits::default()).tallied(tally);
            Ok(dropped_lines(&queues.drop_audited(selection, &bulk, &audit).await?))
        }
        Work::RedriveMatching(matching) => {
            let consent = Consent { retry_unknown: has(RETRY_UNKNOWN), out_of_order: has(OUT_OF_ORDER) };
            let limit = matching.limit(consent.retry_unknown, consent.out_of_order);
            let Some(limit) = NonZeroUsize::new(limit) else {
                return Ok(vec!["0 sent back: all need your consent".to_owned()]);
            };
            let (queues, bulk) = (queues.at_most(MOST_MATCHING), limited(limit, tally));
            let redriven = queues.redrive_audited(&matching.selection, consent, &bulk, &audit).await?;
            Ok(redriven_lines(&redriven, None))
        }
        Work::DropMatching(matching) => {
            let Some(limit) = NonZeroUsize::new(matching.limit(false, false)) else {
                return Ok(vec!["0 permanently deleted".to_owned()]);
            };
            let (queues, bulk) = (queues.at_most(MOST_MATCHING), limited(limit, tally));
            Ok(dropped_lines(&queues.drop_audited(&matching.selection, &bulk, &audit).await?))
        }
        Work::Pause(paused) => {
            let reason = Some(form.one(TEXT).trim().to_owned()).filter(|reason| !reason.is_empty());
            Pauser::of(&app.target)?.pause_audited(paused, reason, &audit).await?;
            Ok(vec![pause_lines(paused)])
        }
        Work::Resume(paused) => {
            let resumed = Pauser::of(&app.target)?.resume_audited(paused, &audit).await?;
            Ok(resume_lines(paused, resumed))
        }
        Work::Settings(change) => {
            let found = HandlerSettings::of(&app.target)?.store_audited(change, &audit).await?;
            let state = state(change.organisation.as_str(), &change.handler, &found);
            let own = found.own.values.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let own = if own.is_empty() {
                "no values of its own".to_owned()
            } else {
                format!("its own values: {own}")
            };
            Ok(vec![format!("{state}; {own}"), IN_FORCE.to_owned()])
        }
        Work::SettingsForAll(prepared) => {
            let settings = HandlerSettings::of(&app.target)?;
            let stored = settings.store_all_audited(prepared, &audit).await?;
            Ok(vec![prepared.stored_line(stored)])
        }
        Work::Replay(prepared) => {
            let published = Box::pin(prepared.play_audited(&app.target, tally)).await?;
            Ok(vec![replayed_line(published, &prepared.arguments)])
        }
        Work::Recheck(organisation) => {
            let due = Organisations::of(&app.target)?.recheck_audited(organisation, &tally, &audit).await?;
            Ok(vec![recheck_line(organisation, due)])
        }
        Work::Undo(change, undos) => {
            Ok(vec![sent_line(send_audited(&app.target, undos, change, &tally).await?)])
        }
        Work::Cancel(which, found) => {
            let store = app.target.store();
            Ok(vec![cancelled_line(which.cancel_audited(&store, found, &tally, &audit).await?)])
        }
    }
}

fn limited(limit: NonZeroUsize, tally: Arc<Tally>) -> Bulk {
    Bulk::new(Limits { limit: Some(limit), rate: None }).tallied(tally)
}
