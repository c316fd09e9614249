//! A handler's settings by organisation: as `automations settings`. What is set is checked by the handler itself before it is asked for.

use super::change::{ask, refuse_lacking};
use super::handlers::indented;
use super::layout::{Layout, address, go_to, shown_as};
use crate::commands::settings::{
    HandlerSettings, Kind, PreparedChange, PreparedForAll, SettingsChange, values_of_json,
};
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::work::Work;
use crate::handler_entries::Entry;
use crate::report::count;
use anyhow::{Context as _, Result, bail};
use askama::Template;
use automations::id::OrganisationId;
use automations::store::OwnSettings;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Map;
use std::sync::Arc;

/// What is asked for: the URL holds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    handler: String,
    /// The organisation whose settings are changed; empty for none, [`ALL`] for every one.
    organisation: String,
}

/// No organisation has this name.
const ALL: &str = "*";

impl Asked {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.one(name).trim().to_owned();
        Self { handler: text("handler"), organisation: text("organisation") }
    }

    fn address(&self) -> String {
        address("/settings", &[("handler", &self.handler), ("organisation", &self.organisation)])
    }
}

/// What was typed, and what is wrong with it.
#[derive(Debug, Clone, Default)]
struct Typed {
    values: String,
    enabled: String,
    dry_run: String,
    keys: Vec<String>,
    /// Beside the values.
    problem: Option<String>,
    /// Beside the keys that are to be unset.
    unset_problem: Option<String>,
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.one(name).to_owned();
        let keys = form.all("key").map(str::to_owned).collect();
        let (values, enabled, dry_run) = (text("values"), text("enabled"), text("dry_run"));
        Self { values, enabled, dry_run, keys, problem: None, unset_problem: None }
    }

    /// What is to be set.
    fn change(&self) -> Result<SettingsChange> {
        let flag = |text: &str| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        let values = match self.values.trim() {
            "" => Map::new(),
            text => values_of_json(text)?,
        };
        let (enabled, dry_run) = (flag(&self.enabled), flag(&self.dry_run));
        if values.is_empty() && enabled.is_none() && dry_run.is_none() {
            bail!("say what to set: values, whether it is enabled, or its dry run");
        }
        Ok(SettingsChange { values, enabled, dry_run, ..SettingsChange::default() })
    }
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    entry: Option<Entry>,
    entry_settings: String,
    rows: Vec<Row>,
    /// The organisation whose settings are changed.
    open: Option<Row>,
    /// The address of those of all organisations.
    all: String,
    typed: Typed,
    denied: Vec<&'static str>,
    token: String,
}

/// An organisation.
#[derive(Debug, Clone)]
struct Row {
    organisation: String,
    /// As the form sends it.
    name: String,
    address: String,
    enabled: &'static str,
    dry_run: &'static str,
    /// Its own values, by key.
    own: Vec<(String, String)>,
    has_own: bool,
}

impl Row {
    /// Every organisation.
    fn of_all(handler: &str) -> Self {
        let to = Asked { handler: handler.to_owned(), organisation: ALL.to_owned() };
        let (address, own) = (to.address(), Vec::new());
        let organisation = "all organisations".to_owned();
        Self {
            organisation, name: ALL.to_owned(), address, enabled: "–", dry_run: "–", own, has_own: false
        }
    }

    fn of(organisation: &OrganisationId, handler: &str, own: &OwnSettings) -> Self {
        let to = Asked { handler: handler.to_owned(), organisation: organisation.to_string() };
        Self {
            organisation: organisation.to_string(),
            name: organisation.to_string(),
            address: to.address(),
            enabled: if own.enabled.unwrap_or(true) { "yes" } else { "no" },
            dry_run: match own.dry_run {
                None => "as the entry",
                Some(true) => "yes",
                Some(false) => "no",
            },
            own: own.values.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
            has_own: !own.is_empty(),
        }
    }
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    if asked.handler.is_empty() {
        return go_to("/handlers".to_owned());
    }
    listed(&app, asked, None, StatusCode::OK).await
}

/// The settings of all organisations, with what was typed for one of them.
async fn listed(app: &Arc<App>, asked: Asked, typed: Option<Typed>, status: StatusCode) -> Response {
    let mut layout = Layout::of("/handlers");
    let handler = asked.handler.clone();
    let read = apart(app, async move |app, now| {
        let entries = app.entries(now).await?;
        let entry = entries.iter().find(|entry| entry.name == handler).cloned();
        let entry = entry.with_context(|| format!("there is no handler {handler}"))?;
        let denied = app.lacked(&["settings set", "settings unset"], now).await;
        Ok((entry, app.settings(now).await?, denied))
    });
    let read = layout.take(read.await);
    let none = OwnSettings::default();
    let mut rows = Vec::new();
    let mut own_values = String::new();
    for (organisation, all) in read.iter().flat_map(|(_, settings, _)| settings.iter()) {
        let own = all.iter().find(|(handler, _)| *handler == asked.handler).map_or(&none, |(_, own)| own);
        rows.push(Row::of(organisation, &asked.handler, own));
        if organisation.as_str() == asked.organisation && !own.values.is_empty() {
            own_values = serde_json::to_string_pretty(&own.values).unwrap_or_default();
        }
    }
    let of_all = (asked.organisation == ALL && !rows.is_empty()).then(|| Row::of_all(&asked.handler));
    let open = rows.iter().find(|row| row.organisation == asked.organisation).cloned().or(of_all);
    if open.is_none() && read.is_some() && !asked.organisation.is_empty() {
        layout.problems.push(format!("there is no organisation {}", asked.organisation));
    }
    let (entry, denied) = read.map(|(entry, _, denied)| (entry, denied)).unzip();
    let page = Page {
        entry_settings: entry.as_ref().map(|entry: &Entry| indented(&entry.settings)).unwrap_or_default(),
        entry,
        rows,
        open,
        all: Asked { organisation: ALL.to_owned(), ..asked.clone() }.address(),
        typed: typed.unwrap_or_else(|| Typed { values: own_values, ..Typed::default() }),
        denied: denied.unwrap_or_default(),
        token: app.token.clone(),
        layout,
        asked,
    };
    shown_as(status, &page)
}

/// Asks for the confirmation of values that are set.
pub(super) async fn set(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let (asked, typed) = (Asked::of(&form), Typed::of(&form));
    let problem = match proposed(&app, Kind::Set, &asked, typed.change()).await {
        Ok(response) => return response,
        Err(error) => Some(format!("{error:#}")),
    };
    listed(&app, asked, Some(Typed { problem, ..typed }), StatusCode::BAD_REQUEST).await
}

/// Asks for the confirmation of values that are those of the entry again.
pub(super) async fn unset(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let (asked, typed) = (Asked::of(&form), Typed::of(&form));
    let change = match (form.one("do"), typed.keys.is_empty()) {
        ("all", _) => Ok(SettingsChange { unset_all: true, ..SettingsChange::default() }),
        (_, false) => Ok(SettingsChange { unset: typed.keys.clone(), ..SettingsChange::default() }),
        (_, true) => Err(anyhow::anyhow!("select at least one value")),
    };
    let unset_problem = match proposed(&app, Kind::Unset, &asked, change).await {
        Ok(response) => return response,
        Err(error) => Some(format!("{error:#}")),
    };
    listed(&app, asked, Some(Typed { unset_problem, ..typed }), StatusCode::BAD_REQUEST).await
}

/// A change that fits.
enum Prepared {
    ForOne(PreparedChange),
    ForAll(PreparedForAll),
}

/// Has the handler check the change, and asks for its confirmation.
async fn proposed(
    app: &Arc<App>,
    kind: Kind,
    asked: &Asked,
    change: Result<SettingsChange>,
) -> Result<Response> {
    let (change, wanted) = (change?, asked.clone());
    let prepared = apart(app, async move |app, now| {
        let lacked = app.lacked(&[kind.command()], now).await;
        if !lacked.is_empty() {
            return Ok(Err(lacked));
        }
        let settings = HandlerSettings::of(&app.target)?;
        if wanted.organisation == ALL {
            let prepared = settings.prepared_for_all(kind, &wanted.handler, change).await?;
            return Ok(Ok(Prepared::ForAll(prepared)));
        }
        let organisation: OrganisationId = wanted.organisation.parse().context("organisation")?;
        let prepared = settings.prepared(kind, (&organisation, &wanted.handler), change).await?;
        Ok(Ok(Prepared::ForOne(prepared)))
    });
    let back = Asked { organisation: String::new(), ..asked.clone() }.address();
    match prepared.await? {
        Ok(Prepared::ForOne(prepared)) => Ok(ask(app, proposal(prepared, back))),
        Ok(Prepared::ForAll(prepared)) => Ok(ask(app, proposal_for_all(prepared, back))),
        Err(lacked) => refuse_lacking(&lacked, &back).context("nothing was changed"),
    }
}

fn proposal(prepared: PreparedChange, back: String) -> Proposal<Work> {
    let PreparedChange { kind, organisation, handler, change, .. } = &prepared;
    let whom = format!("1 organisation, {organisation}");
    let mut effects = effects(&whom, organisation.as_str(), handler, (*kind, change));
    effects.push(
        "It takes effect within a minute, without a deployment; other organisations stay as they are."
            .to_owned(),
    );
    let title = format!("{} the settings of {handler} for {organisation}", verb(*kind));
    let command = prepared.command_line();
    let work = Work::Settings(Box::new(prepared));
    Proposal { title, effects, consents: Vec::new(), text: None, command, back, work }
}

fn proposal_for_all(prepared: PreparedForAll, back: String) -> Proposal<Work> {
    let (kind, handler, change) = prepared.asked();
    let (changed, all) = prepared.numbers();
    let whom = format!("{changed} of {all} organisations, each of which is changed");
    let mut effects = effects(&whom, "them", handler, (kind, change));
    effects.push(
        "It takes effect within a minute, without a deployment. An organisation that is added later has the entry's."
            .to_owned(),
    );
    let title = format!("{} the settings of {handler} for all organisations", verb(kind));
    let command = change.command_line(kind, "--all-organisations".to_owned(), handler);
    let work = Work::SettingsForAll(Box::new(prepared));
    Proposal { title, effects, consents: Vec::new(), text: None, command, back, work }
}

fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Set => "Set",
        Kind::Unset => "Unset",
    }
}

/// What a change means, of whom.
fn effects(whom: &str, of: &str, handler: &str, (kind, change): (Kind, &SettingsChange)) -> Vec<String> {
    let SettingsChange { values, unset, unset_all, enabled, dry_run } = change;
    let number = u64::try_from(values.len().max(unset.len())).unwrap_or(u64::MAX);
    let names = values.keys().chain(unset).map(String::as_str).collect::<Vec<_>>().join(", ");
    let (is_set, what) = (kind == Kind::Set, count(number, "value", "values"));
    let mut effects = Vec::new();
    if *unset_all {
        effects.push(format!(
            "{whom}: {handler} has the values, the dry run and the enablement of its entry again."
        ));
    } else if is_set && number > 0 {
        effects.push(format!(
            "{whom}: {what} of {handler} in place of those of its entry ({names}). {handler} says that they fit."
        ));
    } else if number > 0 {
        effects.push(format!("{whom}: {what} of {handler} as in its entry again ({names})."));
    }
    effects.extend(enabled.map(|enabled| {
        if enabled {
            format!("{handler} decides on the events of {of}.")
        } else {
            format!("{handler} decides nothing for {of}: events are acknowledged, and not kept for later; nor is what waits for a quiet period or in a list, if it ends meanwhile.")
        }
    }));
    effects.extend(dry_run.map(|dry_run| {
        if dry_run {
            format!("What {handler} decides for {of} is only logged.")
        } else {
            format!("What {handler} decides for {of} is performed.")
        }
    }));
    effects
}
