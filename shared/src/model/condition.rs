//! The condition of an action: the part of the ticket that it changes is still as the decision saw it.

use crate::model::action::Action;
use crate::model::ticket_part::TicketPart;

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
            | Self::Remind { .. }
            | Self::Forget { .. }
            | Self::Defer { .. }
            | Self::Mutate { .. } => None,
        }
    }

    /// Whether, after it, the part of the ticket that the other one changes cannot be compared with what their decision saw: what a
    /// mutation of the handler's own changes is not known, and each workflow has stages of its own. What any other action
    /// changes is recognised by its mark.
    pub(crate) fn hides_the_part_of(&self, other: &Self) -> bool {
        let hides = match self {
            Self::Mutate { .. } => other.seen().is_some(),
            Self::MoveWorkflow { .. } => matches!(other, Self::MoveStage { .. }),
            Self::AddLabel { .. }
            | Self::RemoveLabel { .. }
            | Self::SetOwner { .. }
            | Self::MoveStage { .. }
            | Self::SetValue { .. }
            | Self::CreateTicket { .. }
            | Self::CreateLead { .. }
            | Self::Notify { .. }
            | Self::NotifyJson { .. }
            | Self::Remind { .. }
            | Self::Forget { .. }
            | Self::Defer { .. } => false,
        };
        hides && self.ticket() == other.ticket()
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
    fn only_an_unknown_change_and_another_workflow_hide_what_the_decision_saw() {
        let (ticket, other) = (testing::ticket(), testing::a_ticket().with_id("ticket-2").ticket());
        let own = Action::mutate(&ticket, "mutation { x }", serde_json::json!({}));
        let hides = |one: &Action, other: Action| one.hides_the_part_of(&other);
        assert!(hides(&own, Action::move_stage(&ticket, "a")) && hides(&own, Action::set_value(&ticket, 1)));
        assert!(!hides(&own, Action::move_stage(&other, "a")), "another ticket");
        assert!(!hides(&own, own.clone()), "it has no condition that could fail");
        let elsewhere = Action::move_workflow(&ticket, "Retention", "b");
        assert!(hides(&elsewhere, Action::move_stage(&ticket, "a")), "a stage is of a workflow");
        assert!(!hides(&elsewhere, elsewhere.clone()) && !hides(&elsewhere, Action::set_value(&ticket, 1)));
        for action in testing::action_of_each_kind() {
            assert!(!hides(&Action::move_stage(&ticket, "a"), action.clone()));
            assert!(!hides(&Action::add_label(&ticket, "VIP"), action));
        }
    }
}
