//! The error code of a failed AWS call: it says whether the service throttles, a permission is missing, or something else is
//! wrong. The service's message is never kept, as it may quote what was sent.

use crate::failure::Remedy;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// The codes with which AWS asks for fewer requests, or for the same one later, with HTTP 400 (the services' API references,
/// "Common errors"; Amazon DynamoDB Developer Guide, "Error handling"). Those in the second part are reasons of a cancelled
/// transaction (Amazon DynamoDB API Reference, `TransactWriteItems`).
const WAIT: [&str; 18] = [
    "KMS.ThrottlingException",
    "KMSThrottling",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
];
/// The codes of AWS are shorter than this.
const MAX_LENGTH: usize = 80;

/// An AWS error code, such as `ThrottlingException` or `AccessDenied`. As the source of an error it is part of the error's
/// text in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ErrorCode(Box<str>);

impl ErrorCode {
    /// The code in a failed call's response; none if there was no response, or none with a code.
    pub fn of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<Self> {
        Self::parse(error.code()?)
    }

    /// A code, as in an entry of a response; none if the text is not spelt like one.
    pub fn parse(code: &str) -> Option<Self> {
        let is_code = |character: char| character.is_ascii_alphanumeric() || "._".contains(character);
        ((1..=MAX_LENGTH).contains(&code.len()) && code.chars().all(is_code)).then(|| Self(code.into()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the service asks for fewer requests, or for the same one later: it throttles, or another write is in progress.
    pub fn asks_to_wait(&self) -> bool {
        WAIT.contains(&self.as_str())
    }

    /// What to do about a call without success that may succeed later, and that failed with this code.
    pub fn remedy(code: Option<&Self>) -> Remedy {
        if code.is_some_and(Self::asks_to_wait) {
            Remedy::Wait { after: None }
        } else {
            Remedy::Retry { after: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::failure::chain;
    use proptest::prelude::*;
    use serde_json::json;

    #[derive(Debug, thiserror::Error)]
    #[error("the service does not respond")]
    struct Unavailable(#[source] Option<ErrorCode>);

    #[tokio::test]
    async fn a_log_line_has_the_code_and_never_the_message() {
        let config = aws::stub::config_with_responses(|_| {
            (400, json!({ "__type": "com.amazonaws.x#ThrottlingException", "message": "for Jane Citizen" }))
        });
        let error = aws::sqs(&config).send_message().queue_url("http://127.0.0.1/q").message_body("x");
        let code = ErrorCode::of(&error.send().await.unwrap_err());
        assert!(code.as_ref().is_some_and(ErrorCode::asks_to_wait));
        assert_eq!(chain(&Unavailable(code)), "the service does not respond: ThrottlingException");
        assert_eq!(chain(&Unavailable(None)), "the service does not respond");
    }

    #[test]
    fn a_missing_permission_is_nothing_to_wait_for() {
        let asks_to_wait = |code| ErrorCode::parse(code).unwrap().asks_to_wait();
        assert!(!asks_to_wait("AccessDeniedException") && !asks_to_wait("ConditionalCheckFailed"));
        assert!(WAIT.into_iter().all(asks_to_wait));
    }

    #[test]
    fn a_sentence_is_not_a_code() {
        assert_eq!(["", "Jane Citizen", "jane@example.com"].map(ErrorCode::parse), [None, None, None]);
    }

    proptest! {
        #[test]
        fn no_other_text_passes_as_a_code(text in ".{0,120}") {
            let Some(code) = ErrorCode::parse(&text) else { return Ok(()) };
            prop_assert!(code.as_str().len() <= MAX_LENGTH && !code.as_str().contains([' ', '@', '-', '\n']));
        }
    }
}
