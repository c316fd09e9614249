//! The webhooks that Salestrekker sends. It is unknown what they contain, whether they are duplicated, reordered, delayed or
//! lost, and whether a change through the API sends one (salestrekker-facts.md, section 6), so each is an option.

use automations::clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// The content of a webhook's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// `{"id"}`: the only part that is confirmed.
    #[default]
    Id,
    /// `{"id", "event"}`.
    IdAndEvent,
    /// The whole ticket.
    Ticket,
    /// The id and the event, form-encoded.
    Form,
}

impl Payload {
    /// The name, as part of a URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::IdAndEvent => "id-and-event",
            Self::Ticket => "ticket",
            Self::Form => "form",
        }
    }

    /// The content type and the body of a webhook for this ticket.
    pub fn body(self, action: &str, ticket: &Value) -> (&'static str, String) {
        let id = ticket.get("id").and_then(Value::as_str).unwrap_or_default();
        let json = |body: Value| ("application/json", body.to_string());
        match self {
            Self::Id => json(json!({ "id": id })),
            Self::IdAndEvent => json(json!({ "id": id, "event": action })),
            Self::Ticket => json(ticket.clone()),
            Self::Form => ("application/x-www-form-urlencoded", format!("event={action}&id={id}")),
        }
    }
}

/// How an organisation's webhooks are sent. An action without a URL sends none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Webhooks {
    /// By action: `ticket-created`, `ticket-updated`, `ticket-stage-changed`.
    urls: BTreeMap<String, String>,
    payload: Payload,
    /// The number of additional copies of each webhook.
    duplicates: u32,
    /// Every nth webhook is lost: 1 loses all.
    lose_every: Option<NonZeroU64>,
    /// Every second webhook arrives before the one sent before it.
    reorder: bool,
    /// Milliseconds between the change and the webhook.
    delay_ms: u64,
    /// The number of times that a webhook is sent again after a response with status 5xx.
    retries: u32,
    /// Whether a change through the API sends webhooks too.
    pub(super) on_api_changes: bool,
    #[serde(skip)]
    count: u64,
}

/// A webhook to send.
#[derive(Debug)]
struct Delivery {
    url: String,
    content_type: &'static str,
    body: String,
    delay: Duration,
    reorder: bool,
    retries: u32,
}

/// A webhook that was due, whether sent or lost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DueWebhook {
    action: String,
    ticket: Value,
    lost: bool,
    at: u64,
}

/// Sends webhooks in the background.
#[derive(Debug, Clone)]
pub(super) struct WebhookSender {
    sender: UnboundedSender<Delivery>,
    pending: Arc<AtomicUsize>,
}

impl WebhookSender {
    /// Starts a sender, which runs until all its clones are dropped.
    pub(super) fn start() -> Self {
        let (sender, receiver) = unbounded_channel();
        let webhooks = Self { sender, pending: Arc::default() };
        tokio::spawn(deliver(receiver, Arc::clone(&webhooks.pending)));
        webhooks
    }

    /// The number of webhooks that have not arrived yet.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    fn enqueue(&self, delivery: Delivery) {
        self.pending.fetch_add(1, Ordering::SeqCst);
        // The receiver lives as long as the sender.
        let _ = self.sender.send(delivery);
    }
}

impl Webhooks {
    /// Sends the webhooks of this action according to the options, and returns those that were due.
    pub(super) fn send(&mut self, action: &str, ticket: &Value, sender: &WebhookSender) -> Vec<DueWebhook> {
        let Some(url) = self.urls.get(action).cloned() else { return Vec::new() };
        let mut due = Vec::new();
        for _ in 0..=self.duplicates {
            self.count = self.count.saturating_add(1);
            let lost = self.lose_every.is_some_and(|every| self.count.is_multiple_of(every.get()));
            due.push(DueWebhook {
                action: action.to_owned(),
                ticket: ticket.get("id").cloned().unwrap_or_default(),
                lost,
                at: clock::now().as_millis(),
            });
            if !lost {
                let (content_type, body) = self.payload.body(action, ticket);
                let (url, delay) = (url.clone(), Duration::from_millis(self.delay_ms));
                let (reorder, retries) = (self.reorder, self.retries);
                sender.enqueue(Delivery { url, content_type, body, delay, reorder, retries });
            }
        }
        due
    }
}

/// The longest time that a webhook is held back so that the next one arrives first.
const MAX_HOLD: Duration = Duration::from_millis(500);

/// The number of webhooks that are sent concurrently.
const MAX_CONCURRENT: usize = 8;

async fn deliver(mut queue: UnboundedReceiver<Delivery>, pending: Arc<AtomicUsize>) {
    let Ok(http) = reqwest::Client::builder().timeout(Duration::from_secs(10)).build() else { return };
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT));
    let mut held: Option<Delivery> = None;
    loop {
        let next = match &held {
            Some(_) => timeout(MAX_HOLD, queue.recv()).await.unwrap_or_default(),
            None => match queue.recv().await {
                Some(next) => Some(next),
                None => return,
            },
        };
        match next {
            Some(next) if next.reorder && held.is_none() => held = Some(next),
            next => {
                for delivery in [next, held.take()].into_iter().flatten() {
                    let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                    let (http, pending) = (http.clone(), Arc::clone(&pending));
                    tokio::spawn(async move {
                        send(&http, delivery).await;
                        pending.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    });
                }
            }
        }
    }
}

async fn send(http: &reqwest::Client, delivery: Delivery) {
    let Delivery { url, content_type, body, delay, retries, .. } = delivery;
    for _ in 0..=retries {
        #[expect(clippy::disallowed_methods, reason = "the delay is an option of the webhooks")]
        tokio::time::sleep(delay).await;
        let request = http.post(&url).header("content-type", content_type).body(body.clone());
        // It is unknown whether the vendor evaluates the response.
        let response = request.send().await;
        if response.is_ok_and(|response| !response.status().is_server_error()) {
            return;
        }
    }
}
