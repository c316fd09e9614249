//! The condition of an action: the part of the ticket that it changes is still as the decision saw it.

use crate::id::TicketId;
use crate::model::action::Action;
use crate::model::ticket_part::TicketPart;

/// What an action of ours changes at a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Changed<'a> {
    Stage,
    Owner,
    Value,
    Label(&'a str),
    /// A mutation of the handler's own: anything.
    Any,
}

impl Action {
    /// The same action without its condition: performed even if a person has changed that part of the ticket since the
    /// decision. For what must be so in any case.
    ///
    /// ```
    /// use automations::{Action, testing::ticket};
    ///
    /// let action = Action::remove_label(&ticket(), "Refinance").regardless();
    /// assert_eq!(action.seen(), None);
    /// ```
    #[must_use]
    pub fn regardless(mut self) -> Self {
        if let Self::AddLabel { seen, .. }
        | Self::RemoveLabel { seen, .. }
        | Self::SetOwner { seen, .. }
        | Self::MoveStage { seen, .. }
        | Self::MoveWorkflow { seen, .. }
        | Self::SetValue { seen, .. } = &mut self
        {
            *seen = None;
        }
        self
    }

    /// The part of the ticket that it changes, as the decision saw it; none if it is performed however that part is now.
    pub fn seen(&self) -> Option<&TicketPart> {
        match self {
            Self::AddLabel { seen, .. }
            | Self::RemoveLabel { seen, .. }
            | Self::SetOwner { seen, .. }
            | Self::MoveStage { seen, .. }
            | Self::MoveWorkflow { seen, .. }
            | Self::SetValue { seen, .. } => seen.as_ref(),
            Self::CreateTicket { .. }
            | Self::CreateLead { .. }
            | Self::Notify { .. }
            | Self::NotifyJson { .. }
            | Self::Mutate { .. } => None,
        }
    }

    /// Whether it may change the part of a ticket that the other one changes.
    pub(crate) fn may_change_the_part_of(&self, other: &Self) -> bool {
        let (Some((ticket, own)), Some((its_ticket, its))) = (self.changed(), other.changed()) else {
            return false;
        };
        ticket == its_ticket && (own == its || own == Changed::Any)
    }

    fn changed(&self) -> Option<(&TicketId, Changed<'_>)> {
        match self {
            Self::AddLabel { ticket, label, .. } | Self::RemoveLabel { ticket, label, .. } => {
                Some((ticket, Changed::Label(label)))
            }
            Self::SetOwner { ticket, .. } => Some((ticket, Changed::Owner)),
            Self::MoveStage { ticket, .. } | Self::MoveWorkflow { ticket, .. } => {
                Some((ticket, Changed::Stage))
            }
            Self::SetValue { ticket, .. } => Some((ticket, Changed::Value)),
            Self::Mutate { ticket, .. } => Some((ticket, Changed::Any)),
            Self::CreateTicket { .. }
            | Self::CreateLead { .. }
            | Self::Notify { .. }
            | Self::NotifyJson { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::model::ticket::Ticket;
    use crate::testing;

    #[test]
    fn an_action_has_what_its_decision_saw_unless_it_is_to_be_performed_regardless() {
        let ticket = testing::ticket();
        let seen = |action: Action| json::to_json(&action.seen());
        assert_eq!(seen(Action::add_label(&ticket, "Client")), r#"{"part":"label","present":false}"#);
        assert_eq!(seen(Action::remove_label(&ticket, "Refinance")), r#"{"part":"label","present":true}"#);
        let owner = "owner-2".parse().unwrap();
        assert_eq!(seen(Action::set_owner(&ticket, &owner)), r#"{"part":"owner","owner":"owner-1"}"#);
        let unowned = Ticket { owner: None, ..ticket.clone() };
        assert_eq!(seen(Action::set_owner(&unowned, &owner)), r#"{"part":"owner","owner":null}"#);
        let stage = r#"{"part":"stage","workflow":"workflow-1","stage":"stage-approved"}"#;
        assert_eq!(seen(Action::move_stage(&ticket, "Settled")), stage);
        assert_eq!(seen(Action::move_workflow(&ticket, "Retention", "Settled")), stage);
        assert_eq!(seen(Action::set_value(&ticket, 460_000)), r#"{"part":"value","value":450000}"#);
        for action in testing::action_of_each_kind() {
            assert_eq!(action.regardless().seen(), None);
        }
    }

    #[test]
    fn a_message_without_a_condition_is_read_and_one_with_it_survives_the_wire() {
        let old = r#"{"do":"move_stage","ticket":"ticket-1","stage":"Settled"}"#;
        let old: Action = json::from_json(old.as_bytes()).unwrap();
        assert_eq!(old, Action::move_stage(&testing::ticket(), "Settled").regardless());
        for action in testing::action_of_each_kind() {
            assert_eq!(json::from_json::<Action>(json::to_json(&action).as_bytes()).unwrap(), action);
        }
    }

    #[test]
    fn two_actions_change_the_same_part_if_ticket_and_part_are_the_same() {
        let (ticket, other) = (testing::ticket(), testing::a_ticket().with_id("ticket-2").ticket());
        let owner = "owner-2".parse().unwrap();
        let own = Action::mutate(&ticket, "mutation { x }", serde_json::json!({}));
        let changes = |one: &Action, other: Action| one.may_change_the_part_of(&other);
        let adds = Action::add_label(&ticket, "VIP");
        assert!(changes(&adds, Action::remove_label(&ticket, "VIP")));
        assert!(!changes(&adds, Action::remove_label(&ticket, "Client")), "another label");
        assert!(!changes(&adds, Action::remove_label(&other, "VIP")), "another ticket");
        assert!(!changes(&adds, Action::set_owner(&ticket, &owner)), "another part");
        assert!(!changes(&adds, own.clone()), "a mutation of its own has no condition that could fail");
        assert!(changes(&Action::move_stage(&ticket, "a"), Action::move_stage(&ticket, "b")));
        let elsewhere = Action::move_workflow(&ticket, "Retention", "b");
        assert!(changes(&elsewhere, Action::move_stage(&ticket, "a")), "a stage is of a workflow");
        assert!(changes(&Action::set_value(&ticket, 1), Action::set_value(&ticket, 2)));
        assert!(!changes(&elsewhere, Action::set_value(&ticket, 1)));
        assert!(changes(&own, Action::move_stage(&ticket, "a")) && changes(&own, adds));
    }
}
