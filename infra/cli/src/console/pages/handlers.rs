//! The handlers as they are deployed: subscription, settings, dry run, and the dead letters of each.

use super::layout::{Layout, address, shown};
use crate::console::app::{App, apart};
use crate::handler_entries::{self, Clients, Entry};
use anyhow::Result;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "handlers.html")]
struct Page {
    layout: Layout,
    handlers: Vec<Handler>,
}

struct Handler {
    name: String,
    is_dry_run: bool,
    policies: Vec<String>,
    settings: String,
    dead_letters: u64,
    dead_letters_page: String,
    events_page: String,
    try_it: String,
}

pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let mut layout = Layout::of("/handlers");
    let stack = app.target.stack.clone();
    let read = apart(&app, async move |app, now| {
        let entries = app.entries.get(now, entries(&app)).await?;
        // They are named as not read on the overview.
        let counts = app.dead_letter_queues(now).counts().await.unwrap_or_default();
        Ok((entries, counts))
    });
    let read = layout.take(read.await);
    let handlers = read.iter().flat_map(|(entries, counts)| {
        entries.iter().map(|entry| handler(entry, counts, &stack)).collect::<Vec<_>>()
    });
    let handlers = handlers.collect();
    shown(&Page { layout, handlers })
}

/// The entries that are deployed.
pub(super) async fn entries(app: &App) -> Result<Vec<Entry>> {
    let config = &app.target.config;
    let clients = Clients {
        cloudformation: &aws_sdk_cloudformation::Client::new(config),
        lambda: &aws_sdk_lambda::Client::new(config),
        sns: &automations::aws::sns(config),
    };
    handler_entries::deployed(&clients, &app.target.stack).await
}

fn handler(entry: &Entry, counts: &BTreeMap<String, u64>, stack: &str) -> Handler {
    let Entry { name, settings, policies, dry_run } = entry;
    let queue = format!("{stack}-{name}-dead-letters.fifo");
    Handler {
        name: name.clone(),
        is_dry_run: *dry_run,
        policies: policies.iter().map(|policy| indented(policy)).collect(),
        settings: indented(settings),
        dead_letters: counts.get(&queue).copied().unwrap_or_default(),
        dead_letters_page: address("/dead-letters", &[("queue", &queue)]),
        events_page: address("/events", &[("handler", name)]),
        try_it: format!("automations dry-run {name} --since 24h"),
    }
}

/// JSON with a field on each line; as it is, if it is not JSON.
fn indented(json: &str) -> String {
    let value: Option<Value> = serde_json::from_str(json).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_has_its_subscription_settings_dry_run_and_dead_letters_and_all_of_it_is_text() {
        let entry = Entry {
            name: "<b>h".to_owned(),
            settings: "{\"label\": \"</pre><script>\"}".to_owned(),
            policies: vec!["{\"type\": [\"ticket.created\"]}".to_owned(), "not JSON".to_owned()],
            dry_run: true,
        };
        let counts = [("a-<b>h-dead-letters.fifo".to_owned(), 7)].into();
        let handlers = vec![
            handler(&entry, &counts, "a"),
            handler(
                &Entry { policies: vec![], dry_run: false, settings: String::new(), ..entry },
                &counts,
                "a",
            ),
        ];
        let text = Page { layout: Layout::of("/handlers"), handlers }.render().unwrap();
        for part in
            ["&#60;b&#62;h", "dry run", "7 dead letters", "ticket.created", "not JSON", "has no subscription"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("<b>") && !text.contains("</pre><script>"), "{text}");
        assert_eq!(text.matches("class=\"mark\"").count(), 1);
        assert!(text.contains("href=\"/events?handler=%3Cb%3Eh\""), "{text}");
    }
}
