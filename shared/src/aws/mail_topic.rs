//! Publishing a text for people on an SNS topic, which sends it as e-mail.

use crate::aws::ErrorCode;
use crate::failure::{Failure, Remedy};
use crate::reason::Reason;
use aws_sdk_sns::Client;

/// Characters of an e-mail's subject (Amazon SNS API Reference, "Publish": fewer than 100, ASCII, no line break).
const MAX_SUBJECT: usize = 99;

/// The topic.
#[derive(Debug, Clone)]
pub struct MailTopic {
    client: Client,
    arn: String,
}

/// The topic did not accept a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SNS did not accept the text for the topic of e-mails")]
pub struct MailError {
    /// SNS's error code; none if there was no response.
    #[source]
    pub code: Option<ErrorCode>,
}

impl Failure for MailError {
    fn remedy(&self) -> Remedy {
        ErrorCode::remedy(self.code.as_ref())
    }

    fn reason(&self) -> Reason {
        Reason::PublishFailed
    }
}

impl MailTopic {
    /// The topic with this ARN.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Publishes a text. The subject is shortened to what SNS takes.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn publish(&self, subject: &str, text: &str) -> Result<(), MailError> {
        let request = self.client.publish().topic_arn(&self.arn).subject(short(subject)).message(text);
        request.send().await.map(drop).map_err(|error| MailError { code: ErrorCode::of(&error) })
    }
}

fn short(subject: &str) -> String {
    subject.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(MAX_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        assert_eq!(short("a\nb – c"), "ab  c");
        assert_eq!(short(&"x".repeat(300)).len(), MAX_SUBJECT);
    }
}
