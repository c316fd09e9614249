//! The organisations: as `automations organisation list`, and `check` for one of them on demand, as that asks the API.

use super::change::{ask, refuse, refuse_lacking};
use super::layout::{Layout, Moment, address, shown};
use super::pauses::{Pausable, Pauses};
use crate::commands::organisation::{Organisations, Rotation, Stored};
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::work::Work;
use crate::report::count;
use anyhow::{Context as _, Result};
use askama::Template;
use automations::aws::secret::{Access, Rehearsal};
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::store::Paused;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;

/// The command, as it is in the table of permissions.
const RECHECK: &str = "organisation recheck";

#[derive(Template)]
#[template(path = "organisations.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    checked: Option<(String, String)>,
    denied: Vec<&'static str>,
    token: String,
}

struct Row {
    name: String,
    host: String,
    access: &'static str,
    rehearsal: &'static str,
    token: String,
    problem: Option<String>,
    webhooks: &'static str,
    last_webhook: Option<Moment>,
    rotation: String,
    urls: Vec<String>,
    check: String,
    pausable: Pausable,
}

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The organisation whose API is asked.
    check: String,
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(Asked { check }): Query<Asked>) -> Response {
    let mut layout = Layout::of("/organisations");
    let listed = apart(&app, async move |app, now| {
        let organisations = Organisations::of(&app.target)?;
        let base = organisations.webhook_base().await;
        let stored = organisations.stored(now).await?;
        let denied = app.lacked(&["pause", "resume", RECHECK], now).await;
        Ok((stored, base, Pauses::read(&app, now).await, denied))
    });
    let listed = listed.await;
    let mut checked = None;
    if !check.is_empty() {
        let name = check.clone();
        let report = apart(&app, async move |app, now| checked_now(&app, &name, now).await).await;
        checked = layout.take(report).map(|report| (check, report));
    }
    let (mut rows, mut denied) = (Vec::new(), Vec::new());
    if let Some((stored, base, pauses, lacked)) = layout.take(listed) {
        let (base, pauses) = (layout.take(base).unwrap_or_default(), layout.take(pauses).unwrap_or_default());
        rows.extend(stored.into_iter().map(|one| row(one, &base, &pauses)));
        denied = lacked;
    }
    shown(&Page { layout, rows, checked, denied, token: app.token.clone() })
}

/// `automations organisation check`.
async fn checked_now(app: &App, name: &str, now: Timestamp) -> Result<String> {
    let organisation = OrganisationId::parse(name).context("not the name of an organisation")?;
    let organisations = Organisations::of(&app.target)?;
    organisations.existing(&organisation).await?;
    let mut report = organisations.check(&organisation, now).await?;
    if report.accepted {
        let entries = organisations.deployed_entries().await;
        report.comparison = Some(organisations.compare(&organisation, &entries).await?);
    }
    Ok(report.to_string())
}

/// Asks for the confirmation of a recheck.
pub(super) async fn recheck(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let back = "/organisations".to_owned();
    let name = form.one("name").to_owned();
    let read = apart(&app, async move |app, now| {
        let organisation = OrganisationId::parse(name).context("not the name of an organisation")?;
        Organisations::of(&app.target)?.existing(&organisation).await?;
        Ok((organisation, app.lacked(&[RECHECK], now).await))
    });
    let (organisation, lacked) = match read.await {
        Ok(read) => read,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("{error:#}"), back),
    };
    refuse_lacking(&lacked, &back).unwrap_or_else(|| ask(&app, recheck_proposal(organisation, back)))
}

fn recheck_proposal(organisation: OrganisationId, back: String) -> Proposal<Work> {
    let effects = vec![
        format!(
            "All tickets of {organisation} are fetched from Salestrekker in the next minutes, two a second."
        ),
        "A change that no webhook named becomes an event, and handlers act on it. Nothing else is changed."
            .to_owned(),
    ];
    Proposal {
        title: format!("Recheck all tickets of {organisation}"),
        effects,
        consents: Vec::new(),
        text: None,
        command: format!("automations organisation recheck {organisation}"),
        back,
        work: Work::Recheck(organisation),
    }
}

fn row(stored: Stored, base: &str, pauses: &Pauses) -> Row {
    let urls = stored.masked_urls(base);
    let Stored { organisation, listing, last_webhook_at, rotation, token } = stored;
    let name = organisation.to_string();
    let (problem, token) = match token {
        Ok(token) => (None, Some(token)),
        Err(problem) => (Some(problem), None),
    };
    Row {
        pausable: pauses.of(&Paused::Organisation(organisation)),
        check: address("/organisations", &[("check", &name)]),
        host: token.as_ref().and_then(|token| token.host.clone()).unwrap_or_else(|| "–".to_owned()),
        access: token.as_ref().map_or("–", |token| match token.access {
            Access::ReadWrite => "reads and writes",
            Access::ReadOnly => "reads only: actions are recorded, not sent",
            Access::WriteOnly => "writes only: changes are not looked for",
        }),
        rehearsal: token.as_ref().map_or("–", |token| match token.rehearsal {
            Rehearsal::Missing => "missing: nothing is written",
            Rehearsal::Passed => "passed",
            Rehearsal::Accepted => "not passed, and that is accepted",
        }),
        token: token.map_or_else(
            || "–".to_owned(),
            |token| {
                token.days_left.map_or_else(|| "–".to_owned(), |days| count(days, "day left", "days left"))
            },
        ),
        problem,
        webhooks: if listing.is_some() { "accepted" } else { "rejected: not on the list" },
        last_webhook: last_webhook_at.map(Moment),
        rotation: rotation
            .map_or_else(|problem| format!("not read: {problem}"), |rotation| words(rotation).to_owned()),
        urls,
        name,
    }
}

fn words(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::None => "none",
        Rotation::Started => {
            "new URLs are printed; both are accepted until `organisation urls --rotate-finish`"
        }
        Rotation::Unfinished => "the old token is still accepted until `organisation urls --rotate-finish`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::organisation::Token;
    use automations::store::Listing;

    #[test]
    fn an_organisation_is_shown_without_a_secret_and_with_what_could_not_be_read() {
        let organisation = OrganisationId::parse("north").unwrap();
        let listing = Listing { organisation: organisation.clone(), listed_at: None, inbound: [].into() };
        let stored = |token, rotation| Stored {
            organisation: organisation.clone(),
            listing: Some(listing.clone()),
            last_webhook_at: Some(Timestamp::from_seconds(1_790_000_000)),
            rotation,
            token,
        };
        let token = Token {
            host: Some("<script>.example.com".to_owned()),
            access: Access::ReadOnly,
            rehearsal: Rehearsal::Missing,
            days_left: Some(1),
        };
        let pauses = Pauses::default();
        let rows = vec![
            row(stored(Ok(token), Ok(Rotation::Started)), "https://h/", &pauses),
            row(
                stored(Err("needs secretsmanager:GetSecretValue".to_owned()), Err("no secret".to_owned())),
                "",
                &pauses,
            ),
        ];
        let layout = Layout::of("/organisations");
        let page = Page { layout, rows, checked: None, denied: Vec::new(), token: String::new() };
        let text = page.render().unwrap();
        for part in [
            "&#60;script&#62;.example.com",
            "reads only",
            "missing: nothing is written",
            "1 day left",
            "both are accepted",
            "https://h/hooks/north/ticket-created/…</code>",
            "not read: no secret",
            "needs secretsmanager:GetSecretValue",
            "<time datetime=\"2026-09-21T14:13:20.000Z\">",
            "href=\"/organisations?check=north\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
