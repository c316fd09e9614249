//! What is paused, on the pages that show it, and the changes of it: as `automations pause` and `automations resume`.

use super::change::{ask, refuse, refuse_lacking};
use super::layout::{Moment, utc};
use crate::bulk::option;
use crate::commands::pause::Pauser;
use crate::commands::status::Part;
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::paused::KnownPause;
use crate::console::work::Work;
use crate::report::count;
use crate::time::age;
use anyhow::{Context as _, Result, bail};
use automations::clock::Timestamp;
use automations::store::{Pause, Paused, RETENTION};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

/// What is paused, and what the profile lacks to change it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses {
    pub(super) rows: Vec<PauseRow>,
    pub(super) denied: Vec<&'static str>,
}

/// A pause as a page shows it.
#[derive(Debug, Clone)]
pub(super) struct PauseRow {
    pub(super) paused: Paused,
    pub(super) what: String,
    pub(super) since: Moment,
    pub(super) lasts: String,
    pub(super) by: String,
    pub(super) reason: String,
    /// When SQS begins to delete what waits.
    pub(super) until: Moment,
}

/// Something that can be paused: the fields of its form, and what the button is named for those who do not see where it is.
#[derive(Debug, Clone)]
pub(super) struct Pausable {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) words: String,
    pub(super) pause: Option<PauseRow>,
}

impl Pauses {
    /// What is paused now.
    pub(super) async fn read(app: &App, now: Timestamp) -> Result<Self> {
        let rows = app.pauses(now).await?.iter().map(|known| PauseRow::of(known, now)).collect();
        let denied = app.lacked(&["pause", "resume"], now).await;
        Ok(Self { rows, denied })
    }

    /// This, with its pause.
    pub(super) fn of(&self, paused: &Paused) -> Pausable {
        let pause = self.rows.iter().find(|row| row.paused == *paused).cloned();
        let (kind, name) = match paused {
            Paused::Handler(name) => ("handler", name.clone()),
            Paused::Organisation(organisation) => ("organisation", organisation.to_string()),
            Paused::Writing => ("writing", String::new()),
        };
        Pausable { kind, name, words: paused.words(), pause }
    }
}

impl PauseRow {
    pub(super) fn of(KnownPause { pause, by }: &KnownPause, now: Timestamp) -> Self {
        let is_resuming = pause.is_resuming();
        let Pause { paused, since, reason, .. } = pause.clone();
        let reason = if is_resuming {
            "it is being resumed: resume it again if this stays".to_owned()
        } else {
            reason.unwrap_or_else(|| "–".to_owned())
        };
        Self {
            what: paused.words(),
            paused,
            since: Moment(since),
            lasts: age(now.since(since).as_secs()),
            by: by.clone().unwrap_or_else(|| "an operator who is not in the audit".to_owned()),
            reason,
            until: Moment(since.later(RETENTION)),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pause,
    Resume,
}

impl Kind {
    fn command(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// Asks for the confirmation of a pause, or of its end.
pub(super) async fn asked(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let back = match form.one("from") {
        "/handlers" => "/handlers",
        "/organisations" => "/organisations",
        _ => "/",
    };
    let (kind, paused) = match wanted(&form) {
        Ok(wanted) => wanted,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("{error:#}"), back.to_owned()),
    };
    let of = paused.clone();
    let read = apart(&app, async move |app, now| {
        let lacked = app.lacked(&[kind.command()], now).await;
        if lacked.is_empty() {
            let switch = Pauser::of(&app.target)?;
            match kind {
                Kind::Pause => switch.exists(&of).await?,
                Kind::Resume => switch.can_be_resumed(&of).await?,
            }
        }
        let waiting = match queue_of(&of, &app.target.stack) {
            Some(queue) => waiting(&app, &queue, now).await,
            None => None,
        };
        Ok((lacked, waiting, now))
    });
    let (lacked, waiting, now) = match read.await {
        Ok(read) => read,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("{error:#}"), back.to_owned()),
    };
    refuse_lacking(&lacked, back)
        .unwrap_or_else(|| ask(&app, proposal(kind, paused, waiting, now, back.to_owned())))
}

fn wanted(form: &Form) -> Result<(Kind, Paused)> {
    let kind = match form.one("do") {
        "pause" => Kind::Pause,
        "resume" => Kind::Resume,
        _ => bail!("say what is to be done"),
    };
    let name = form.one("name");
    let paused = match form.one("what") {
        "handler" => Paused::Handler(name.to_owned()),
        "organisation" => Paused::Organisation(name.parse().context("organisation")?),
        "writing" => Paused::Writing,
        _ => bail!("neither a handler, nor an organisation, nor all writing"),
    };
    Ok((kind, paused))
}

/// How many messages wait in a queue; none if it is not known.
async fn waiting(app: &App, queue: &str, now: Timestamp) -> Option<u64> {
    match &app.status(now).await.ok()?.queues {
        Part::Read(queues) => queues.iter().find(|state| state.queue == queue).map(|state| state.waiting),
        Part::NotRead(_) => None,
    }
}

/// The queue that is not read.
fn queue_of(paused: &Paused, stack: &str) -> Option<String> {
    match paused {
        Paused::Handler(name) => Some(format!("{stack}-{name}.fifo")),
        Paused::Organisation(_) => None,
        Paused::Writing => Some(format!("{stack}-actions.fifo")),
    }
}

fn proposal(
    kind: Kind,
    paused: Paused,
    waiting: Option<u64>,
    now: Timestamp,
    back: String,
) -> Proposal<Work> {
    let which = match &paused {
        Paused::Handler(name) => option("handler", name),
        Paused::Organisation(organisation) => option("organisation", organisation),
        Paused::Writing => "--writing".to_owned(),
    };
    let command = format!("automations {} {which} --yes", kind.command());
    let (title, mut effects, text, work) = match kind {
        Kind::Pause => {
            let mut effects = vec![paused_effect(&paused).to_owned()];
            effects.push(format!(
                "It takes effect within a minute, and a deployment does not end it. What waits is kept for 14 days, until {}: resume it before.",
                utc(now.later(RETENTION))
            ));
            let text = Some("Why, for others who see it; without personal data");
            (format!("Pause {}", paused.words()), effects, text, Work::Pause(paused))
        }
        Kind::Resume => {
            let effects = vec![resumed_effect(&paused).to_owned()];
            (format!("Resume {}", paused.words()), effects, None, Work::Resume(paused))
        }
    };
    let waiting = waiting.map(|number| count(number, "message waits", "messages wait"));
    effects.extend(waiting.map(|waiting| format!("Now {waiting} in the queue.")));
    Proposal { title, effects, consents: Vec::new(), text, command, back, work }
}

fn paused_effect(paused: &Paused) -> &'static str {
    match paused {
        Paused::Handler(_) => "1 handler decides on nothing: its events wait in its queue.",
        Paused::Organisation(_) => {
            "1 organisation: its tickets are not fetched, its reminders wait, and nothing is written there. Webhooks are still accepted. \
             Actions that were decided, forms, and hints of tickets that are not known become dead letters with the reason paused, until it \
             is resumed; all its other tickets are fetched again then."
        }
        Paused::Writing => {
            "No action of any organisation is performed: all wait in their queue. Tickets are fetched, and handlers decide."
        }
    }
}

fn resumed_effect(paused: &Paused) -> &'static str {
    match paused {
        Paused::Handler(_) => {
            "1 handler decides again: on what waited first, in order. It may take a minute."
        }
        Paused::Organisation(_) => {
            "1 organisation: its actions that were held are sent again in their order, then the hints that were held; then all its \
             tickets are fetched again, in the next minutes. It takes about two minutes."
        }
        Paused::Writing => {
            "The actions of every organisation are performed again: those that waited first, in order. It may take a minute."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::OrganisationId;
    use automations::store::PauseState;

    #[test]
    fn a_confirmation_names_the_count_the_effect_and_the_command() {
        let now = Timestamp::from_seconds(1_790_000_000);
        let of = |kind, paused, waiting| proposal(kind, paused, waiting, now, "/".to_owned());
        let pause = of(Kind::Pause, Paused::Handler("h".to_owned()), Some(1));
        assert_eq!((pause.title.as_str(), pause.text.is_some()), ("Pause the handler h", true));
        assert_eq!(pause.command, "automations pause --handler h --yes");
        assert!(pause.effects[1].contains("until 2026-10-05 14:13 UTC"), "{:?}", pause.effects);
        assert_eq!(pause.effects[2], "Now 1 message waits in the queue.");
        let north = Paused::Organisation(OrganisationId::parse("north").unwrap());
        let resume = of(Kind::Resume, north, None);
        assert_eq!(resume.command, "automations resume --organisation north --yes");
        assert_eq!((resume.effects.len(), resume.text), (1, None));
        assert_eq!(of(Kind::Pause, Paused::Writing, None).command, "automations pause --writing --yes");
    }

    #[test]
    fn a_pause_has_its_end_and_an_unknown_operator_is_said() {
        let since = Timestamp::from_seconds(1_790_000_000);
        let pause = Pause {
            state: PauseState::Resuming,
            ..Pause::new(Paused::Writing, since, Some("why".to_owned()))
        };
        let row =
            PauseRow::of(&KnownPause { pause, by: None }, since.later(std::time::Duration::from_hours(3)));
        assert_eq!((row.lasts.as_str(), row.by.as_str()), ("3 h", "an operator who is not in the audit"));
        assert!(row.reason.starts_with("it is being resumed"));
        assert_eq!(row.until.to_string().split('"').nth(1), Some("2026-10-05T14:13:20.000Z"));
    }
}
