//! `automations undo`: the opposite of what handlers did, where nothing has changed the same since.

mod asked;

pub(crate) use asked::Asked;

use crate::account::{Account, Target};
use crate::audit::{Audit, Change, Tally};
use crate::exit_code::Exit;
use crate::report::{count, during, print, print_json, say, table};
use crate::time;
use crate::undo::{Reader, Undo, Verdict, name, words};
use anyhow::{Context as _, Result};
use automations::aws::queue::{OutgoingMessage, Place, Queue};
use automations::clock;
use automations::id::{ActionId, OrganisationId};
use automations::model::action::PlannedAction;
use automations::{aws, json as as_json};
use clap::{ArgGroup, Args};
use serde_json::json;
use std::collections::BTreeMap;

/// Undo what actions did to tickets, where nothing has changed the same since; without --yes, only say what would be undone
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(group = ArgGroup::new("which").required(true))]
#[command(after_help = "\
Example: automations undo --handler label-on-new-ticket --since 2h --profile prod
Example: automations undo --handler label-on-new-ticket --since 2h --organisation north --yes --profile prod
Example: automations undo --organisation north --action a2c23afc-3be1-55b1-b22e-c007b5d4b185.label-on-new-ticket.0 --profile prod

A label is taken off or added again; stage, workflow, owner and amount become what they were. What was changed since stays, and is named
with when and by what. What cannot be undone (a created ticket or contact, a notice, a mutation of a handler's own, a reminder) is named
for a person. Each undo is an ordinary action: action-worker performs it only if the ticket is still as it was read here, once however
often this is run, and only records it if the organisation is read-only or not rehearsed. Stop or correct the handler first.
Exit code 1: something is left for a person, was changed since, or is not found yet.")]
pub struct Arguments {
    /// The organisation
    #[arg(long, value_name = "NAME", required_unless_present = "handler")]
    organisation: Option<OrganisationId>,
    /// Only this action
    #[arg(long, value_name = "ACTION_ID", group = "which", conflicts_with_all = ["since", "until"])]
    action: Option<ActionId>,
    /// What this handler decided, by its `Name` in template.yaml
    #[arg(long, value_name = "NAME", group = "which", requires = "since")]
    handler: Option<String>,
    /// Decided from this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    since: Option<String>,
    /// Decided before this time, in the same form [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    until: Option<String>,
    /// Undo them; without this, nothing is sent
    #[arg(long)]
    yes: bool,
}

/// Runs `automations undo`.
///
/// # Errors
/// If a request fails, or the one action has no record.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let now = clock::now();
    let yes = arguments.yes;
    let (wanted, change) = arguments.asked().wanted(now)?;
    let target = account.target().await?;
    let reader = Reader::new(target.store(), now);
    let (undos, unreadable) = during("reading the journal", Box::pin(reader.read(&wanted))).await?;
    for key in &unreadable {
        say(&format!("cannot read {key}: nothing of its ticket is undone"));
    }
    let sent = if yes {
        during("sending", send_audited(&target, &undos, &change, &Tally::default())).await?
    } else {
        0
    };
    if account.json {
        print_json(&json!({ "performed": yes, "sent": sent, "actions": undos, "unreadable": unreadable }))?;
    } else {
        print(&shown(&undos, yes))?;
    }
    let is_left = |undo: &Undo| match undo.verdict {
        Verdict::ChangedSince { .. }
        | Verdict::NotFoundYet
        | Verdict::NotCheckedSince { .. }
        | Verdict::ForAPerson { .. } => true,
        Verdict::Undoable { .. } | Verdict::AlreadyUndone { .. } | Verdict::ChangedNothing { .. } => false,
    };
    Ok(Exit::problem_if(!unreadable.is_empty() || undos.iter().any(is_left)))
}

impl Arguments {
    fn asked(self) -> Asked {
        let Self { organisation, action, handler, since, until, .. } = self;
        Asked { organisation, action, handler, since, until }
    }
}

/// [`send`], recorded.
///
/// # Errors
/// If it cannot be recorded, or one is not accepted.
pub(crate) async fn send_audited(
    target: &Target,
    undos: &[Undo],
    change: &Change,
    tally: &Tally,
) -> Result<u64> {
    Audit::of(target).record_tally(change, tally, send(target, undos, tally)).await
}

/// That this number was sent.
pub(crate) fn sent_line(sent: u64) -> String {
    format!("{} sent; `automations timeline` shows what became of them", count(sent, "undo", "undos"))
}

/// How many of these there are of each verdict but those that can be undone, and the number of these.
pub(crate) fn numbers(undos: &[Undo]) -> (u64, Vec<String>) {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for undo in undos {
        let number = numbers.entry(name(&undo.verdict)).or_default();
        *number = number.saturating_add(1);
    }
    let undoable = numbers.remove("undoable").unwrap_or_default();
    (undoable, numbers.iter().map(|(name, number)| format!("{number} {name}")).collect())
}

/// Sends the opposite actions to action-worker, those of a ticket in its message group; returns their number.
///
/// # Errors
/// If one is not accepted: to run the command again is harmless.
pub async fn send(target: &Target, undos: &[Undo], tally: &Tally) -> Result<u64> {
    let messages = undos.iter().filter_map(|undo| match &undo.verdict {
        Verdict::Undoable { by } => Some(message(by)),
        Verdict::AlreadyUndone { .. }
        | Verdict::ChangedNothing { .. }
        | Verdict::ChangedSince { .. }
        | Verdict::NotFoundYet
        | Verdict::NotCheckedSince { .. }
        | Verdict::ForAPerson { .. } => None,
    });
    let messages: Vec<OutgoingMessage> = messages.collect();
    if messages.is_empty() {
        return Ok(0);
    }
    let sqs = aws::sqs(&target.config);
    let name = format!("{}-actions.fifo", target.stack);
    let found = sqs.get_queue_url().queue_name(&name).send().await;
    let found = found.with_context(|| format!("SQS does not say where {name} is; check --stack"))?;
    let queue = Queue::new(sqs, found.queue_url.context("SQS names no URL of the queue of actions")?);
    let results = queue.send(messages).await;
    tally.add(results.iter().filter(|result| result.is_ok()).count());
    let results = results.into_iter().collect::<Result<Vec<()>, _>>();
    results.context("not all were sent; run the same command again: what was undone is not undone twice")?;
    Ok(tally.changed())
}

fn message(planned: &PlannedAction) -> OutgoingMessage {
    let place = Place::InOrder { group: planned.message_group(), deduplication: planned.deduplication_id() };
    OutgoingMessage { body: as_json::to_json(planned), place, trace: None }
}

fn shown(undos: &[Undo], is_sent: bool) -> String {
    if undos.is_empty() {
        return "no such action was performed".to_owned();
    }
    let row = |undo: &Undo| {
        let ticket = undo.ticket.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        [
            undo.done_at.to_string(),
            undo.organisation.to_string(),
            ticket,
            undo.kind.to_owned(),
            words(undo),
            undo.action.to_string(),
        ]
    };
    let rows: Vec<_> = undos.iter().map(row).collect();
    let (undoable, rest) = numbers(undos);
    let end = if is_sent {
        sent_line(undoable)
    } else {
        format!("{} would be undone; nothing was: add --yes to do it", count(undoable, "action", "actions"))
    };
    let ends = [end].into_iter().chain(rest).collect::<Vec<_>>().join("; ");
    let heads = ["performed at", "organisation", "ticket", "action", "undo", "id"];
    format!("{}\n{ends}", table(heads, &rows))
}
