//! Which dead letters are wanted.

use super::DeadLetter;
use super::content::names_label;
use crate::bulk::option;
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use std::collections::BTreeSet;

/// Which dead letters; all if nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only those in queues whose name contains this.
    pub queue: Option<String>,
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Only this one.
    pub id: Option<String>,
    /// Only these; all if it is empty.
    pub ids: BTreeSet<String>,
    /// Only those of this organisation.
    pub organisation: Option<OrganisationId>,
    /// Only events that this handler should handle, and actions that it decided.
    pub handler: Option<String>,
    /// Only those of this kind: of the event, of the action, or of the webhook.
    pub kind: Option<String>,
    /// Only events of tickets that have this label or lost it, and actions that add or remove it.
    pub label: Option<String>,
    /// Only those that were dead-lettered from then on.
    pub since: Option<Timestamp>,
    /// Only those that were dead-lettered before then.
    pub until: Option<Timestamp>,
}

impl Selection {
    pub(crate) fn takes(&self, dead_letter: &DeadLetter) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        let content = &dead_letter.content;
        let says = |wanted: &Option<String>, value: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| value.as_ref() == Some(wanted))
        };
        is(&self.reason, &dead_letter.reason)
            && is(&self.id, &dead_letter.id)
            && (self.ids.is_empty() || self.ids.contains(&dead_letter.id))
            && self.takes_queue(&dead_letter.queue)
            && self.organisation.as_ref().is_none_or(|wanted| content.organisation.as_ref() == Some(wanted))
            && says(&self.handler, &content.handler)
            && says(&self.kind, &content.action)
            && self.since.is_none_or(|since| dead_letter.dead_lettered_at >= since)
            && self.until.is_none_or(|until| dead_letter.dead_lettered_at < until)
            && self.label.as_ref().is_none_or(|label| names_label(&dead_letter.body, label))
    }

    pub(super) fn takes_queue(&self, name: &str) -> bool {
        self.queue.as_deref().is_none_or(|wanted| name.contains(wanted))
    }

    /// Whether it leaves out anything for what it is, and not only for the queue that it is in.
    pub(crate) fn is_limited(&self) -> bool {
        Self { queue: self.queue.clone(), ..Self::default() } != *self
    }

    /// Each part, as an option of `automations dlq` and its value.
    pub(super) fn options(&self) -> Vec<(&'static str, String)> {
        let Self { queue, reason, id, ids, organisation, handler, kind, label, since, until } = self;
        let texts = [
            ("queue", queue),
            ("organisation", &organisation.as_ref().map(ToString::to_string)),
            ("handler", handler),
            ("reason", reason),
            ("kind", kind),
            ("label", label),
            ("since", &since.map(|since| since.to_string())),
            ("until", &until.map(|until| until.to_string())),
            ("id", id),
        ];
        let texts = texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        texts.chain(ids.iter().map(|id| ("id", id.clone()))).collect()
    }

    /// The options of a command line.
    pub(crate) fn command_line(&self) -> String {
        let options = self.options();
        options.iter().map(|(name, value)| option(name, value)).collect::<Vec<_>>().join(" ")
    }
}
