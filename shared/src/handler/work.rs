//! The work of a handler on Lambda: events in, actions out.

use super::decides::{Decide, Decides};
use super::plan;
use crate::aws::batch::{Message, MessageError, MissingMessageId, SourceQueue};
use crate::aws::queue::{OutgoingMessage, Place, Queue};
use crate::clock::Timestamp;
use crate::failure::Remedy;
use crate::id::ActionId;
use crate::json;
use crate::model::action::PlannedAction;
use crate::model::event::Event;
use crate::reason::Reason;
use crate::telemetry::EventName;
use crate::telemetry::metric::Metrics;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};

/// A running handler: events from its queue in, actions out.
#[derive(Debug)]
pub struct Handler<Settings, D = Decide<Settings>> {
    /// Its name in template.yaml, which is part of its actions' ids.
    pub name: String,
    /// Its decision.
    pub decide: D,
    /// Its settings.
    pub settings: Settings,
    /// Its queue, and its dead-letter queue.
    pub source: SourceQueue,
    /// The queue of actions; none for a dry run, which only logs the actions.
    pub actions: Option<Queue>,
    /// The maximum length of a chain of automated actions; see [`Event::chain`].
    pub max_chain: usize,
}

impl<Settings, D: Decides<Settings>> Handler<Settings, D> {
    /// Processes a batch of its queue before the invocation's deadline.
    ///
    /// # Errors
    /// [`MissingMessageId`], before any message is processed.
    pub async fn work(
        &self,
        batch: SqsEvent,
        until: Timestamp,
    ) -> Result<SqsBatchResponse, MissingMessageId> {
        let process = async |message: &Message<Event>, _: &Metrics| self.process(message, until).await;
        self.source.by_group(batch, until, process).await
    }

    async fn process(&self, message: &Message<Event>, until: Timestamp) -> Result<(), MessageError> {
        let event = &message.body;
        if is_own_undo(&self.name, event) {
            tracing::info!(
                event_name = EventName::EventOfUndo.as_str(),
                handler = self.name.as_str(),
                event.id = event.id.as_str(),
                event.kind = event.kind.name(),
                "the handler did not decide: an operator undid its own action, and it would do it again"
            );
            return Ok(());
        }
        let actions = plan::decide(&self.name, self.decide.decide(event, &self.settings, until)).await?;
        let planned = plan::planned(&self.name, event, actions, message.receives)?;
        if !planned.is_empty() && event.chain().len() >= self.max_chain {
            return Err(chain_too_long(event));
        }
        self.send(event, planned).await
    }

    async fn send(&self, event: &Event, planned: Vec<PlannedAction>) -> Result<(), MessageError> {
        let count = planned.len();
        let Some(actions) = &self.actions else {
            for planned in &planned {
                let action = planned.action.for_log();
                tracing::info!(
                    event_name = EventName::ActionsDryRun.as_str(),
                    handler = self.name.as_str(),
                    event.id = event.id.as_str(),
                    action,
                    "dry run: the action was not sent"
                );
            }
            return Ok(());
        };
        let messages = planned.into_iter().map(|planned| OutgoingMessage {
            body: json::to_json(&planned),
            place: Place::InOrder {
                group: planned.message_group(),
                deduplication: planned.deduplication_id(),
            },
            trace: event.cause.trace().cloned(),
        });
        // After an error, actions that were already accepted are sent again. Their ids make that harmless.
        actions.send(messages.collect()).await.into_iter().collect::<Result<(), _>>()?;
        tracing::info!(
            event_name = EventName::ActionsDecided.as_str(),
            event.id = event.id.as_str(),
            hint.id = event.cause.hint().as_str(),
            actions = count,
        );
        Ok(())
    }
}

/// Whether an operator's undo of an action of this handler made the change. A reprocessed event was asked for.
fn is_own_undo(handler: &str, event: &Event) -> bool {
    let is_undo = |last: &ActionId| last.undoes().is_some() && last.handler() == Some(handler);
    let is_asked_for = event.resent.is_some_and(|resent| resent.reprocess);
    !is_asked_for && event.chain().last().is_some_and(is_undo)
}

/// Handlers that react to each other, or to themselves, without end. The error text has the whole chain.
fn chain_too_long(event: &Event) -> MessageError {
    let chain = event.chain().iter().map(ActionId::as_str).collect::<Vec<_>>().join(", ");
    let text = format!("the actions {chain} led to this event; handlers react to each other without end");
    MessageError { reason: Reason::ChainTooLong, remedy: Remedy::DeadLetter, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::model::event::Cause;
    use crate::model::resent::Resent;
    use crate::testing;

    #[test]
    fn a_handler_does_not_decide_on_the_undo_of_its_own_action_and_others_do() {
        let mut event = testing::stage_changed("Settled", "Approved");
        let id = |text: &str| ActionId::parse(text).unwrap();
        let of = |chain: Vec<ActionId>| Cause::Action { hint: event.cause.hint().clone(), chain };
        let [undone, other, own] = [
            of(vec![id("e.h.0"), id("e.h.0.undo")]),
            of(vec![id("e.h.0.undo"), id("f.g.0")]),
            of(vec![id("e.h.0")]),
        ];
        assert!(!is_own_undo("h", &event), "a person made the change");
        event.cause = undone;
        assert!(is_own_undo("h", &event) && !is_own_undo("g", &event));
        event.resent = Some(Resent { reprocess: true, ..Resent::at(clock::now()) });
        assert!(!is_own_undo("h", &event), "the operator asked for it");
        event.resent = None;
        for cause in [other, own] {
            event.cause = cause;
            assert!(!is_own_undo("h", &event), "{:?}", event.cause);
        }
    }
}
