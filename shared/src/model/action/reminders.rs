//! The constructors of reminders, as handlers use them.

use super::Action;
use crate::clock::Timestamp;
use crate::id::ReminderKey;
use crate::model::reminder::{IfSet, OnlyWhile, When};
use crate::model::ticket::Ticket;

impl Action {
    /// Sets a reminder of this ticket: `ticket.reminder_due` with this key is published when it is due. It replaces the ticket's
    /// reminder of the same key.
    ///
    /// ```
    /// use automations::model::reminder::{Day, When, Zone};
    /// use automations::{Action, testing::ticket};
    ///
    /// let key = "review".parse()?;
    /// let in_90_days = Action::remind(&ticket(), &key, When::after_days(90)).only_while_active();
    /// let before = Day::of_field(&"settlement".parse()?, Zone::Sydney).plus_days(-7);
    /// let before_settlement = Action::remind(&ticket(), &key, before).only_in_stage("Approved");
    /// assert_eq!((in_90_days.kind(), before_settlement.kind()), ("remind", "remind"));
    /// # Ok::<(), automations::id::InvalidId>(())
    /// ```
    pub fn remind(ticket: &Ticket, key: &ReminderKey, when: impl Into<When>) -> Self {
        Self::Remind {
            ticket: ticket.id.clone(),
            key: key.clone(),
            when: when.into(),
            only_while: OnlyWhile::default(),
            if_set: IfSet::Replace,
            event_at: None,
        }
    }

    /// Cancels the reminder of this key of this ticket.
    pub fn forget(ticket: &Ticket, key: &ReminderKey) -> Self {
        Self::Forget { ticket: ticket.id.clone(), key: key.clone() }
    }

    /// The same reminder, which lapses if the ticket is not in the stage of this name, or id, when it is due.
    #[must_use]
    pub fn only_in_stage(self, stage: &str) -> Self {
        self.only_while(|only_while| only_while.stage = Some(stage.to_owned()))
    }

    /// The same reminder, which lapses if the ticket is not in the workflow of this name, or id, when it is due.
    #[must_use]
    pub fn only_in_workflow(self, workflow: &str) -> Self {
        self.only_while(|only_while| only_while.workflow = Some(workflow.to_owned()))
    }

    /// The same reminder, which lapses if the ticket is switched off when it is due.
    #[must_use]
    pub fn only_while_active(self) -> Self {
        self.only_while(|only_while| only_while.active = true)
    }

    /// The same reminder, which is not set if the ticket has one of the same key that is not due yet.
    #[must_use]
    pub fn unless_set(mut self) -> Self {
        if let Self::Remind { if_set, .. } = &mut self {
            *if_set = IfSet::Keep;
        }
        self
    }

    /// The same action, whose times are counted from an event that was found then.
    pub(crate) fn counted_from(mut self, found: Timestamp) -> Self {
        if let Self::Remind { event_at, .. } = &mut self {
            *event_at = Some(found);
        }
        self
    }

    fn only_while(mut self, change: impl FnOnce(&mut OnlyWhile)) -> Self {
        if let Self::Remind { only_while, .. } = &mut self {
            change(only_while);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_reminder_says_its_conditions_and_only_those() {
        let key = "review".parse().unwrap();
        let plain = Action::remind(&testing::ticket(), &key, When::after_days(1));
        let text = r#"{"do":"remind","ticket":"ticket-1","key":"review","when":{"after_minutes":1440},"if_set":"replace"}"#;
        assert_eq!(crate::json::to_json(&plain), text);
        let full = plain.only_in_stage("Settled").only_in_workflow("Home loans").only_while_active();
        let text = crate::json::to_json(&full.unless_set());
        let only =
            r#""only_while":{"workflow":"Home loans","stage":"Settled","active":true},"if_set":"keep""#;
        assert!(text.contains(only), "{text}");
    }

    #[test]
    fn only_a_reminder_has_conditions() {
        let label = Action::add_label(&testing::ticket(), "VIP");
        let other = label.clone().only_in_stage("x").only_while_active().unless_set();
        assert_eq!(other.counted_from(Timestamp::from_millis(1)), label);
    }
}
