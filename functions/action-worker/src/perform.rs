//! The dispatch: each kind of action, and the function that performs it.

use crate::context::Context;
use crate::create_ticket::create_ticket;
use crate::defer::defer;
use crate::edit::Edit;
use crate::edit_tickets::edit_alone;
use crate::error::ActionError;
use crate::lead::create_lead;
use crate::notify::{About, notify, notify_json};
use crate::reminder::{Wanted, forget, remind};
use automations::model::action::{Action, OnUnknownOutcome};
use automations::store::Outcome;

/// Performs an action. What must be known of it is recorded before anything is sent; if that fails, nothing is sent.
pub(crate) async fn perform(context: &mut Context<'_>) -> Result<Outcome, ActionError> {
    match &context.planned.action {
        Action::AddLabel { .. }
        | Action::RemoveLabel { .. }
        | Action::SetOwner { .. }
        | Action::MoveStage { .. }
        | Action::MoveWorkflow { .. }
        | Action::SetValue { .. } => {
            let edit = Edit::of(context.planned, context.session).await?;
            edit_alone(context, edit).await
        }
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
        Action::Defer { ticket, until, event } => defer(context, ticket, *until, event).await,
        Action::Mutate { ticket: _, document, variables, on_unknown_outcome } => {
            context.progress.record_send_started().await?;
            let may_retry = *on_unknown_outcome == OnUnknownOutcome::Retry;
            context.session.mutate(document, variables.clone(), may_retry).await?;
            Ok(Outcome::Sent)
        }
    }
}
