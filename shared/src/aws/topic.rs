//! Publishing events on the SNS FIFO topic. Every partial failure is detected.
//!
//! No other file knows that events travel by SNS: docs/decisions/0035 says which engine could replace it.

use crate::aws::ErrorCode;
use crate::aws::ordered::{BatchLimits, Entry, send_in_order, set_result};
use crate::failure::{Failure, Remedy};
use crate::json;
use crate::model::event::Event;
use crate::reason::Reason;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::PublishBatchRequestEntry;

/// Entries and bytes of one request (Amazon SNS API Reference, `PublishBatch`). A topic takes up to 1 MiB only if its attribute
/// `MaximumMessageSize` is set (developer guide, "Publishing large messages with Amazon SNS"), for which `AWS::SNS::Topic` has no
/// property; no event comes near.
const LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: 256 * 1024 };

/// The topic.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

/// The topic did not accept an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SNS did not accept the event")]
pub struct PublishError {
    /// The engine's error code; none if there was no response.
    #[source]
    pub code: Option<ErrorCode>,
}

impl Failure for PublishError {
    fn remedy(&self) -> Remedy {
        ErrorCode::remedy(self.code.as_ref())
    }

    fn reason(&self) -> Reason {
        Reason::PublishFailed
    }
}

impl Topic {
    /// The topic with this ARN.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Publishes events in as few requests as the order of each message group allows; one result for each, in their order. What
    /// follows a failed event in its group is not sent.
    pub async fn publish(&self, events: &[&Event]) -> Vec<Result<(), PublishError>> {
        let entries = events.iter().map(|event| {
            let (group, deduplication, body) =
                (event.message_group().to_string(), event.deduplication_id(), json::to_json(event));
            Entry {
                group: Some(group.clone()),
                size: body.len(),
                content: Message { group, deduplication, body },
            }
        });
        send_in_order(entries.collect(), LIMITS, |messages| self.send(messages)).await
    }

    async fn send(&self, messages: Vec<Message>) -> Vec<Result<(), PublishError>> {
        let mut results = vec![Err(PublishError { code: None }); messages.len()];
        let entries = messages.into_iter().enumerate().filter_map(|(position, message)| {
            PublishBatchRequestEntry::builder()
                .id(position.to_string())
                .message(message.body)
                .message_group_id(message.group)
                .message_deduplication_id(message.deduplication)
                .build()
                .ok()
        });
        let request = self.client.publish_batch().topic_arn(&self.arn);
        let response = match request.set_publish_batch_request_entries(Some(entries.collect())).send().await {
            Ok(response) => response,
            Err(error) => {
                results.fill(Err(PublishError { code: ErrorCode::of(&error) }));
                return results;
            }
        };
        for accepted in response.successful() {
            if let Some(id) = accepted.id() {
                set_result(&mut results, id, Ok(()));
            }
        }
        for failed in response.failed() {
            let error = PublishError { code: ErrorCode::parse(failed.code()) };
            set_result(&mut results, failed.id(), Err(error));
        }
        results
    }
}

#[derive(Debug)]
struct Message {
    group: String,
    deduplication: String,
    body: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::testing::stage_changed;
    use std::sync::{Arc, Mutex};

    /// Publishes events while SNS refuses one of them once: what it was sent, by deduplication id, and the results.
    async fn published(
        events: &[Event],
        refused: &'static str,
    ) -> (Vec<Vec<String>>, Vec<Result<(), PublishError>>) {
        let requests: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_forms(move |form| {
            let values = |field: &str| -> Vec<String> {
                let is_field = |name: &str| name.ends_with(&format!(".{field}"));
                form.iter().filter(|(name, _)| is_field(name)).map(|(_, value)| value.clone()).collect()
            };
            let ids = values("MessageDeduplicationId");
            let member = |(id, deduplication): (String, &String)| {
                if deduplication == refused {
                    let code = "<Code>InternalError</Code><SenderFault>false</SenderFault>";
                    (String::new(), format!("<member><Id>{id}</Id>{code}</member>"))
                } else {
                    (format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>"), String::new())
                }
            };
            let (accepted, failed): (Vec<_>, Vec<_>) = values("Id").into_iter().zip(&ids).map(member).unzip();
            seen.lock().unwrap().push(ids);
            let (accepted, failed) = (accepted.concat(), failed.concat());
            format!(
                "<PublishBatchResponse><PublishBatchResult><Successful>{accepted}</Successful><Failed>{failed}</Failed></PublishBatchResult></PublishBatchResponse>"
            )
        });
        let topic =
            Topic::new(aws::sns(&config), "arn:aws:sns:ap-southeast-2:000000000000:t.fifo".to_owned());
        let results = topic.publish(&events.iter().collect::<Vec<_>>()).await;
        let requests = requests.lock().unwrap().clone();
        (requests, results)
    }

    fn event(ticket: &str, id: &str) -> Event {
        let mut event = stage_changed("a", "b");
        event.id = id.parse().unwrap();
        if let crate::EventKind::StageChanged { ticket: own, .. } = &mut event.kind {
            own.id = ticket.parse().unwrap();
        }
        event
    }

    /// B2 of the AWS facts: one entry of a batch fails, and the others are accepted.
    #[tokio::test]
    async fn what_follows_a_refused_event_of_its_ticket_is_not_sent_and_other_tickets_events_are() {
        let events =
            [event("x", "x1"), event("x", "x2"), event("x", "x3"), event("y", "y1"), event("y", "y2")];
        let (requests, results) = published(&events, "x2").await;
        assert_eq!(requests, [vec!["x1", "y1"], vec!["x2", "y2"]]);
        let refused = || Err(PublishError { code: ErrorCode::parse("InternalError") });
        assert_eq!(results, [Ok(()), refused(), refused(), Ok(()), Ok(())]);
    }

    #[test]
    fn the_engines_code_is_in_the_text_of_the_log() {
        let error = PublishError { code: ErrorCode::parse("KMSThrottling") };
        assert_eq!(crate::failure::chain(&error), "SNS did not accept the event: KMSThrottling");
    }
}
