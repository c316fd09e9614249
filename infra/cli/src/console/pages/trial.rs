//! A handler as it is built here, against events of the journal: what it would do now, and what it did then. Nothing is sent. Only
//! kinds of actions and names of their fields are shown, as a field may have what a person typed.

use super::layout::{Layout, Moment, shown, timeline_of};
use crate::checkout;
use crate::commands::dry_run::{DryRunResult, HandlerUnderTest, action_kind, action_of};
use crate::console::app::{App, apart};
use crate::console::form::Form;
use crate::event_text;
use anyhow::{Context as _, Result};
use askama::Template;
use automations::id::{ActionId, OrganisationId, TicketId};
use automations::store::{ActionRecord, Journal};
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The newest events of a ticket that are tried.
const MOST: usize = 20;
/// Positions of a decision that are looked for at most, as in `Store::superseded_by`.
const MAX_POSITIONS: usize = 32;

/// What is tried.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    handler: String,
    organisation: String,
    ticket: String,
    /// All of the ticket if it is empty.
    event: String,
}

#[derive(Template)]
#[template(path = "trial.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    token: String,
    trials: Option<Vec<Trial>>,
}

/// One event.
struct Trial {
    at: Moment,
    what: String,
    timeline: String,
    /// Whether its subscription in template.yaml accepts the event.
    receives: bool,
    rows: Vec<Compared>,
}

/// The actions at one position.
#[derive(Debug, PartialEq, Eq)]
struct Compared {
    now: String,
    then: String,
    verdict: String,
}

/// What the table has of an action.
#[derive(Debug, Clone)]
enum Then {
    /// The action, as it was decided.
    Decided(Value),
    /// Only that there is one, and why no more.
    Known(&'static str),
}

/// The form.
pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    shown(&Page { layout: Layout::of("/handlers"), asked, token: app.token.clone(), trials: None })
}

/// Builds the handler and runs it: with the session's token, as it starts programs.
pub(super) async fn tried(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let mut layout = Layout::of("/handlers");
    let text = |name: &str| form.one(name).trim().to_owned();
    let asked = Asked {
        handler: text("handler"),
        organisation: text("organisation"),
        ticket: text("ticket"),
        event: text("event"),
    };
    let wanted = asked.clone();
    let trials = apart(&app, async move |app, _| run(&app, &wanted).await).await;
    let trials = layout.take(trials);
    shown(&Page { layout, asked, token: app.token.clone(), trials })
}

async fn run(app: &App, asked: &Asked) -> Result<Vec<Trial>> {
    let organisation: OrganisationId = asked.organisation.parse().context("organisation")?;
    let ticket: TicketId = asked.ticket.parse().context("ticket")?;
    let store = app.target.store();
    let Journal { mut events, .. } = store.journal_of(&organisation, &ticket).await?;
    events.retain(|event| asked.event.is_empty() || event.id.as_str() == asked.event);
    events.reverse();
    events.truncate(MOST);
    let handler = HandlerUnderTest::built(&checkout::required("dry-run")?, &asked.handler, None)?;
    let access = if handler.reads() { app.target.environment().await? } else { Vec::new() };
    let handler = handler.with_access(&app.target.stack, access);
    let subscription = handler.subscription()?;
    let mut trials = Vec::new();
    for event in events {
        let ids = (0..MAX_POSITIONS).map(|position| ActionId::of(&event.id, &asked.handler, position));
        let ids: Vec<ActionId> = ids.collect::<Result<_, _>>().context("the handler's name is too long")?;
        let mut records = store.action_records(&organisation, &ids).await?;
        let then =
            (0_usize..).zip(&ids).filter_map(|(position, id)| Some((position, then(records.remove(id)?))));
        let then = then.collect();
        let receives = subscription.accepts(&event);
        let DryRunResult { event, actions } = handler.decide(event)?;
        let timeline = timeline_of(organisation.as_str(), "event", event.id.as_str());
        trials.push(Trial {
            at: Moment(event.observed_at),
            what: event_text::what(&event.kind),
            timeline,
            receives,
            rows: compare(&actions, &then),
        });
    }
    Ok(trials)
}

fn then(record: ActionRecord) -> Then {
    match record {
        ActionRecord::Done(done) => {
            Then::Decided(serde_json::to_value(&done.planned.action).unwrap_or_default())
        }
        ActionRecord::Claimed { .. } => Then::Known("being performed, or waiting for a retry"),
        ActionRecord::Parked => Then::Known("parked: its outcome is unknown"),
        ActionRecord::Unreadable => Then::Known("a record that cannot be read"),
    }
}

/// The actions of both decisions, by their positions.
fn compare(now: &[Value], then: &BTreeMap<usize, Then>) -> Vec<Compared> {
    let now: BTreeMap<usize, &Value> = (0_usize..).zip(now.iter().map(action_of)).collect();
    let positions: BTreeSet<&usize> = now.keys().chain(then.keys()).collect();
    let compared = positions.into_iter().map(|position| match (now.get(position), then.get(position)) {
        (Some(now), Some(Then::Decided(then))) => {
            Compared { now: action_kind(now), then: action_kind(then), verdict: difference(now, then) }
        }
        (Some(now), Some(Then::Known(state))) => Compared {
            now: action_kind(now),
            then: (*state).to_owned(),
            verdict: "cannot be compared".to_owned(),
        },
        (Some(now), None) => Compared {
            now: action_kind(now),
            then: "–".to_owned(),
            verdict: "no record: not decided then, or not performed".to_owned(),
        },
        (None, Some(then)) => {
            let then = match then {
                Then::Decided(then) => action_kind(then),
                Then::Known(state) => (*state).to_owned(),
            };
            Compared { now: "–".to_owned(), then, verdict: "decided then, not now".to_owned() }
        }
        (None, None) => Compared { now: "–".to_owned(), then: "–".to_owned(), verdict: String::new() },
    });
    compared.collect()
}

/// The fields that differ.
fn difference(now: &Value, then: &Value) -> String {
    let fields = |action: &Value| action.as_object().cloned().unwrap_or_default();
    let (now, then) = (fields(now), fields(then));
    let names: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
    let different = names.into_iter().filter(|name| now.get(*name) != then.get(*name)).map(String::as_str);
    let different: Vec<&str> = different.collect();
    if different.is_empty() { "the same".to_owned() } else { format!("differs in {}", different.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_decisions_are_compared_by_position_and_no_value_is_shown() {
        let action = |label: &str| json!({ "do": "add_label", "ticket": "t-1", "label": label });
        let now = [
            json!({ "id": "e.h.0", "action": action("Jane") }),
            json!({ "id": "e.h.1", "action": action("b") }),
            json!({ "id": "e.h.2", "action": action("c") }),
        ];
        let then = BTreeMap::from([
            (0, Then::Decided(action("Jane"))),
            (1, Then::Decided(json!({ "do": "set_owner", "ticket": "t-1", "owner": "Jane" }))),
            (3, Then::Decided(action("d"))),
        ]);
        let rows: Vec<[String; 3]> =
            compare(&now, &then).into_iter().map(|row| [row.now, row.then, row.verdict]).collect();
        assert_eq!(
            rows,
            [
                ["add_label", "add_label", "the same"],
                ["add_label", "set_owner", "differs in do, label, owner"],
                ["add_label", "–", "no record: not decided then, or not performed"],
                ["–", "add_label", "decided then, not now"],
            ]
        );
        let parked = BTreeMap::from([(0, Then::Known("parked"))]);
        assert_eq!(compare(&now[..1], &parked)[0].verdict, "cannot be compared");
        assert_eq!(compare(&[], &BTreeMap::new()), []);
    }
}
