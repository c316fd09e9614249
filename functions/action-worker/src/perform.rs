//! The dispatch: each kind of action, and the function that performs it.

use crate::context::Context;
use crate::create_ticket::create_ticket;
use crate::edit_ticket::{add_label, move_stage, move_workflow, remove_label, set_owner};
use crate::error::ActionError;
use crate::lead::create_lead;
use crate::notify::{About, notify, notify_json};
use crate::reminder::{Wanted, forget, remind};
use crate::set_value::set_value;
use automations::model::action::{Action, OnUnknownOutcome};
use automations::store::Outcome;

/// Performs an action. What must be known of it is recorded before anything is sent; if that fails, nothing is sent.
pub(crate) async fn perform(context: &mut Context<'_>) -> Result<Outcome, ActionError> {
    match &context.planned.action {
        Action::AddLabel { ticket, label, seen } => add_label(context, ticket, label, seen.as_ref()).await,
        Action::RemoveLabel { ticket, label, seen } => {
            remove_label(context, ticket, label, seen.as_ref()).await
        }
        Action::SetOwner { ticket, owner, seen } => set_owner(context, ticket, owner, seen.as_ref()).await,
        Action::MoveStage { ticket, stage, seen } => move_stage(context, ticket, stage, seen.as_ref()).await,
        Action::MoveWorkflow { ticket, workflow, stage, seen } => {
            move_workflow(context, ticket, (workflow, stage), seen.as_ref()).await
        }
        Action::SetValue { ticket, value, seen } => set_value(context, ticket, value, seen.as_ref()).await,
        Action::CreateTicket { beside, workflow, stage, name, on_unknown_outcome: _ } => {
            create_ticket(context, beside, (workflow, stage.as_deref()), name).await
        }
        Action::CreateLead { lead, into, name, on_unknown_outcome: _ } => {
            create_lead(context, lead, into, name).await
        }
        Action::Notify { destination, text, about, workflow } => {
            let about = about.as_ref().map(|ticket| About { ticket, workflow: workflow.as_ref() });
            notify(context, destination, text, about).await
        }
        Action::NotifyJson { destination, event, fields, about, workflow } => {
            let about = about.as_ref().map(|ticket| About { ticket, workflow: workflow.as_ref() });
            notify_json(context, destination, (event, fields), about).await
        }
        Action::Remind { ticket, key, when, only_while, if_set, event_at } => {
            let (if_set, event_at) = (*if_set, *event_at);
            remind(context, ticket, Wanted { key, when, only_while, if_set, event_at }).await
        }
        Action::Forget { ticket, key } => forget(context, ticket, key).await,
        Action::Mutate { ticket: _, document, variables, on_unknown_outcome } => {
            context.progress.record_send_started().await?;
            let may_retry = *on_unknown_outcome == OnUnknownOutcome::Retry;
            context.session.mutate(document, variables.clone(), may_retry).await?;
            Ok(Outcome::Sent)
        }
    }
}
