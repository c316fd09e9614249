//! A post to an inbound webhook, which is in no journal.

use super::Assembly;
use crate::timeline::kept::Lead;
use crate::timeline::model::{Publication, Step};
use automations::clock::Timestamp;
use automations::id::EventId;

impl<'a> Assembly<'a> {
    /// The post whose event this is.
    pub(super) fn lead(&self, event: &EventId) -> Option<&'a Lead> {
        self.kept.lead.as_ref().filter(|lead| lead.event == *event)
    }

    /// A post to an inbound webhook, and what came of it.
    pub(super) fn lead_received(&mut self, lead: &Lead) {
        let position = lead.at.unwrap_or(Timestamp::from_millis(0));
        let webhook = lead.webhook().map(|action| Step::Webhook { action, hint: lead.hint.clone() });
        let step = event(lead);
        let after = match webhook {
            Some(webhook) => {
                let webhook = self.draft.first(position, lead.at, webhook);
                self.draft.after(webhook, None, step)
            }
            None => self.draft.first(position, lead.at, step),
        };
        self.handlers(&lead.event, None, after);
    }
}

fn event(lead: &Lead) -> Step {
    let (event, kind) = (lead.event.clone(), lead.kind.to_string());
    Step::Event { event, text: kind.clone(), kind: Some(kind), publication: Publication::Unknown }
}
