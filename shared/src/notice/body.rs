//! The body of a notice, in the destination's format.

use super::Notice;
use crate::json;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;
use serde_json::json;

/// The format of a notice's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON for a program: `{"type", "timestamp", "data": {"text", "organisation", "ticket", "event", "handler"}}`.
    #[default]
    Standard,
    /// A Slack incoming webhook: `{"text"}`.
    Slack,
    /// A Teams workflow: a message with an adaptive card.
    Teams,
}

impl Format {
    /// The body, as JSON.
    pub(super) fn body(self, notice: &Notice<'_>) -> String {
        let text = notice.text.reveal();
        let value = match self {
            Self::Standard => {
                let at = i64::try_from(notice.planned.decided_at.as_millis()).unwrap_or(i64::MAX);
                json!({
                    "type": "notice",
                    "timestamp": DateTime::from_millis(at).fmt(DateTimeFormat::DateTime).unwrap_or_default(),
                    "data": {
                        "text": text,
                        "organisation": notice.planned.organisation,
                        "ticket": notice.planned.action.ticket(),
                        "event": notice.planned.event,
                        "handler": notice.planned.handler,
                    },
                })
            }
            Self::Slack => json!({ "text": escaped(text) }),
            Self::Teams => json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": [{ "type": "TextBlock", "text": text, "wrap": true }],
                    },
                }],
            }),
        };
        json::to_json(&value)
    }
}

/// Escapes the three characters that begin a link or a mention in Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_mention_everybody() {
        assert_eq!(escaped("<!channel> & co"), "&lt;!channel&gt; &amp; co");
    }
}
