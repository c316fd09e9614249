//! Sending to SQS in full batches. Every partial failure is detected.

use crate::aws;
use crate::aws::ErrorCode;
use crate::aws::ordered::{BatchLimits, Entry, send_in_order, set_result};
use crate::failure::{Failure, Remedy};
use crate::id::OrganisationId;
use crate::model::message_group::MessageGroup;
use crate::reason::Reason;
use crate::telemetry::xray::TraceHeader;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends as SystemAttribute, MessageSystemAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use std::collections::HashMap;

/// The size in bytes of a message, and of a batch (Amazon SQS Developer Guide, "Amazon SQS message quotas").
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// A batch has at most ten messages (the same page).
const LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: MAX_BATCH_BYTES };

/// A queue to send to.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Its body.
    pub body: String,
    /// The kind of queue that it is for, and its place there.
    pub place: Place,
    /// The X-Ray trace that it belongs to.
    pub trace: Option<TraceHeader>,
}

/// The approximate number of messages in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Those that can be received now.
    pub visible: u64,
    /// Those in flight, which are worked on or failed and wait for their next delivery, and delayed ones.
    pub hidden: u64,
}

/// The place of a message among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a FIFO queue: after the earlier messages of its group. A message with the same deduplication id and group is dropped
    /// for five minutes.
    InOrder {
        /// Its message group.
        group: MessageGroup,
        /// Its deduplication id, at most 128 characters.
        deduplication: String,
    },
    /// In a standard queue, which shares its capacity fairly between organisations: one that floods it does not delay another
    /// (Amazon SQS Developer Guide, "Amazon SQS fair queues").
    FairShare {
        /// The organisation.
        of: OrganisationId,
    },
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// SQS did not respond, throttles, or its response does not mention this message.
    #[error("SQS is unavailable")]
    Unavailable {
        /// The error code, if there was a response.
        #[source]
        code: Option<ErrorCode>,
    },
    /// SQS rejected this message.
    #[error("SQS rejects the message; check the queue and the function's role in template.yaml")]
    Rejected {
        /// The error code.
        #[source]
        code: Option<ErrorCode>,
    },
}

impl Error {
    fn of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Self {
        let code = ErrorCode::of(error);
        if aws::is_client_error(error) { Self::Rejected { code } } else { Self::Unavailable { code } }
    }
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable { code } => ErrorCode::remedy(code.as_ref()),
            // The usual cause is a role or a queue, which an operator can fix while the message waits.
            Self::Rejected { .. } => Remedy::Retry { after: None },
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Unavailable { .. } => Reason::QueueUnavailable,
            Self::Rejected { .. } => Reason::QueueRejected,
        }
    }
}

impl Queue {
    /// The queue with this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends messages in as few calls as SQS and the order of each message group allow; one result for each, in their order. What
    /// follows a failed message in its group is not sent.
    pub async fn send(&self, messages: Vec<OutgoingMessage>) -> Vec<Result<(), Error>> {
        let entries = messages.into_iter().map(|message| Entry {
            group: match &message.place {
                Place::InOrder { group, .. } => Some(group.to_string()),
                Place::FairShare { .. } => None,
            },
            size: message.body.len(),
            content: message,
        });
        send_in_order(entries.collect(), LIMITS, |batch| self.send_batch(batch)).await
    }

    /// How many messages are in the queue.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn length(&self) -> Result<Length, Error> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let request = request.set_attribute_names(Some(names.to_vec()));
        let response = request.send().await.map_err(|error| Error::of(&error))?;
        let count = |name| response.attributes().and_then(|all| all.get(name)?.parse::<u64>().ok());
        let counts: Option<Vec<u64>> = names.iter().map(count).collect();
        match counts.as_deref() {
            Some([visible, others @ ..]) => {
                let hidden = others.iter().copied().fold(0, u64::saturating_add);
                Ok(Length { visible: *visible, hidden })
            }
            Some([]) | None => Err(Error::Unavailable { code: None }),
        }
    }

    async fn send_batch(&self, batch: Vec<OutgoingMessage>) -> Vec<Result<(), Error>> {
        let count = batch.len();
        let entries = batch.into_iter().enumerate().filter_map(|(position, message)| {
            let (group, deduplication) = match message.place {
                Place::InOrder { group, deduplication } => (group.to_string(), Some(deduplication)),
                Place::FairShare { of } => (of.into(), None),
            };
            SendMessageBatchRequestEntry::builder()
                .id(position.to_string())
                .message_body(message.body)
                .message_group_id(group)
                .set_message_deduplication_id(deduplication)
                .set_message_system_attributes(message.trace.as_ref().and_then(trace_attributes))
                .build()
                .ok()
        });
        let request =
            self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries.collect()));
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return vec![Err(Error::of(&error)); count],
        };
        // A message that the response does not mention was not accepted.
        let mut results = vec![Err(Error::Unavailable { code: None }); count];
        for accepted in response.successful() {
            set_result(&mut results, accepted.id(), Ok(()));
        }
        for failed in response.failed() {
            let code = ErrorCode::parse(failed.code());
            let error =
                if failed.sender_fault() { Error::Rejected { code } } else { Error::Unavailable { code } };
            set_result(&mut results, failed.id(), Err(error));
        }
        results
    }
}

/// The attribute by which X-Ray links the receiver of a message to its sender.
fn trace_attributes(trace: &TraceHeader) -> Option<HashMap<SystemAttribute, MessageSystemAttributeValue>> {
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace.as_str());
    Some(HashMap::from([(SystemAttribute::AwsTraceHeader, value.build().ok()?)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// C2 of the AWS facts: what fails is in flight for up to a quarter of an hour.
    #[tokio::test]
    async fn messages_in_flight_and_delayed_ones_are_counted_apart_from_those_that_can_be_received() {
        let config = aws::stub::config_with_responses(|_| {
            let counts = json!({
                "ApproximateNumberOfMessages": "1",
                "ApproximateNumberOfMessagesNotVisible": "20",
                "ApproximateNumberOfMessagesDelayed": "300",
            });
            (200, json!({ "Attributes": counts }))
        });
        let queue = Queue::new(aws::sqs(&config), "http://127.0.0.1/q".to_owned());
        assert_eq!(queue.length().await, Ok(Length { visible: 1, hidden: 320 }));
    }

    /// C7: throttling comes as HTTP 400.
    #[tokio::test]
    async fn throttling_with_status_400_is_not_taken_for_a_rejection() {
        let length = async |code: &'static str| {
            let config = aws::stub::config_with_responses(move |_| {
                (400, json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "x" }))
            });
            Queue::new(aws::sqs(&config), "http://127.0.0.1/q".to_owned()).length().await
        };
        let code = |code| ErrorCode::parse(code);
        for throttled in ["RequestThrottled", "ThrottlingException"] {
            assert_eq!(length(throttled).await, Err(Error::Unavailable { code: code(throttled) }));
        }
        let denied = "AccessDeniedException";
        assert_eq!(length(denied).await, Err(Error::Rejected { code: code(denied) }));
    }

    #[tokio::test]
    async fn each_refused_entry_of_a_batch_keeps_its_own_code() {
        let config = aws::stub::config_with_responses(|_| {
            let failed = |id: &str, code: &str, sender_fault| json!({ "Id": id, "Code": code, "SenderFault": sender_fault });
            let failed = [failed("1", "InternalError", false), failed("2", "InvalidMessageContents", true)];
            (
                200,
                json!({ "Successful": [{ "Id": "0", "MessageId": "m", "MD5OfMessageBody": "x" }], "Failed": failed }),
            )
        });
        let queue = Queue::new(aws::sqs(&config), "http://127.0.0.1/q".to_owned());
        let place = Place::FairShare { of: OrganisationId::parse("north").unwrap() };
        let message = OutgoingMessage { body: "x".to_owned(), place, trace: None };
        let sent = queue.send(vec![message; 4]).await;
        let code = |code| ErrorCode::parse(code);
        let expected = [
            Ok(()),
            Err(Error::Unavailable { code: code("InternalError") }),
            Err(Error::Rejected { code: code("InvalidMessageContents") }),
            Err(Error::Unavailable { code: None }),
        ];
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_trace_goes_along_where_x_ray_looks_for_it() {
        let trace = TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1").unwrap();
        let attributes = trace_attributes(&trace).unwrap();
        let value = attributes.get(&SystemAttribute::AwsTraceHeader).and_then(|value| value.string_value());
        assert_eq!((attributes.len(), value), (1, Some(trace.as_str())));
    }
}
