//! A change of all dead letters that fit the filter, those that the page does not show too: as `automations dlq redrive` and `drop` with
//! the same options. They are counted before, and no more than these are changed.

use super::proposals::{Kind, dropped_effect, of_redrive};
use super::view::Asked;
use crate::bulk::option;
use crate::commands::dead_letters::{Consent, Plan, PlanGroup, Selection};
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::pages::change::{ask, refuse, refuse_lacking};
use crate::console::work::{MOST_MATCHING, Matching, Work};
use crate::report::count;
use anyhow::{Result, bail};
use automations::clock::Timestamp;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

/// Groups that a confirmation names.
const MOST_GROUPS: usize = 5;

/// Asks for the confirmation of what is done with all that fit the form's filter.
pub(in crate::console::pages) async fn asked(
    State(app): State<Arc<App>>,
    Extension(form): Extension<Form>,
) -> Response {
    let asked = Asked { page: 0, ..Asked::of(&form) };
    let back = asked.address();
    let wrong = |problem: String| refuse(StatusCode::BAD_REQUEST, problem, back.clone());
    let Some(kind) = Kind::of(form.one("do")) else { return wrong("say what is to be done".to_owned()) };
    let counted = apart(&app, async move |app, now| counted(&app, kind, &asked, now).await);
    match counted.await {
        Err(error) => wrong(format!("{error:#}")),
        Ok(Counted { lacked, .. }) if !lacked.is_empty() => {
            refuse_lacking(&lacked, &back).unwrap_or_else(|| wrong(String::new()))
        }
        Ok(Counted { matching, .. }) if matching.is_empty() => {
            wrong("no dead letter that was read fits the filter".to_owned())
        }
        Ok(Counted { plan, matching, .. }) => ask(&app, proposal(kind, &plan, matching, back)),
    }
}

struct Counted {
    lacked: Vec<&'static str>,
    plan: Plan,
    matching: Matching,
}

/// What would be changed: the code of `--dry-run`.
async fn counted(app: &App, kind: Kind, asked: &Asked, now: Timestamp) -> Result<Counted> {
    let selection = asked.selection(now)?;
    // What is dead-lettered from now on, or again, was not counted.
    let until = selection.until.map_or(now, |until| until.min(now));
    if kind == Kind::Drop && !selection.is_limited() {
        bail!("say which dead letters to delete: fill in a field of the filter");
    }
    let selection = Selection { until: Some(until), ..selection };
    let lacked = app.lacked(&[kind.command()], now).await;
    let queues = app.dead_letter_queues(now).at_most(MOST_MATCHING);
    let plan = match kind {
        _ if !lacked.is_empty() => Plan::default(),
        Kind::Redrive => Box::pin(queues.redrive_plan(&selection, Consent::default())).await?,
        Kind::Drop => Box::pin(queues.drop_plan(&selection)).await?,
    };
    let Plan { number, outcome_unknown, superseded, .. } = plan;
    Ok(Counted { lacked, plan, matching: Matching { selection, number, outcome_unknown, superseded } })
}

fn proposal(kind: Kind, plan: &Plan, matching: Matching, back: String) -> Proposal<Work> {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let done = plan.number.min(MOST_MATCHING);
    let from = from(plan);
    let (mut effects, consents) = match kind {
        Kind::Redrive => of_redrive((done, plan.outcome_unknown, plan.superseded), &from),
        Kind::Drop => (vec![dropped_effect(number(done), &from)], Vec::new()),
    };
    if plan.number > done {
        effects.push(format!(
            "{} fit: at most {MOST_MATCHING} are changed by one click, the oldest of each queue first. Ask again for the others.",
            count(number(plan.number), "dead letter", "dead letters")
        ));
    }
    effects.push(format!(
        "No more than these are changed, on whatever page they are. Of each queue about {MOST_MATCHING} were looked at."
    ));
    if !plan.more_behind.is_empty() {
        let groups = count(number(plan.more_behind.len()), "message group", "message groups");
        effects.push(format!(
            "More may be behind the first messages of {groups}, which SQS does not show: ask again afterwards."
        ));
    }
    let limit = option("limit", &done.max(1));
    let command = format!("automations {} {} {limit}", kind.command(), matching.selection.command_line());
    let verb = match kind {
        Kind::Redrive => "Redrive",
        Kind::Drop => "Drop",
    };
    let title = format!("{verb} {}", count(number(done), "dead letter", "dead letters"));
    let work = match kind {
        Kind::Redrive => Work::RedriveMatching(matching),
        Kind::Drop => Work::DropMatching(matching),
    };
    Proposal { title, effects, consents, text: None, command, back, work }
}

/// `300 of follow-up with not_found in a-actions-dead-letters.fifo; 2 with …`.
fn from(plan: &Plan) -> String {
    let group = |PlanGroup { queue, handler, reason, number }: &PlanGroup| {
        let handler = handler.as_ref().map(|handler| format!(" of {handler}")).unwrap_or_default();
        format!("{number}{handler} with {reason} in {queue}")
    };
    let mut parts: Vec<String> = plan.groups.iter().take(MOST_GROUPS).map(group).collect();
    let others: usize = plan.groups.iter().skip(MOST_GROUPS).map(|group| group.number).sum();
    parts.extend((others > 0).then(|| format!("{others} others")));
    if parts.is_empty() { "none without your consent".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(number: usize) -> Plan {
        let group = |number| PlanGroup {
            queue: "q".to_owned(),
            handler: Some("h".to_owned()),
            reason: "not_found".to_owned(),
            number,
        };
        Plan { number, groups: vec![group(number)], outcome_unknown: 2, ..Plan::default() }
    }

    #[test]
    fn a_confirmation_names_the_count_the_limit_the_groups_and_the_command() {
        let matching = Matching {
            selection: Selection { handler: Some("h".to_owned()), ..Selection::default() },
            number: 1_140,
            outcome_unknown: 2,
            superseded: 0,
        };
        let proposal = proposal(Kind::Redrive, &plan(1_140), matching.clone(), "/".to_owned());
        assert_eq!(proposal.title, "Redrive 1000 dead letters");
        assert_eq!(proposal.command, "automations dlq redrive --handler h --limit 1000");
        let effects = proposal.effects.join("\n");
        for part in
            ["1140 of h with not_found in q", "1140 dead letters fit: at most 1000", "(outcome_unknown) stay"]
        {
            assert!(effects.contains(part), "{part}: {effects}");
        }
        assert_eq!(proposal.consents.len(), 1);
        assert_eq!((matching.limit(false, false), matching.limit(true, false)), (1_000, 1_000));
        let few = Matching { number: 0, ..matching };
        assert_eq!((few.limit(false, false), few.limit(true, true)), (0, 2));
    }
}
