//! The handlers as they are deployed: subscription, settings, dry run, the last day, and the dead letters of each.

use super::chart::Chart;
use super::layout::{Layout, Moment, address, shown};
use super::pauses::{Pausable, Pauses};
use crate::commands::status::{HandlerDay, Series, Source};
use crate::console::app::{App, OwnByOrganisation, apart};
use crate::handler_entries::Entry;
use crate::schedules::ScheduleState;
use anyhow::Result;
use askama::Template;
use automations::clock::Timestamp;
use automations::store::{OwnSettings, Paused};
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
    denied: Vec<&'static str>,
    token: String,
}

struct Handler {
    name: String,
    is_dry_run: bool,
    pausable: Pausable,
    policies: Vec<String>,
    settings: String,
    /// How many organisations have their own; none if it was not read.
    own_settings: Option<u64>,
    /// In how many it is disabled.
    disabled_in: u64,
    settings_page: String,
    schedule: Option<Schedule>,
    dead_letters: u64,
    dead_letters_page: String,
    events_page: String,
    try_page: String,
    /// Events of the last day; none if it was not read.
    decided: Option<u64>,
    failed: Option<u64>,
    chart: Option<Chart>,
}

/// A handler's schedule.
struct Schedule {
    expression: String,
    zone: String,
    is_enabled: bool,
    last: Option<Moment>,
    next: Option<Moment>,
}

pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let mut layout = Layout::of("/handlers");
    let stack = app.target.stack.clone();
    let read = apart(&app, async move |app, now| {
        let entries = app.entries(now).await?;
        // They are named as not read on the overview.
        let counts = app.dead_letter_queues(now).counts().await.unwrap_or_default();
        let schedules = app.schedules.get(now, Box::pin(schedules(&app, now))).await;
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        let days = app.handler_days.get(now, Box::pin(days(&app, &names, now))).await;
        let (pauses, own) = (Pauses::read(&app, now).await, app.settings(now).await);
        Ok((entries, counts, days, schedules, pauses, own))
    });
    let (mut handlers, mut denied) = (Vec::new(), Vec::new());
    if let Some((entries, counts, days, schedules, pauses, own)) = layout.take(read.await) {
        let (days, schedules) = (layout.take(days), layout.take(schedules).unwrap_or_default());
        let (pauses, own) = (layout.take(pauses).unwrap_or_default(), layout.take(own));
        let day = |entry: &Entry| days.as_ref().and_then(|days| days.get(&entry.name));
        let known = Known {
            counts: &counts,
            stack: &stack,
            schedules: &schedules,
            pauses: &pauses,
            own: own.as_deref(),
        };
        handlers.extend(entries.iter().map(|entry| handler(entry, day(entry), &known)));
        denied = pauses.denied;
    }
    shown(&Page { layout, handlers, denied, token: app.token.clone() })
}

async fn days(app: &App, handlers: &[String], now: Timestamp) -> Result<BTreeMap<String, HandlerDay>> {
    Source::of(&app.target)?.handler_days(handlers, now).await
}

async fn schedules(app: &App, now: Timestamp) -> Result<Vec<ScheduleState>> {
    Source::of(&app.target)?.schedules(now).await
}

/// What is known of all handlers.
struct Known<'a> {
    counts: &'a BTreeMap<String, u64>,
    stack: &'a str,
    schedules: &'a [ScheduleState],
    pauses: &'a Pauses,
    own: Option<&'a OwnByOrganisation>,
}

fn handler(entry: &Entry, day: Option<&HandlerDay>, known: &Known<'_>) -> Handler {
    let Known { counts, stack, schedules, pauses, own } = known;
    let own: Option<Vec<&OwnSettings>> = own.map(|all| {
        let all = all.iter().flat_map(|(_, own)| own).filter(|(handler, _)| handler == &entry.name);
        all.map(|(_, own)| own).collect()
    });
    let is_off = |own: &&&OwnSettings| own.enabled == Some(false);
    let Entry { name, settings, policies, dry_run } = entry;
    let queue = format!("{stack}-{name}-dead-letters.fifo");
    Handler {
        name: name.clone(),
        is_dry_run: *dry_run,
        pausable: pauses.of(&Paused::Handler(name.clone())),
        policies: policies.iter().map(|policy| indented(policy)).collect(),
        settings: indented(settings),
        own_settings: own.as_ref().and_then(|own| u64::try_from(own.len()).ok()),
        disabled_in: own.iter().flatten().filter(is_off).fold(0, |sum, _| sum.saturating_add(1)),
        settings_page: address("/settings", &[("handler", name)]),
        schedule: schedules.iter().find(|state| state.handler == *name).map(schedule),
        dead_letters: counts.get(&queue).copied().unwrap_or_default(),
        dead_letters_page: address("/dead-letters", &[("queue", &queue)]),
        events_page: address("/events", &[("handler", name)]),
        try_page: address("/handlers/try", &[("handler", name)]),
        decided: day.map(|day| sum(&day.decided)),
        failed: day.map(|day| sum(&day.dead_lettered)),
        chart: day.and_then(|day| Chart::of(&format!("events on which {name} decided"), &day.decided)),
    }
}

fn schedule(state: &ScheduleState) -> Schedule {
    let ScheduleState { expression, zone, is_enabled, last, next, .. } = state.clone();
    Schedule { expression, zone, is_enabled, last: last.map(Moment), next: next.map(Moment) }
}

fn sum(series: &Series) -> u64 {
    series.iter().fold(0, |all, value| all.saturating_add(*value))
}

/// JSON with a field on each line; as it is, if it is not JSON.
pub(super) fn indented(json: &str) -> String {
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
        let day = HandlerDay { decided: vec![2, 3], dead_lettered: vec![0, 1] };
        let bare = Entry { policies: vec![], dry_run: false, settings: String::new(), ..entry.clone() };
        let schedule = ScheduleState {
            handler: entry.name.clone(),
            expression: "cron(0 8 ? * MON *)".to_owned(),
            zone: "Australia/Sydney".to_owned(),
            is_enabled: true,
            last: None,
            next: Some(Timestamp::from_millis(0)),
            overdue: None,
        };
        let off = ScheduleState { is_enabled: false, next: None, ..schedule.clone() };
        let pauses = Pauses::default();
        let own = vec![("north".parse().unwrap(), vec![("<b>h".to_owned(), OwnSettings::default())])];
        let known =
            |schedules| Known { counts: &counts, stack: "a", schedules, pauses: &pauses, own: Some(&own) };
        let handlers = vec![
            handler(&entry, Some(&day), &known(&[schedule])),
            handler(&bare, None, &known(&[off])),
            handler(&bare, None, &known(&[])),
        ];
        let (layout, denied) = (Layout::of("/handlers"), Vec::new());
        let text = Page { layout, handlers, denied, token: String::new() }.render().unwrap();
        for part in [
            "&#60;b&#62;h",
            "dry run",
            "7 dead letters",
            "ticket.created",
            "not JSON",
            "has no subscription",
            "<a href=\"/settings?handler=%3Cb%3Eh\">Settings by organisation</a>: 1 has its own",
            "MON *), Australia/Sydney. Next <time datetime=\"1970-01-01T00:00:00.000Z\">",
            "It was never due yet.",
            "It is switched off.",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("decided on 5 events, and 1 of them became dead letters"), "{text}");
        assert_eq!(text.matches("<polyline").count(), 1, "{text}");
        assert!(!text.contains("<b>") && !text.contains("</pre><script>"), "{text}");
        assert_eq!(text.matches("class=\"mark\"").count(), 1);
        assert!(text.contains("href=\"/events?handler=%3Cb%3Eh\""), "{text}");
    }
}
