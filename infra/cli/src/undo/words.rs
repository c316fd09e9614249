//! An undo in words.

use super::judge::{Undo, Verdict};
use automations::Action;

/// What is, or cannot be, undone, in a sentence.
pub fn words(undo: &Undo) -> String {
    match &undo.verdict {
        Verdict::Undoable { by } => format!("can be undone: {}", opposite(&by.action)),
        Verdict::AlreadyUndone { at } => format!("was undone at {at}"),
        Verdict::ChangedNothing { why } => format!("nothing to undo: {why}"),
        Verdict::ChangedSince { at, what, by, event } => {
            format!("changed since, at {at} by {by}: {what} ({event})")
        }
        Verdict::NotFoundYet => {
            "no check of the ticket has found its change yet: run this again after the next check, an hour later at most".to_owned()
        }
        Verdict::NotCheckedSince { by, at } => format!(
            "the action {by} changed the same at {at}, and no check has found that yet: run this again after the next check, an hour later at most"
        ),
        Verdict::ForAPerson { why } => format!("for a person: {why}"),
    }
}

/// A verdict in a word or two.
pub fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Undoable { .. } => "undoable",
        Verdict::AlreadyUndone { .. } => "undone already",
        Verdict::ChangedNothing { .. } => "nothing to undo",
        Verdict::ChangedSince { .. } => "changed since",
        Verdict::NotFoundYet => "not found yet",
        Verdict::NotCheckedSince { .. } => "not checked since",
        Verdict::ForAPerson { .. } => "for a person",
    }
}

/// What the opposite action does. No amount is printed.
fn opposite(action: &Action) -> String {
    match action {
        Action::AddLabel { label, .. } => format!("add the label {label} again"),
        Action::RemoveLabel { label, .. } => format!("remove the label {label}"),
        Action::SetOwner { owner, .. } => format!("give it back to the owner {owner}"),
        Action::MoveStage { stage, .. } => format!("move it back to the stage {stage}"),
        Action::MoveWorkflow { workflow, stage, .. } => {
            format!("move it back to the stage {stage} of the workflow {workflow}")
        }
        Action::SetValue { .. } => "set the amount that it had".to_owned(),
        Action::CreateTicket { .. }
        | Action::CreateLead { .. }
        | Action::Notify { .. }
        | Action::NotifyJson { .. }
        | Action::Remind { .. }
        | Action::Forget { .. }
        | Action::Defer { .. }
        | Action::Mutate { .. } => action.kind().to_owned(),
    }
}
