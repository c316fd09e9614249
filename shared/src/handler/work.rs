//! The work of a handler on Lambda: events in, actions out.

use super::decides::{Decide, Decides};
use super::per_organisation::SettingsByOrganisation;
use super::plan;
use crate::aws::batch::{Message, MessageError, MissingMessageId, SourceQueue};
use crate::aws::queue::{OutgoingMessage, Place, Queue};
use crate::clock::Timestamp;
use crate::failure::Remedy;
use crate::id::ActionId;
use crate::json;
use crate::model::action::PlannedAction;
use crate::model::event::Event;
use crate::model::until::Until;
use crate::reason::Reason;
use crate::telemetry::EventName;
use crate::telemetry::metric::Metrics;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use std::time::Instant;

/// A running handler: events from its queue in, actions out.
#[derive(Debug)]
pub struct Handler<Settings, D = Decide<Settings>> {
    /// Its name in template.yaml, which is part of its actions' ids.
    pub name: String,
    /// Its decision.
    pub decide: D,
    /// Its settings, by organisation.
    pub settings: SettingsByOrganisation<Settings>,
    /// Its queue, and its dead-letter queue.
    pub source: SourceQueue,
    /// The queue of actions.
    pub actions: Queue,
    /// The maximum length of a chain of automated actions; see [`Event::chain`].
    pub max_chain: usize,
    /// Until when decisions are put off; none if it decides on each event.
    pub until: Option<Until>,
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
        if event.deferred_by().is_some_and(|handler| handler != self.name) {
            // What another handler waited for. Their subscriptions accept the same.
            return Ok(());
        }
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
        let effective = self.settings.of(&event.organisation, Instant::now()).await?;
        if !effective.enabled {
            tracing::info!(
                event_name = EventName::ActionsDisabled.as_str(),
                handler = self.name.as_str(),
                organisation = event.organisation.as_str(),
                event.id = event.id.as_str(),
                "the handler is disabled for the organisation; it decided nothing"
            );
            return Ok(());
        }
        if let Some(deferral) = plan::deferral(self.until, event) {
            // Else it would take a whole list with it, whose chain is the longest one in it.
            let is_for_a_list = matches!(self.until, Some(Until::Collect(_)));
            if is_for_a_list && event.chain().len() >= self.max_chain {
                return Err(chain_too_long(event));
            }
            // In a dry run too: nothing is done but to wait, and what is decided then is logged.
            let planned = plan::planned(&self.name, event, vec![deferral], message.receives)?;
            return self.send(event, planned).await;
        }
        let decision = self.decide.decide(event, &effective.settings, until);
        let actions = plan::decide(&self.name, decision).await?;
        let planned = plan::planned(&self.name, event, actions, message.receives)?;
        if !planned.is_empty() && event.chain().len() >= self.max_chain {
            return Err(chain_too_long(event));
        }
        if effective.dry_run {
            self.log(event, &planned);
            return Ok(());
        }
        self.send(event, planned).await
    }

    /// The dry run.
    fn log(&self, event: &Event, planned: &[PlannedAction]) {
        for planned in planned {
            let action = planned.action.for_log();
            tracing::info!(
                event_name = EventName::ActionsDryRun.as_str(),
                handler = self.name.as_str(),
                event.id = event.id.as_str(),
                action,
                "dry run: the action was not sent"
            );
        }
    }

    async fn send(&self, event: &Event, planned: Vec<PlannedAction>) -> Result<(), MessageError> {
        let count = planned.len();
        let messages = planned.into_iter().map(|planned| OutgoingMessage {
            body: json::to_json(&planned),
            place: Place::InOrder {
                group: planned.message_group(),
                deduplication: planned.deduplication_id(),
            },
            trace: event.cause.trace().cloned(),
        });
        // After an error, actions that were already accepted are sent again. Their ids make that harmless.
        self.actions.send(messages.collect()).await.into_iter().collect::<Result<(), _>>()?;
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
    use crate::model::action::Action;
    use crate::model::event::Cause;
    use crate::model::resent::Resent;
    use crate::store::Store;
    use crate::telemetry::metric::SourceKind;
    use crate::{aws, clock, testing};
    use aws_lambda_events::event::sqs::SqsMessage;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// The number of actions that a handler sends for one event, and of messages that are not acknowledged, if its organisation's
    /// item is this.
    async fn worked(item: Value, dry_run: bool) -> (usize, usize) {
        let event = testing::stage_changed("Approved", "Settled");
        let (sent, kept) = worked_on(&event, item, (dry_run, None)).await;
        (sent.len(), kept)
    }

    /// The actions that a handler sends for this event, in a dry run or not, and with this quiet period; and the number of messages that
    /// are not acknowledged.
    async fn worked_on(
        event: &Event,
        item: Value,
        (dry_run, until): (bool, Option<Until>),
    ) -> (Vec<PlannedAction>, usize) {
        let sent: Arc<Mutex<Vec<PlannedAction>>> = Arc::default();
        let seen = Arc::clone(&sent);
        let config = aws::stub::config_with_responses(move |request| {
            if request.get("RequestItems").is_some() {
                return (200, json!({ "Responses": { "t": [item] } }));
            }
            let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            let bodies = entries.iter().filter_map(|entry| entry["MessageBody"].as_str());
            seen.lock().unwrap().extend(bodies.map(|body| json::from_json(body.as_bytes()).unwrap()));
            let done = entries
                .iter()
                .map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "d" }));
            (200, json!({ "Successful": done.collect::<Vec<_>>(), "Failed": [] }))
        });
        let decide: Decide<String> = |event, label| vec![Action::add_label(event.ticket().unwrap(), label)];
        let (store, client) = (Store::new(aws::dynamodb(&config), "t".to_owned()), aws::sqs(&config));
        let url = |name: &str| format!("http://127.0.0.1/{name}.fifo");
        let settings =
            SettingsByOrganisation::stored(store, "h".to_owned(), "\"Client\"".to_owned(), dry_run).unwrap();
        let source =
            SourceQueue::new(client.clone(), SourceKind::Events, "h".to_owned(), url("q"), url("dead"));
        let actions = Queue::new(client, url("actions"));
        let handler =
            Handler { name: "h".to_owned(), decide, settings, source, actions, max_chain: 5, until };
        let mut record = SqsMessage::default();
        (record.message_id, record.receipt_handle) = (Some("m".to_owned()), Some("r".to_owned()));
        record.body = Some(json::to_json(event));
        let mut batch = SqsEvent::default();
        batch.records = vec![record];
        let until = clock::now().later(Duration::from_secs(9));
        let kept = handler.work(batch, until).await.unwrap().batch_item_failures.len();
        let sent = sent.lock().unwrap().clone();
        (sent, kept)
    }

    fn own(flags: &[(&str, bool)]) -> Value {
        let organisation = testing::stage_changed("a", "b").organisation;
        let mut item = json!({
            "pk": { "S": format!("ORGANISATION#{organisation}") }, "sk": { "S": "HANDLER#h" },
            "settings": { "S": "{}" }, "revision": { "N": "1" },
        });
        for (name, value) in flags {
            item[name] = json!({ "BOOL": value });
        }
        item
    }

    #[tokio::test]
    async fn an_organisation_can_switch_a_handler_off_and_its_dry_run_on_or_off() {
        assert_eq!(worked(own(&[("enabled", true)]), false).await, (1, 0));
        assert_eq!(worked(own(&[("enabled", false)]), false).await, (0, 0), "acknowledged");
        assert_eq!(worked(own(&[("dry_run", true)]), false).await, (0, 0));
        assert_eq!(worked(own(&[("dry_run", false)]), true).await, (1, 0), "a trial with one organisation");
    }

    #[tokio::test]
    async fn while_the_handler_is_paused_its_event_waits() {
        let pause = json!({ "pk": { "S": "PAUSES" }, "sk": { "S": "HANDLER#h" }, "since": { "N": "7" } });
        assert_eq!(worked(pause, false).await, (0, 1));
    }

    #[tokio::test]
    async fn with_a_quiet_period_a_change_waits_and_its_end_is_decided_on_by_its_own_handler_alone() {
        let five_minutes = Until::QuietPeriod("5m".parse().unwrap());
        let quiet = |dry_run| (dry_run, Some(five_minutes));
        let kinds = |sent: &[PlannedAction]| sent.iter().map(|it| it.action.kind()).collect::<Vec<_>>();
        let change = testing::stage_changed("Approved", "Settled");
        for dry_run in [false, true] {
            let (sent, kept) = worked_on(&change, own(&[]), quiet(dry_run)).await;
            assert_eq!((kinds(&sent), kept), (vec!["defer"], 0), "a dry run is one of the decision");
            assert_eq!(sent[0].message_group(), change.message_group());
            assert_eq!(sent[0].id, change.action_id("h", 0).unwrap());
        }
        let (disabled, kept) = worked_on(&change, own(&[("enabled", false)]), quiet(false)).await;
        assert_eq!((disabled, kept), (vec![], 0));
        let end = testing::after_quiet_period("h", std::slice::from_ref(&change));
        let (sent, _) = worked_on(&end, own(&[]), quiet(false)).await;
        assert_eq!((kinds(&sent), &sent[0].event), (vec!["add_label"], &end.id));
        let (dry, _) = worked_on(&end, own(&[]), quiet(true)).await;
        assert_eq!(dry, []);
        let of_another = testing::after_quiet_period("g", &[change]);
        assert_eq!(worked_on(&of_another, own(&[]), quiet(false)).await, (vec![], 0));
        assert_eq!(worked_on(&of_another, own(&[]), (false, None)).await, (vec![], 0));
        let form = testing::fired("h", 0);
        assert!(plan::deferral(Some(five_minutes), &form).is_none(), "it has no ticket");
    }

    #[tokio::test]
    async fn an_event_of_a_long_chain_comes_in_no_list_and_takes_no_other_ticket_with_it() {
        let list = Until::Collect("owner 17:00 Australia/Sydney".parse().unwrap());
        let mut event = testing::stage_changed("Settled", "Approved");
        let hint = event.cause.hint().clone();
        let of = |length: usize| Cause::Action {
            hint: hint.clone(),
            chain: (0..length).map(|n| ActionId::parse(format!("e{n}.h.0")).unwrap()).collect(),
        };
        for (length, sent) in [(4, 1), (5, 0)] {
            event.cause = of(length);
            let (planned, _) = worked_on(&event, own(&[]), (false, Some(list))).await;
            assert_eq!(planned.len(), sent, "{length}");
        }
    }

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
