//! An event as it is published: a plain value with a deterministic id.

mod cause;
mod kind;

pub use cause::Cause;
pub use kind::{AgeUnit, EventKind, UnrecognisedReason};

#[cfg(test)]
pub(crate) use kind::KindName;

use crate::clock::Timestamp;
use crate::id::{ActionId, EventId, HintId, InvalidId, OrganisationId, TicketId};
use crate::model::collapsed::Collapsed;
use crate::model::collected::Collected;
use crate::model::firing::Fired;
use crate::model::inbound::Fields;
use crate::model::message_group::MessageGroup;
use crate::model::resent::Resent;
use crate::model::ticket::Ticket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One change in one organisation, as it is in a handler's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Deterministic: the same change has the same id however often it is found.
    pub id: EventId,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// When the change was found; Salestrekker does not say when it happened.
    pub observed_at: Timestamp,
    /// What led to the check that found it.
    pub cause: Cause,
    /// That it was sent again: by an operator, or from an outbox after SNS's deduplication had forgotten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Resent>,
    /// What happened. In JSON its fields are beside the others, with the kind as `type`.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// The ticket that changed; none for `inbound.…`, `clock.…` and `webhook.unrecognised`.
    pub fn ticket(&self) -> Option<&Ticket> {
        self.kind.ticket()
    }

    /// The id of the action at `position`, from 0, among those that `handler` decides on this event: the same each time,
    /// unless the event is reprocessed.
    ///
    /// # Errors
    /// [`InvalidId`] if the handler's name is too long.
    pub fn action_id(&self, handler: &str, position: usize) -> Result<ActionId, InvalidId> {
        match self.resent {
            Some(Resent { at, reprocess: true, .. }) => {
                ActionId::of_reprocessed(&self.id, handler, position, at)
            }
            Some(Resent { reprocess: false, .. }) | None => ActionId::of(&self.id, handler, position),
        }
    }

    /// The actions of ours that led to this event, oldest first; empty if a person made the change. Its length is the number
    /// of automated actions in a row.
    pub fn chain(&self) -> &[ActionId] {
        match &self.cause {
            Cause::Action { chain, .. }
            | Cause::QuietPeriod { chain, .. }
            | Cause::Collection { chain, .. } => chain,
            Cause::Webhook { .. } | Cause::Reconciler { .. } | Cause::Schedule { .. } => &[],
        }
    }

    /// What a handler's quiet period made one event of; none of an event that stands for itself.
    pub fn collapsed(&self) -> Option<&Collapsed> {
        if let Cause::QuietPeriod { collapsed, .. } = &self.cause { Some(collapsed) } else { None }
    }

    /// The list of what a handler collected until a time of day; none of an event that stands for itself.
    pub fn collected(&self) -> Option<&Collected> {
        if let Cause::Collection { collected, .. } = &self.cause { Some(collected) } else { None }
    }

    /// The handler for which it stands for several events.
    pub fn deferred_by(&self) -> Option<&str> {
        let of_period = self.collapsed().map(|collapsed| &collapsed.handler);
        of_period.or(self.collected().map(|collected| &collected.handler)).map(String::as_str)
    }

    /// What happened: of an event that stands for several, each of their changes, from its first value to its last one.
    ///
    /// ```
    /// use automations::testing::{a_ticket, after_quiet_period};
    ///
    /// let events = [a_ticket().in_stage("Lead").moves_to("Approved"), a_ticket().gets_label("VIP")];
    /// let event = after_quiet_period("notice-on-edits", &events);
    /// assert_eq!(event.changes().count(), 2);
    /// assert_eq!(event.kind.name(), "ticket.label_added");
    /// ```
    pub fn changes(&self) -> impl Iterator<Item = &EventKind> {
        let collapsed = self.collapsed();
        let own = collapsed.is_none().then_some(&self.kind);
        collapsed
            .into_iter()
            .flat_map(|collapsed| collapsed.changes.iter().map(|change| &change.kind))
            .chain(own)
    }

    /// The ticket, if one of the changes is like this.
    fn ticket_if(&self, is_like: impl Fn(&EventKind) -> bool) -> Option<&Ticket> {
        self.ticket().filter(|_| self.changes().any(is_like))
    }

    /// The ticket, if this event says that it entered the stage of this name.
    ///
    /// ```
    /// let event = automations::testing::stage_changed("Approved", "Settled");
    /// assert!(event.entered_stage("Settled").is_some());
    /// assert!(event.entered_stage("Approved").is_none());
    /// ```
    pub fn entered_stage(&self, name: &str) -> Option<&Ticket> {
        self.ticket_if(|kind| matches!(kind, EventKind::StageChanged { from, to, .. } if to.stage.is_named(name) && from != to))
    }

    /// The ticket, if it is new or was never read before.
    ///
    /// ```
    /// use automations::testing::a_ticket;
    ///
    /// assert!(a_ticket().is_created().appeared().is_some() && a_ticket().is_first_seen().appeared().is_some());
    /// assert!(a_ticket().moves_to("Settled").appeared().is_none());
    /// ```
    pub fn appeared(&self) -> Option<&Ticket> {
        self.ticket_if(|kind| {
            matches!(kind, EventKind::TicketCreated { .. } | EventKind::TicketFirstSeen { .. })
        })
    }

    /// The ticket, if it passes this threshold of days in its stage.
    ///
    /// ```
    /// let event = automations::testing::a_ticket().stays_for(14);
    /// assert!(event.aged(14).is_some() && event.aged(7).is_none());
    /// ```
    pub fn aged(&self, threshold: u16) -> Option<&Ticket> {
        self.ticket_if(|kind| matches!(kind, EventKind::StageAged { days, .. } if *days == threshold))
    }

    /// The ticket, if it left a stage in which it had passed a threshold of days.
    ///
    /// ```
    /// let event = automations::testing::a_ticket().resumes_in("Approved", 14);
    /// assert!(event.resumed().is_some());
    /// ```
    pub fn resumed(&self) -> Option<&Ticket> {
        self.ticket_if(|kind| matches!(kind, EventKind::StageResumed { .. }))
    }

    /// The ticket, if this event says that it left the stage of this name.
    ///
    /// ```
    /// let event = automations::testing::stage_changed("Settled", "Archived");
    /// assert!(event.left_stage("Settled").is_some() && event.left_stage("Archived").is_none());
    /// ```
    pub fn left_stage(&self, name: &str) -> Option<&Ticket> {
        self.ticket_if(|kind| {
            matches!(kind, EventKind::StageChanged { from, to, .. } if from.stage.is_named(name) && !to.stage.is_named(name))
        })
    }

    /// The ticket, if this event says that it was switched off.
    ///
    /// ```
    /// let event = automations::testing::a_ticket().is_switched_off();
    /// assert!(event.switched_off().is_some());
    /// ```
    pub fn switched_off(&self) -> Option<&Ticket> {
        self.ticket_if(|kind| matches!(kind, EventKind::ActiveChanged { to: Some(false), .. }))
    }

    /// The ticket, if the reminder of this key is due.
    ///
    /// ```
    /// let event = automations::testing::a_ticket().has_reminder_due("review");
    /// assert!(event.reminder("review").is_some() && event.reminder("other").is_none());
    /// ```
    pub fn reminder(&self, key: &str) -> Option<&Ticket> {
        self.ticket_if(|kind| matches!(kind, EventKind::ReminderDue { key: own, .. } if own.as_str() == key))
    }

    /// The ticket, if its amount was not above this limit and now is. The unit is that of [`Ticket::value`].
    ///
    /// ```
    /// let rises = automations::testing::a_ticket().worth(900_000).becomes_worth(1_200_000);
    /// assert!(rises.rose_above(1e6).is_some() && rises.rose_above(5e5).is_none());
    /// ```
    pub fn rose_above(&self, limit: f64) -> Option<&Ticket> {
        let is_above = |value: &Option<serde_json::Number>| {
            value.as_ref().and_then(serde_json::Number::as_f64).is_some_and(|value| value > limit)
        };
        self.ticket_if(
            |kind| matches!(kind, EventKind::ValueChanged { from, to, .. } if is_above(to) && !is_above(from)),
        )
    }

    /// The ticket, if this field has another value.
    ///
    /// ```
    /// let event = automations::testing::a_ticket().field_becomes("settlement", "2026-12-15");
    /// assert!(event.changed_field("settlement").is_some() && event.changed_field("lender").is_none());
    /// ```
    pub fn changed_field(&self, name: &str) -> Option<&Ticket> {
        self.ticket_if(|kind| matches!(kind, EventKind::FieldChanged { field, .. } if field.as_str() == name))
    }

    /// The event of a change of a ticket; none if `kind` has no ticket.
    pub fn of_change(
        organisation: &OrganisationId,
        observed_at: Timestamp,
        cause: &Cause,
        kind: EventKind,
    ) -> Option<Self> {
        let ticket = kind.ticket()?;
        let id = EventId::of_change(organisation, &ticket.id, ticket.version, kind.name(), &kind.subject());
        Some(Self {
            id,
            organisation: organisation.clone(),
            observed_at,
            cause: cause.clone(),
            resent: None,
            kind,
        })
    }

    /// The event of a hint that names no known ticket.
    pub fn of_hint(
        organisation: &OrganisationId,
        observed_at: Timestamp,
        cause: &Cause,
        kind: EventKind,
    ) -> Self {
        let id = EventId::of_hint(organisation, cause.hint(), kind.name());
        let (organisation, cause) = (organisation.clone(), cause.clone());
        Self { id, organisation, observed_at, cause, resent: None, kind }
    }

    /// The event of a clock's firing in an organisation.
    pub fn of_firing(organisation: &OrganisationId, observed_at: Timestamp, fired: &Fired) -> Self {
        let Fired { clock, at, missed, zone } = fired.clone();
        Self {
            id: EventId::of_firing(organisation, &clock, at),
            organisation: organisation.clone(),
            observed_at,
            cause: Cause::Schedule { hint: HintId::of_firing(&clock, at) },
            resent: None,
            kind: EventKind::Clock { kind: clock, scheduled_at: at, missed, zone },
        }
    }

    /// When it was due, if this is an event of a schedule.
    ///
    /// ```
    /// let event = automations::testing::fired("digest", 0);
    /// assert!(event.scheduled_at().is_some_and(|due_at| due_at <= event.observed_at));
    /// assert!(automations::testing::a_ticket().is_switched_off().scheduled_at().is_none());
    /// ```
    pub fn scheduled_at(&self) -> Option<Timestamp> {
        match &self.kind {
            EventKind::Clock { scheduled_at, .. } => Some(*scheduled_at),
            _ => None,
        }
    }

    /// The fields, if this is an event of the inbound webhook of this name.
    ///
    /// ```
    /// let event = automations::testing::posted("website-lead", &[("email", "jane@example.com")]);
    /// assert!(event.inbound("website-lead").is_some_and(|fields| fields.text("email").is_some()));
    /// assert!(event.inbound("newsletter").is_none());
    /// ```
    pub fn inbound(&self, name: &str) -> Option<&Fields> {
        match &self.kind {
            EventKind::Inbound { kind, fields } if kind.as_str().strip_prefix("inbound.") == Some(name) => {
                Some(fields)
            }
            _ => None,
        }
    }

    /// The id of the ticket, by which events are ordered and grouped.
    pub fn ticket_id(&self) -> Option<&TicketId> {
        self.ticket().map(|ticket| &ticket.id)
    }

    /// The message group: the events of a ticket are delivered in order, and an event without a ticket waits for no other.
    pub fn message_group(&self) -> MessageGroup {
        let Self { id, organisation, .. } = self;
        self.ticket_id().map_or_else(
            || MessageGroup::of_event(organisation, id),
            |ticket| MessageGroup::of_ticket(organisation, ticket),
        )
    }

    /// The deduplication id: SNS and SQS drop an event that they accepted in the last five minutes, unless it was sent again on
    /// purpose.
    pub fn deduplication_id(&self) -> String {
        deduplication_id(self.id.as_str(), self.resent)
    }

    /// Marks this event of an outbox as sent again if it may have been published so long ago that SNS and SQS would not drop
    /// it now: newer actions than its own may have been performed since.
    pub fn resend_after_deduplication(&mut self, now: Timestamp) {
        if self.resent.is_none() && now.since(self.observed_at) >= DEDUPLICATION_INTERVAL {
            self.resent = Some(Resent::at(self.observed_at));
        }
    }
}

/// SNS and SQS drop a message with the deduplication id of one that they accepted less than this ago (row B9 of the AWS facts).
const DEDUPLICATION_INTERVAL: Duration = Duration::from_mins(5);

/// The deduplication id of a message with this id: its own if an operator sent it again.
pub(crate) fn deduplication_id(id: &str, resent: Option<Resent>) -> String {
    resent.map_or_else(|| id.to_owned(), |resent| format!("{id}.{}", resent.at.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_event_survives_the_wire_and_its_type_is_its_kind() {
        for event in testing::one_of_each() {
            let text = crate::json::to_json(&event);
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["type"], event.kind.name());
            assert_eq!(crate::json::from_json::<Event>(text.as_bytes()).unwrap(), event);
        }
    }

    #[test]
    fn patterns_can_reach_stage_and_workflow_by_name() {
        let text = crate::json::to_json(&testing::stage_changed("Approved", "Settled"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["from"]["stage"]["name"], "Approved");
        assert_eq!(json["to"]["stage"]["name"], "Settled");
        assert_eq!(json["ticket"]["workflow"]["name"], "Home loans");
        assert_eq!(json["cause"]["by"], "webhook");
    }
}
