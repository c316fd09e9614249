//! The pipeline from left to right, and what needs a person: as `automations status`.

use super::chart::Chart;
use super::layout::{Layout, Moment, address, shown};
use super::pauses::{Pausable, Pauses};
use crate::commands::dead_letters::Summary;
use crate::commands::status::{
    Attention, Counted, History, OrganisationState, Part, QueueState, Series, Source, Status, last_hour,
};
use crate::console::app::{App, OwnByOrganisation, apart};
use crate::report::count;
use crate::time::age;
use anyhow::Result;
use askama::Template;
use automations::clock::Timestamp;
use automations::store::Paused;
use axum::extract::State;
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    layout: Layout,
    state: String,
    read_at: Option<Moment>,
    stages: Vec<Stage>,
    attention: Vec<Attention>,
    pauses: Pauses,
    /// What can be paused here.
    pausable: Pausable,
    denied: Vec<&'static str>,
    token: String,
    queues: Vec<QueueRow>,
    organisations: Vec<OrganisationRow>,
    /// Handlers that are disabled, in which organisations, and the page of their settings.
    disabled: Vec<(String, String, String)>,
}

/// A part of the pipeline.
struct Stage {
    name: &'static str,
    facts: Vec<(&'static str, String)>,
    chart: Option<Chart>,
}

/// A queue with its dead letters.
#[derive(Debug, Clone, Default)]
struct QueueRow {
    name: String,
    waiting: u64,
    in_flight: u64,
    oldest_s: Option<u64>,
    dead_letters: u64,
    dead_letters_page: String,
    sent: Option<Series>,
    chart: Option<Chart>,
}

struct OrganisationRow {
    name: String,
    token: String,
    last_webhook: Option<Moment>,
    webhooks: &'static str,
    check: String,
}

impl QueueRow {
    fn oldest(&self) -> String {
        self.oldest_s.map_or_else(|| "–".to_owned(), age)
    }

    fn last_hour(&self) -> String {
        self.sent.as_ref().map_or_else(|| "–".to_owned(), |sent| last_hour(sent).to_string())
    }
}

pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let mut layout = Layout { live: 10, ..Layout::of("/") };
    let read = apart(&app, async move |app, now| {
        let status = app.status(now).await?;
        let history = app.history.get(now, Box::pin(history(&app, &status, now))).await;
        Ok((status, history, Pauses::read(&app, now).await, app.settings(now).await))
    });
    let token = app.token.clone();
    let Some((status, history, pauses, own)) = layout.take(read.await) else {
        return shown(&Page::unread(layout, token));
    };
    let (history, pauses) = (layout.take(history), layout.take(pauses).unwrap_or_default());
    let disabled = layout.take(own).map(|own| disabled(&own)).unwrap_or_default();
    shown(&Page { disabled, ..Page::of(layout, &status, history.as_deref(), pauses, token) })
}

impl Page {
    fn unread(layout: Layout, token: String) -> Self {
        let pauses = Pauses::default();
        Self {
            layout,
            state: "not read".to_owned(),
            read_at: None,
            stages: Vec::new(),
            attention: Vec::new(),
            pausable: pauses.of(&Paused::Writing),
            pauses,
            denied: Vec::new(),
            token,
            queues: Vec::new(),
            organisations: Vec::new(),
            disabled: Vec::new(),
        }
    }

    fn of(layout: Layout, status: &Status, history: Option<&History>, pauses: Pauses, token: String) -> Self {
        let queues = queues(status, history);
        Self {
            state: format!("{} is {}", status.stack, status.state),
            read_at: Some(Moment(status.at)),
            stages: stages(status, &queues, history),
            attention: status.attention(),
            pausable: pauses.of(&Paused::Writing),
            denied: pauses.denied.clone(),
            pauses,
            token,
            organisations: read_part(&status.organisations).iter().map(organisation).collect(),
            disabled: Vec::new(),
            queues,
            layout,
        }
    }
}

async fn history(app: &App, status: &Status, now: Timestamp) -> Result<History> {
    let queues: Vec<String> = read_part(&status.queues).iter().map(|queue| queue.queue.clone()).collect();
    Source::of(&app.target)?.history(&queues, now).await
}

/// What was read; why not is among what needs a person.
fn read_part<T>(part: &Part<Vec<T>>) -> &[T] {
    match part {
        Part::Read(items) => items,
        Part::NotRead(_) => &[],
    }
}

fn queues(status: &Status, history: Option<&History>) -> Vec<QueueRow> {
    let of_source = read_part(&status.dead_letters).iter().map(|dead| {
        let Summary { queue, count, held, .. } = dead;
        let page = address("/dead-letters", &[("queue", queue)]);
        (queue.replacen("-dead-letters", "", 1), (count.saturating_add(*held), page))
    });
    let of_source: BTreeMap<String, (u64, String)> = of_source.collect();
    let row = |QueueState { queue, waiting, in_flight, oldest_s }: &QueueState| {
        let sent = history.and_then(|history| history.sent.get(queue)).cloned();
        let (dead_letters, dead_letters_page) = of_source.get(queue).cloned().unwrap_or_default();
        QueueRow {
            name: queue.clone(),
            waiting: *waiting,
            in_flight: *in_flight,
            oldest_s: *oldest_s,
            dead_letters,
            dead_letters_page,
            chart: sent.as_ref().and_then(|sent| Chart::of(&format!("messages sent to {queue}"), sent)),
            sent,
        }
    };
    read_part(&status.queues).iter().map(row).collect()
}

/// The stages in the order in which a webhook passes through them.
fn stages(status: &Status, queues: &[QueueRow], history: Option<&History>) -> Vec<Stage> {
    let (hints, actions) = (format!("{}-hints", status.stack), format!("{}-actions.fifo", status.stack));
    let named = |name: &str| queues.iter().filter(|row| row.name == name).cloned().collect::<Vec<_>>();
    let of_handlers = queues.iter().filter(|row| row.name != hints && row.name != actions);
    let of_handlers: Vec<QueueRow> = of_handlers.cloned().collect();
    let counted = |name, what: &str, counted| {
        let series = history.and_then(|history| history.counted.get(&counted));
        let hour = series.map_or_else(|| "–".to_owned(), |series| last_hour(series).to_string());
        Stage {
            name,
            facts: vec![("Last hour", hour)],
            chart: series.and_then(|series| Chart::of(what, series)),
        }
    };
    let mut webhooks = counted("Webhooks", "webhooks", Counted::Webhooks);
    let organisations = read_part(&status.organisations);
    let last = organisations.iter().filter_map(|state| state.last_webhook_s).min();
    webhooks
        .facts
        .push(("Last", last.map_or_else(|| "–".to_owned(), |seconds| format!("{} ago", age(seconds)))));
    let mut dead = counted("Dead letters", "dead letters", Counted::DeadLetters);
    let all: u64 = queues.iter().map(|row| row.dead_letters).sum();
    dead.facts.insert(0, ("Now", all.to_string()));
    vec![
        webhooks,
        of_queues("Hints", "hints", &named(&hints)),
        counted("Events", "events", Counted::Events),
        of_queues("Handlers", "messages to handlers", &of_handlers),
        of_queues("Actions", "actions", &named(&actions)),
        dead,
    ]
}

/// A stage of some queues.
fn of_queues(name: &'static str, what: &str, rows: &[QueueRow]) -> Stage {
    let sum = |of: fn(&QueueRow) -> u64| rows.iter().map(of).sum::<u64>().to_string();
    let mut sent = Series::new();
    for series in rows.iter().filter_map(|row| row.sent.as_ref()) {
        sent.resize(series.len().max(sent.len()), 0);
        sent.iter_mut().zip(series).for_each(|(all, one)| *all = all.saturating_add(*one));
    }
    let oldest = rows.iter().filter_map(|row| row.oldest_s).max();
    let hour = if sent.is_empty() { "–".to_owned() } else { last_hour(&sent).to_string() };
    let facts = vec![
        ("Waiting", sum(|row| row.waiting)),
        ("In flight", sum(|row| row.in_flight)),
        ("Oldest", oldest.map_or_else(|| "–".to_owned(), age)),
        ("Last hour", hour),
        ("Dead letters", sum(|row| row.dead_letters)),
    ];
    Stage { name, facts, chart: Chart::of(what, &sent) }
}

fn organisation(state: &OrganisationState) -> OrganisationRow {
    let token = match (state.token_problem, state.days_left) {
        (Some(problem), _) => problem.to_owned(),
        (None, Some(days)) => count(days, "day left", "days left"),
        (None, None) => "does not say when it expires".to_owned(),
    };
    let webhooks = match (state.is_listed, state.last_webhook_s) {
        (false, _) => "rejected: not on the list",
        (true, None) => "none in 90 days",
        (true, Some(0..=86_400)) => "arriving",
        (true, Some(_)) => "none for a day",
    };
    let last_webhook = state.last_webhook_at.map(Moment);
    let name = state.organisation.to_string();
    let check = address("/organisations", &[("check", &name)]);
    OrganisationRow { name, token, last_webhook, webhooks, check }
}

/// Which handlers are disabled by settings, and where.
fn disabled(own: &OwnByOrganisation) -> Vec<(String, String, String)> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (organisation, settings) in own {
        for (handler, _) in settings.iter().filter(|(_, own)| own.enabled == Some(false)) {
            all.entry(handler).or_default().push(organisation.as_str());
        }
    }
    let row = |(handler, organisations): (&str, Vec<&str>)| {
        (handler.to_owned(), organisations.join(", "), address("/settings", &[("handler", handler)]))
    };
    all.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::pages::pauses::PauseRow;
    use crate::console::paused::KnownPause;
    use automations::id::OrganisationId;
    use automations::store::Pause;

    const HOSTILE: &str = "a-<script>.fifo";

    fn status() -> Status {
        let queue = |name: &str, waiting, oldest_s| QueueState {
            queue: name.to_owned(),
            waiting,
            in_flight: 1,
            oldest_s,
        };
        let at = Timestamp::from_seconds(1_790_000_000);
        let dead = |queue: &str, count| Summary {
            queue: queue.to_owned(),
            count,
            held: 1,
            reasons: BTreeMap::new(),
            superseded: 0,
            oldest_s: None,
        };
        let organisation = |name: &str, is_listed, last: Option<u64>| OrganisationState {
            organisation: OrganisationId::parse(name).unwrap(),
            is_listed,
            token_problem: None,
            days_left: Some(3),
            last_webhook_at: last.map(|seconds| at.earlier(std::time::Duration::from_secs(seconds))),
            last_webhook_s: last,
        };
        Status {
            stack: "a".to_owned(),
            state: "UPDATE_COMPLETE".to_owned(),
            at,
            queues: Part::Read(vec![
                queue("a-hints", 12, Some(240)),
                queue("a-h.fifo", 2, None),
                queue(HOSTILE, 3, Some(60)),
                queue("a-actions.fifo", 0, None),
            ]),
            ages_not_read: None,
            dead_letters: Part::Read(vec![dead("a-h-dead-letters.fifo", 4), dead("a-hints-dead-letters", 0)]),
            organisations: Part::Read(vec![
                organisation("east", true, Some(60)),
                organisation("north", true, Some(90_000)),
                organisation("south", false, None),
            ]),
            functions: Part::Read(Vec::new()),
            schedules: Part::Read(Vec::new()),
            alarms: Part::NotRead("AccessDenied".to_owned()),
            left_behind: Part::Read(Vec::new()),
            read_while_paused: Part::Read(Vec::new()),
            own_settings: Part::Read(Vec::new()),
            reminders: Part::Read(Vec::new()),
            pauses: Part::Read(Vec::new()),
        }
    }

    /// What is paused, in a page of this status.
    fn pauses(status: &Status) -> Pauses {
        let since = status.at.earlier(std::time::Duration::from_hours(3));
        let paused = Paused::Handler(HOSTILE.to_owned());
        let pause = Pause::new(paused, since, Some("<b>a trial".to_owned()));
        let known = KnownPause { pause, by: Some("arn:<i>".to_owned()) };
        Pauses { rows: vec![PauseRow::of(&known, status.at)], denied: vec!["dynamodb:PutItem"] }
    }

    fn rendered(history: Option<&History>) -> String {
        let status = status();
        let pauses = pauses(&status);
        Page::of(Layout::of("/"), &status, history, pauses, "t".to_owned()).render().unwrap()
    }

    #[test]
    fn the_pipeline_is_shown_from_left_to_right_with_depth_age_rate_and_dead_letters() {
        let series = |last| [vec![0; 46], vec![1, last]].concat();
        let history = History {
            sent: [("a-h.fifo".to_owned(), series(5)), (HOSTILE.to_owned(), series(6))].into(),
            counted: [(Counted::Events, series(9))].into(),
        };
        let text = rendered(Some(&history));
        let order: Vec<usize> = ["Webhooks", "Hints", "Events", "Handlers", "Actions", "Dead letters"]
            .map(|name| text.find(&format!("<h3>{name}</h3>")).unwrap())
            .to_vec();
        assert!(order.is_sorted(), "{order:?}");
        let handlers = "<dt>Waiting</dt><dd class=\"number\">5</dd><dt>In flight</dt><dd class=\"number\">2</dd>\
            <dt>Oldest</dt><dd class=\"number\">60 s</dd><dt>Last hour</dt><dd class=\"number\">13</dd>\
            <dt>Dead letters</dt><dd class=\"number\">5</dd>";
        assert!(text.contains(handlers), "{text}");
        assert!(
            text.contains("aria-label=\"events in the last day: 10, at most 9 in half an hour\""),
            "{text}"
        );
        assert_eq!(text.matches("<polyline").count(), 4, "events, handlers, and two queues");
        assert!(text.contains("a-&#60;script&#62;.fifo") && !text.contains("a-<script>"), "{text}");
    }

    #[test]
    fn what_needs_a_person_and_each_organisations_webhooks_are_shown_and_a_chart_may_be_missing() {
        let text = rendered(None);
        for part in [
            "not read: alarms: AccessDenied",
            "the token of east has 3 days left",
            "<th scope=\"row\">the handler a-&#60;script&#62;.fifo</th>",
            "(3 h)</td><td>arn:&#60;i&#62;</td><td class=\"said\">&#60;b&#62;a trial</td>",
            "Pause and resume are disabled: the profile lacks <code>dynamodb:PutItem</code>",
            "aria-label=\"Pause all writing …\" disabled aria-describedby=\"denied\"",
            "<td>arriving</td>",
            "<td>none for a day</td>",
            "<td>rejected: not on the list</td>",
            "<a href=\"/dead-letters?queue=a-h-dead-letters.fifo\">5</a>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("<svg"), "{text}");
    }
}
