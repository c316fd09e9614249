//! The body of a notice, in the destination's format.

use super::{Content, Notice, Report};
use crate::json;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;
use serde_json::{Value, json};

/// The format of a notice's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON for a program: `{"type", "timestamp", "data"}`. The type of a text is `notice`, and its data `{"text", "organisation",
    /// "ticket", "event", "handler"}`; that of an event is the event's kind, with `"fields"` and `"link"` in place of the text.
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
        json::to_json(&match self {
            Self::Standard => standard(notice),
            Self::Slack | Self::Teams => self.for_people(&text(&notice.content)),
        })
    }

    /// The body of a message of the system, as JSON.
    pub(super) fn report(self, report: &Report<'_>) -> String {
        json::to_json(&match self {
            Self::Standard => {
                let mut data = report.data.clone();
                if let Value::Object(data) = &mut data {
                    data.insert("text".to_owned(), report.text.into());
                }
                json!({ "type": report.kind, "timestamp": report.at, "data": data })
            }
            Self::Slack | Self::Teams => self.for_people(report.text),
        })
    }

    fn for_people(self, text: &str) -> Value {
        match self {
            Self::Standard => json!({ "text": text }),
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
        }
    }
}

fn standard(notice: &Notice<'_>) -> Value {
    let planned = notice.planned;
    let at = i64::try_from(planned.decided_at.as_millis()).unwrap_or(i64::MAX);
    let (kind, content) = match &notice.content {
        Content::Text(text) => ("notice", json!({ "text": text })),
        Content::Event { kind, fields, link } => (kind.as_str(), json!({ "fields": fields, "link": link })),
    };
    let mut data = json!({
        "organisation": planned.organisation,
        "ticket": planned.action.ticket(),
        "event": planned.event,
        "handler": planned.handler,
    });
    if let (Value::Object(data), Value::Object(content)) = (&mut data, content) {
        data.extend(content);
    }
    json!({
        "type": kind,
        "timestamp": DateTime::from_millis(at).fmt(DateTimeFormat::DateTime).unwrap_or_default(),
        "data": data,
    })
}

/// The content for people: of an event, a line for each field.
fn text(content: &Content) -> String {
    match content {
        Content::Text(text) => text.reveal().clone(),
        Content::Event { kind, fields, link } => {
            let lines = fields.reveal().iter().map(|(name, value)| format!("{name}: {}", shown(value)));
            [kind.clone()].into_iter().chain(lines).chain(link.clone()).collect::<Vec<_>>().join("\n\n")
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Escapes the three characters that begin a link or a mention in Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::DestinationName;
    use crate::model::action::{Action, PlannedAction};
    use crate::private::Private;
    use crate::testing;

    #[test]
    fn a_name_cannot_mention_everybody() {
        assert_eq!(escaped("<!channel> & co"), "&lt;!channel&gt; &amp; co");
    }

    /// The body of an event with a stage, an amount and a link.
    fn body(format: Format) -> Value {
        let event = testing::stage_changed("Approved", "Settled");
        let destination = DestinationName::parse("crm").unwrap();
        let action = Action::notify_json(&event, &destination, &["to.stage.name", "ticket.value"]);
        let Action::NotifyJson { event: kind, fields, .. } = action.clone() else { panic!("{action:?}") };
        let planned = PlannedAction {
            id: event.action_id("h", 0).unwrap(),
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: None,
            chain: Vec::new(),
            ticket_version: Some(2),
            handler: "h".to_owned(),
            decided_at: Timestamp::from_millis(1_790_000_000_000),
            attempt: 1,
            resent: None,
            action,
        };
        let link = Some("https://a.example/deal/w/t?a&b".to_owned());
        let content = Content::Event { kind, fields: Private::new(fields), link };
        let notice = Notice { planned: &planned, destination: &destination, content };
        serde_json::from_str(&format.body(&notice)).unwrap()
    }

    #[test]
    fn an_event_is_json_for_a_program_with_its_kind_its_fields_and_a_link() {
        let body = body(Format::Standard);
        assert_eq!(body["type"], "ticket.stage_changed");
        assert_eq!(body["timestamp"], "2026-09-21T14:13:20Z");
        assert_eq!(body["data"]["fields"], json!({ "to.stage.name": "Settled", "ticket.value": 450_000 }));
        assert_eq!(body["data"]["link"], "https://a.example/deal/w/t?a&b");
        assert_eq!(body["data"]["ticket"], "ticket-1");
        assert_eq!(body["data"]["organisation"], "north");
        assert!(body["data"].get("text").is_none() && body["data"]["event"].is_string());
    }

    #[test]
    fn a_message_of_the_system_is_a_text_for_people_and_json_for_a_program() {
        let data = json!({ "alarm": "automations-outbox-backlog" });
        let at = Timestamp::from_millis(1_790_000_000_000);
        let report = Report { id: "a", kind: "alarm", at, text: "a & b", data: &data };
        let body = |format: Format| serde_json::from_str::<Value>(&format.report(&report)).unwrap();
        let standard = body(Format::Standard);
        assert_eq!(
            (&standard["type"], &standard["timestamp"]),
            (&json!("alarm"), &json!("2026-09-21T14:13:20.000Z"))
        );
        assert_eq!(standard["data"], json!({ "alarm": "automations-outbox-backlog", "text": "a & b" }));
        assert_eq!(body(Format::Slack), json!({ "text": "a &amp; b" }));
        assert_eq!(body(Format::Teams)["attachments"][0]["content"]["body"][0]["text"], "a & b");
    }

    #[test]
    fn an_event_is_lines_for_people() {
        let lines = "ticket.stage_changed\n\nticket.value: 450000\n\nto.stage.name: Settled\n\nhttps://a.example/deal/w/t?a";
        assert_eq!(body(Format::Slack)["text"], format!("{lines}&amp;b"));
        let card = body(Format::Teams);
        assert_eq!(card["attachments"][0]["content"]["body"][0]["text"], format!("{lines}&b"));
    }
}
