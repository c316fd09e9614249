//! The functions' input events.

use crate::aws::Message;
use crate::vendor::ORGANISATION;
use anyhow::Result;
use automations::clock;
use automations::id::{ActionId, HintId, OrganisationId, TicketId, WebhookAction};
use automations::json::to_json;
use automations::model::action::{Action, PlannedAction};
use automations::model::hint::Hint;
use automations::testing;
use axum::body::Bytes;
use serde_json::{Value, json};

/// The token at the end of a webhook's URL.
pub(crate) const WEBHOOK_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A request to a function URL: a webhook (POST), or a visit to its URL (GET).
pub(crate) fn request(method: &str, body: &str) -> Bytes {
    let path = format!("/hooks/{ORGANISATION}/ticket-updated/{WEBHOOK_TOKEN}");
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": { "content-type": "application/json", "host": "x.lambda-url.ap-southeast-2.on.aws", "user-agent": "bench" },
        "requestContext": {
            "accountId": "anonymous", "apiId": "x", "domainName": "x.lambda-url.ap-southeast-2.on.aws", "domainPrefix": "x",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "bench" },
            "requestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64
        },
        "body": body, "isBase64Encoded": false
    });
    Bytes::from(event.to_string())
}

/// The body of Salestrekker's webhook for a ticket.
pub(crate) fn webhook(ticket: &str) -> Bytes {
    request("POST", &json!({ "id": ticket }).to_string())
}

/// A batch of hints of webhooks, one per ticket.
pub(crate) fn hints(tickets: &[String]) -> Result<Bytes> {
    batch_of(tickets, Some(&WebhookAction::parse("ticket-updated")?))
}

/// A batch of hints of the reconciler, one per ticket.
pub(crate) fn checks(tickets: &[String]) -> Result<Bytes> {
    batch_of(tickets, None)
}

fn batch_of(tickets: &[String], action: Option<&WebhookAction>) -> Result<Bytes> {
    let hints = tickets.iter().enumerate().map(|(position, ticket)| {
        let hint = Hint {
            id: HintId::of("8476a536-e9f4-11e8-9739-2dfe598c3fcd", position)?,
            organisation: OrganisationId::parse(ORGANISATION)?,
            action: action.cloned(),
            received_at: clock::now(),
            ticket: Some(TicketId::parse(ticket.as_str())?),
            more: Vec::new(),
            reminder: false,
            raw: None,
            inbound: None,
            trace: None,
        };
        Ok(Message { body: to_json(&hint), group: String::new() })
    });
    Ok(batch(&hints.collect::<Result<Vec<_>>>()?))
}

/// A batch of events for which the handler plans actions.
pub(crate) fn events(count: usize) -> Bytes {
    let body = to_json(&testing::stage_changed("Approved", "Settled"));
    batch(&vec![Message { body, group: String::new() }; count])
}

/// A label for each of these tickets, which none has at first.
pub(crate) fn labelled(tickets: &[String]) -> impl Iterator<Item = (&String, &str)> {
    tickets.iter().map(|ticket| (ticket, "Post-settlement"))
}

/// A batch of actions, each of which adds a label to a ticket. A new `serial` gives them new ids.
pub(crate) fn actions<'a>(
    labels: impl IntoIterator<Item = (&'a String, &'a str)>,
    serial: usize,
) -> Result<Bytes> {
    let event = testing::stage_changed("Approved", "Settled");
    let actions = labels.into_iter().enumerate().map(|(position, (ticket, label))| {
        let planned = PlannedAction {
            chain: Vec::new(),
            hint: None,
            id: ActionId::of(&event.id, &format!("bench-{serial}"), position)?,
            organisation: OrganisationId::parse(ORGANISATION)?,
            event: event.id.clone(),
            ticket_version: None,
            handler: "bench".to_owned(),
            decided_at: clock::now(),
            attempt: 1,
            resent: None,
            action: Action::AddLabel {
                ticket: TicketId::parse(ticket.as_str())?,
                label: label.to_owned(),
                seen: None,
            },
        };
        Ok(Message { body: to_json(&planned), group: planned.message_group().to_string() })
    });
    Ok(batch(&actions.collect::<Result<Vec<_>>>()?))
}

/// A batch of a queue's messages, as Lambda delivers it.
pub(crate) fn batch(messages: &[Message]) -> Bytes {
    let records: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(position, Message { body, group })| {
            json!({
                "messageId": format!("message-{position}"), "receiptHandle": "receipt", "body": body,
                "attributes": { "ApproximateReceiveCount": "1", "MessageGroupId": group, "SentTimestamp": "1" },
                "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:ap-southeast-2:000000000000:q", "awsRegion": "ap-southeast-2"
            })
        })
        .collect();
    Bytes::from(json!({ "Records": records }).to_string())
}
