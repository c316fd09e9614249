//! The webhooks that Salestrekker sends. What they hold, whether they come twice, out of order, late or not at all, and
//! whether a change through the API sends one is not known (salestrekker-facts.md, section 6): each is a switch.

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

/// What a webhook's body holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// `{"id"}`: all that is proven.
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
    /// Its name, as a URL can hold it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::IdAndEvent => "id-and-event",
            Self::Ticket => "ticket",
            Self::Form => "form",
        }
    }

    /// The content type and the body of a webhook about this ticket.
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

/// How an organisation's webhooks are sent; none where there is no URL.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Webhooks {
    /// By action: `ticket-created`, `ticket-updated`, `ticket-stage-changed`.
    urls: BTreeMap<String, String>,
    payload: Payload,
    /// So many more of each.
    duplicates: u32,
    /// Every such one is not sent: 1 for none at all.
    lose_every: Option<NonZeroU64>,
    /// Each second one overtakes the one before it.
    reorder: bool,
    /// Milliseconds between the change and the webhook.
    delay_ms: u64,
    /// Whether a change through the API sends one too.
    pub(super) on_api_changes: bool,
    #[serde(skip)]
    count: u64,
}

/// A webhook on its way.
#[derive(Debug)]
struct Delivery {
    url: String,
    content_type: &'static str,
    body: String,
    delay: Duration,
    reorder: bool,
}

/// A webhook that was due: sent or lost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Due {
    action: String,
    ticket: Value,
    lost: bool,
    at: u64,
}

/// Where webhooks are put to be sent.
#[derive(Debug, Clone)]
pub(super) struct Post {
    sender: UnboundedSender<Delivery>,
    pending: Arc<AtomicUsize>,
}

impl Post {
    /// A post office of its own, which works until nobody can put anything in.
    pub(super) fn open() -> Self {
        let (sender, receiver) = unbounded_channel();
        let post = Self { sender, pending: Arc::default() };
        tokio::spawn(deliver(receiver, Arc::clone(&post.pending)));
        post
    }

    /// How many webhooks have not arrived yet.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    fn put(&self, delivery: Delivery) {
        self.pending.fetch_add(1, Ordering::SeqCst);
        // The receiver lives as long as the world that holds the sender.
        let _ = self.sender.send(delivery);
    }
}

impl Webhooks {
    /// Puts a webhook for this action into the post, as the switches say; what was due.
    pub(super) fn send(&mut self, action: &str, ticket: &Value, post: &Post) -> Vec<Due> {
        let Some(url) = self.urls.get(action).cloned() else { return Vec::new() };
        let mut due = Vec::new();
        for _ in 0..=self.duplicates {
            self.count = self.count.saturating_add(1);
            let lost = self.lose_every.is_some_and(|every| self.count.is_multiple_of(every.get()));
            due.push(Due {
                action: action.to_owned(),
                ticket: ticket.get("id").cloned().unwrap_or_default(),
                lost,
                at: clock::now().as_millis(),
            });
            if !lost {
                let (content_type, body) = self.payload.body(action, ticket);
                let (url, delay, reorder) = (url.clone(), Duration::from_millis(self.delay_ms), self.reorder);
                post.put(Delivery { url, content_type, body, delay, reorder });
            }
        }
        due
    }
}

/// One that is to be overtaken waits for the next this long.
const MAX_HOLD: Duration = Duration::from_millis(500);

/// So many are sent at once.
const SENT_AT_ONCE: usize = 8;

async fn deliver(mut post: UnboundedReceiver<Delivery>, pending: Arc<AtomicUsize>) {
    let Ok(http) = reqwest::Client::builder().timeout(Duration::from_secs(10)).build() else { return };
    let turns = Arc::new(Semaphore::new(SENT_AT_ONCE));
    let mut held: Option<Delivery> = None;
    loop {
        let next = match &held {
            Some(_) => timeout(MAX_HOLD, post.recv()).await.unwrap_or_default(),
            None => match post.recv().await {
                Some(next) => Some(next),
                None => return,
            },
        };
        match next {
            Some(next) if next.reorder && held.is_none() => held = Some(next),
            next => {
                for delivery in [next, held.take()].into_iter().flatten() {
                    let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
                    let (http, pending) = (http.clone(), Arc::clone(&pending));
                    tokio::spawn(async move {
                        send(&http, delivery).await;
                        pending.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    });
                }
            }
        }
    }
}

async fn send(http: &reqwest::Client, delivery: Delivery) {
    let Delivery { url, content_type, body, delay, .. } = delivery;
    #[expect(clippy::disallowed_methods, reason = "being late is what was asked for")]
    tokio::time::sleep(delay).await;
    // The vendor is not known to look at the answer.
    let _ = http.post(url).header("content-type", content_type).body(body).send().await;
}
