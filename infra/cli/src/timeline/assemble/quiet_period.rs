//! Decisions that a handler puts off until its ticket was left alone: what it decided then, and what waits.

use super::{Assembly, Of};
use crate::timeline::action_parts::{ActionParts, after_quiet_period};
use crate::timeline::draft::Cause;
use crate::timeline::model::{Publication, Step};
use automations::id::{ActionId, EventId};
use std::collections::BTreeSet;

impl Assembly<'_> {
    /// The ids of the events of quiet periods that may have ended. They are in no journal.
    pub(super) fn ends_of_quiet_periods(&self) -> BTreeSet<EventId> {
        let records = self.kept.records.iter();
        records.filter_map(|(id, record)| Some(after_quiet_period(id, record)?.event)).collect()
    }

    /// What was decided when the quiet period ended, if the event of the action that put the decision off was the last one before that.
    pub(super) fn after_quiet_period(&mut self, id: &ActionId, after: Cause) {
        let Some(record) = self.kept.records.get(id) else { return };
        let Some(ActionParts { event, handler, reprocessed, .. }) = after_quiet_period(id, record) else {
            return;
        };
        let of = Of { event: event.clone(), handler, reprocessed };
        let has_dead_letter = self.dead_letters_of(&event).next().is_some();
        if !self.decisions.contains_key(&of) && !has_dead_letter {
            return;
        }
        let of_action = ActionParts::of(id).map(|parts| parts.event);
        let is_list = of_action.is_some_and(|own| event == EventId::of_collection(&own, &of.handler));
        let step = Step::Event {
            event: event.clone(),
            kind: None,
            text: if is_list {
                format!("the list of {} ended, with this event as the newest one", of.handler)
            } else {
                format!("the ticket was left alone for the quiet period of {}", of.handler)
            },
            publication: Publication::Unknown,
        };
        let ended = self.draft.after(after, None, step);
        self.handlers(&event, None, ended);
    }

    /// What waits, after everything that happened.
    pub(super) fn waiting(&mut self) {
        for stored in &self.kept.deferrals {
            let Some(waiting) = stored.deferral.waiting() else { continue };
            let step = Step::Waits {
                handler: stored.handler().to_owned(),
                events: usize::try_from(waiting.count()).unwrap_or(usize::MAX),
                until: waiting.due_at,
            };
            self.draft.first(self.kept.now, None, step);
        }
    }
}
