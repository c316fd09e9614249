//! `automations dlq`.

use super::hold::HELD_FOR;
use super::redrive::PATIENCE;
use super::{
    Consent, DeadLetter, DeadLetterQueues, Dropped, MoreBehind, Outcome, Redriven, Selection, Summary,
};
use crate::account::Account;
use crate::audit::Audit;
use crate::exit_code::{Exit, Usage};
use crate::report::{count, during, print, print_json, say, table};
use crate::time::age;
use anyhow::Result;
use automations::clock;
use automations::reason::Reason;
use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeSet;

/// List, show, redrive or delete dead letters
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count dead letters by queue and reason, with the age of the oldest
    #[command(after_help = "Example: automations dlq list --profile prod")]
    List,
    /// Show what failed: organisation, ticket, handler, action, reason and error
    #[command(after_help = "Example: automations dlq show --reason not_found --profile prod")]
    Show {
        #[command(flatten)]
        which: Which,
        /// Print each message's body too; it may contain personal data
        #[arg(long)]
        body: bool,
    },
    /// Send dead letters back to the queue that they came from; what was performed is not performed again
    #[command(after_help = "\
Example: automations dlq redrive --reason not_found --profile prod

Each message is sent back once per run; one that fails again is dead-lettered again and is counted in the summary.
A name that was wrong in the handler's settings stays wrong in the message: fix the settings, deploy, delete the message with
`dlq drop`, and run `automations replay --since TIME --handler NAME`.
An action is superseded if a newer one of the same handler and ticket was performed: sent back, it would undo that one.
Exit code 1: messages came back, or stay because their outcome is unknown, they are superseded or their deletion was too late.
StartMessageMoveTask of SQS is not used, because it moves a whole queue and cannot select by reason.")]
    Redrive {
        #[command(flatten)]
        which: Which,
        /// Also send back actions that may have taken effect; check in Salestrekker first that they did not
        #[arg(long)]
        retry_unknown: bool,
        /// Also send back superseded actions, which are then performed after the newer ones
        #[arg(long)]
        out_of_order: bool,
        /// Do not wait (up to 20 s) to see which messages are dead-lettered again
        #[arg(long)]
        no_wait: bool,
    },
    /// Permanently delete dead letters
    #[command(
        after_help = "Example: automations dlq drop --id 98e6f2c1-7d1a-4c57-9b0e-5f6f3a0d2b11 --profile prod"
    )]
    Drop {
        #[command(flatten)]
        which: Which,
    },
}

/// Which dead letters; all if nothing is named.
#[derive(Debug, Args)]
struct Which {
    /// Only those in queues whose name contains this text
    #[arg(long, value_name = "TEXT")]
    queue: Option<String>,
    /// Only those with this reason, such as `not_found`
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only the message with this id; may be repeated
    #[arg(long, value_name = "MESSAGE_ID")]
    id: Vec<String>,
}

impl From<Which> for Selection {
    fn from(Which { queue, reason, id }: Which) -> Self {
        Self { queue, reason, id: None, ids: id.into_iter().collect() }
    }
}

/// Runs `automations dlq`.
///
/// # Errors
/// If a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let target = account.target().await?;
    let (stack, store) = (target.stack.clone(), target.store());
    let dead_letters = DeadLetterQueues::new(&target.config, stack, store, clock::now());
    let audit = Audit::of(&target);
    match arguments.command {
        Command::List => {
            let summaries = during("reading the dead-letter queues", dead_letters.list()).await?;
            if account.json {
                print_json(&summaries)?;
            } else {
                print(&listed(&summaries))?;
            }
        }
        Command::Show { which, body } => show(&dead_letters, &which.into(), body, account.json).await?,
        Command::Redrive { which, retry_unknown, out_of_order, no_wait } => {
            let consent = Consent { retry_unknown, out_of_order };
            return redrive((&dead_letters, &audit), &which.into(), consent, no_wait, account.json).await;
        }
        Command::Drop { which } => {
            let selection = Selection::from(which);
            if selection.reason.is_none() && selection.ids.is_empty() {
                return Err(Usage(
                    "say which messages to delete: --reason CODE or --id MESSAGE_ID".to_owned(),
                )
                .into());
            }
            say_held(&dead_letters, &selection).await?;
            let dropped = during("deleting", dead_letters.drop_audited(&selection, &audit)).await?;
            if account.json {
                print_json(&dropped)?;
            } else {
                print(&dropped_lines(&dropped).join("\n"))?;
            }
        }
    }
    Ok(Exit::Done)
}

async fn show(dead_letters: &DeadLetterQueues, which: &Selection, with_body: bool, json: bool) -> Result<()> {
    say_held(dead_letters, which).await?;
    let taken = during("reading the dead-letter queues", dead_letters.read(which)).await?;
    let mut shown = taken.dead_letters;
    dead_letters.mark_superseded(&mut shown).await?;
    // On standard error, also beside the JSON, which is a list of messages.
    if let Some(text) = behind(&taken.more_behind) {
        say(&text);
    }
    if json {
        let shown = shown.into_iter().map(|dead_letter| {
            let mut value = serde_json::to_value(&dead_letter)?;
            if let (true, Some(fields)) = (with_body, value.as_object_mut()) {
                fields.insert("body".to_owned(), json!(dead_letter.body));
            }
            anyhow::Ok(value)
        });
        return print_json(&shown.collect::<Result<Vec<_>>>()?);
    }
    if shown.is_empty() {
        return print("no dead letters");
    }
    let rows: Vec<_> = shown.iter().map(row).collect();
    print(&table(["age", "organisation", "ticket", "handler", "action", "reason", "error"], &rows))?;
    for DeadLetter { id, body, .. } in shown.iter().filter(|_| with_body) {
        print(&format!("\n{id}\n{body}"))?;
    }
    say("\nnext: automations dlq redrive --reason CODE, or dlq show --json for message ids");
    Ok(())
}

async fn redrive(
    (dead_letters, audit): (&DeadLetterQueues, &Audit),
    which: &Selection,
    consent: Consent,
    no_wait: bool,
    json: bool,
) -> Result<Exit> {
    say_held(dead_letters, which).await?;
    let redriven = dead_letters.redrive_audited(which, consent, audit).await?;
    let outcome = if redriven.redriven == 0 || no_wait {
        None
    } else {
        Some(
            during("waiting for the result (20 s at most)", dead_letters.outcome(&redriven, PATIENCE))
                .await?,
        )
    };
    if json {
        print_json(&json!({ "redriven": redriven, "outcome": outcome }))?;
    } else {
        print(&redriven_lines(&redriven, outcome.as_ref()).join("\n"))?;
    }
    let is_back = outcome.is_some_and(|outcome| !outcome.came_back.is_empty());
    Ok(Exit::problem_if(
        is_back || redriven.not_deleted > 0 || redriven.outcome_unknown > 0 || redriven.superseded > 0,
    ))
}

/// A person who looks for a message must learn that it is there.
async fn say_held(dead_letters: &DeadLetterQueues, which: &Selection) -> Result<()> {
    match dead_letters.held(which).await? {
        0 => {}
        1 => say(&format!("1 is held by another command; it is visible again within {HELD_FOR}")),
        held => say(&format!("{held} are held by another command; they are visible again within {HELD_FOR}")),
    }
    Ok(())
}

/// In a FIFO queue, what stays in front of a group hides the rest of it.
fn behind(groups: &[MoreBehind]) -> Option<String> {
    let queues: BTreeSet<&str> = groups.iter().map(|group| group.queue.as_str()).collect();
    let first = groups.first()?.in_front.first()?;
    Some(format!(
        "more may be behind the first messages of {} ({}), which SQS does not show: `dlq redrive` or `dlq drop` those in front \
         first, for example with --id {first}; `dlq show --json` has them all",
        count(u64::try_from(groups.len()).unwrap_or(u64::MAX), "message group", "message groups"),
        Vec::from_iter(queues).join(", "),
    ))
}

fn row(dead_letter: &DeadLetter) -> [String; 7] {
    let text = |field: Option<String>| field.unwrap_or_else(|| "-".to_owned());
    let content = dead_letter.content.clone();
    let superseded = if dead_letter.superseded_by.is_some() { " (superseded)" } else { "" };
    [
        age(dead_letter.age_s),
        text(content.organisation.map(String::from)),
        text(content.ticket.map(String::from)),
        text(content.handler),
        text(content.action),
        format!("{}{superseded}", dead_letter.reason),
        dead_letter.error.clone(),
    ]
}

fn listed(summaries: &[Summary]) -> String {
    let mut lines = Vec::new();
    for summary in summaries {
        let oldest =
            summary.oldest_s.map(|seconds| format!(", the oldest {}", age(seconds))).unwrap_or_default();
        let held = match summary.held {
            0 => String::new(),
            held => format!(", {held} held by another command (visible again within {HELD_FOR})"),
        };
        let superseded = match summary.superseded {
            0 => String::new(),
            superseded => format!(", {superseded} superseded by a newer action of the same handler"),
        };
        lines.push(format!("{:>6}  {}{oldest}{held}{superseded}", summary.count, summary.queue));
        lines.extend(summary.reasons.iter().map(|(reason, count)| format!("        {count:>6}  {reason}")));
    }
    lines.join("\n")
}

/// What was deleted, in words.
pub(crate) fn dropped_lines(dropped: &Dropped) -> Vec<String> {
    let deleted = format!("{} permanently deleted", dropped.deleted);
    [deleted].into_iter().chain(behind(&dropped.more_behind)).collect()
}

/// What was sent back, and what became of it, in words.
pub(crate) fn redriven_lines(redriven: &Redriven, outcome: Option<&Outcome>) -> Vec<String> {
    let mut parts = vec![format!("{} sent back", redriven.redriven)];
    if let Some(Outcome { came_back, is_open }) = outcome {
        let total: usize = came_back.values().sum();
        let reasons: Vec<&str> = came_back.keys().map(String::as_str).collect();
        if total > 0 {
            parts.push(format!("{total} came back: {}", reasons.join(", ")));
        }
        if *is_open {
            parts.push("the rest is still being processed, see `automations dlq list` later".to_owned());
        } else if total == 0 {
            parts.push("none came back".to_owned());
        }
    }
    let mut lines = vec![parts.join("; ")];
    let stay = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX), "stays", "stay");
    if redriven.outcome_unknown > 0 {
        lines.push(format!(
            "{} because the outcome is unknown ({}): check in Salestrekker whether the action took effect, then `dlq drop`, \
             or `dlq redrive --retry-unknown`",
            stay(redriven.outcome_unknown),
            Reason::OutcomeUnknown.as_str(),
        ));
    }
    if redriven.superseded > 0 {
        lines.push(format!(
            "{} because a newer action of the same handler was performed ({}): `dlq drop`, or `dlq redrive --out-of-order`, \
             which performs the older one after it",
            stay(redriven.superseded),
            Reason::Superseded.as_str(),
        ));
    }
    if redriven.not_deleted > 0 {
        lines.push(format!(
            "{} although sent back, because the time to delete a message had passed: `dlq redrive` again; \
             what was performed is not performed again",
            stay(redriven.not_deleted),
        ));
    }
    lines.extend(behind(&redriven.more_behind));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(redriven: &Redriven, outcome: Option<&Outcome>) -> String {
        redriven_lines(redriven, outcome).join("\n")
    }

    #[test]
    fn a_redrive_ends_with_what_became_of_the_messages() {
        let redriven = Redriven { redriven: 2, ..Redriven::default() };
        let outcome = Outcome { came_back: [("not_found".to_owned(), 2)].into(), is_open: false };
        assert_eq!(summary(&redriven, Some(&outcome)), "2 sent back; 2 came back: not_found");
        assert_eq!(summary(&redriven, Some(&Outcome::default())), "2 sent back; none came back");
        assert_eq!(summary(&redriven, None), "2 sent back");
        let open = Outcome { is_open: true, ..Outcome::default() };
        assert!(summary(&redriven, Some(&open)).contains("still being processed"));
        let unknown = Redriven { outcome_unknown: 1, ..Redriven::default() };
        assert!(summary(&unknown, None).contains("1 stays because the outcome is unknown (outcome_unknown)"));
        let superseded = Redriven { superseded: 2, ..unknown };
        let text = summary(&superseded, None);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.contains("2 stay because a newer action of the same handler was performed (superseded)")
        );
        let not_deleted = Redriven { not_deleted: 1, ..Redriven::default() };
        assert!(summary(&not_deleted, None).contains("\n1 stays although sent back"));
        let more =
            MoreBehind { queue: "a-actions-dead-letters.fifo".to_owned(), in_front: vec!["m-1".to_owned()] };
        let hidden = summary(&Redriven { more_behind: vec![more], ..Redriven::default() }, None);
        let printed = "0 sent back\nmore may be behind the first messages of 1 message group (a-actions-dead-letters.fifo)";
        assert!(hidden.starts_with(printed) && hidden.contains("--id m-1"), "{hidden}");
        assert!(text.contains("--out-of-order") && text.contains("--retry-unknown"), "{text}");
    }

    #[test]
    fn a_held_message_and_a_superseded_one_are_listed() {
        let summary = Summary {
            queue: "a-hints-dead-letters".to_owned(),
            count: 2,
            held: 1,
            reasons: [("not_found".to_owned(), 2)].into(),
            superseded: 1,
            oldest_s: Some(130),
        };
        let text = listed(&[summary]);
        assert!(text.starts_with("     2  a-hints-dead-letters, the oldest 2 min, 1 held by"), "{text}");
        assert!(text.contains(", 1 superseded by a newer action of the same handler\n"), "{text}");
        assert!(text.ends_with("             2  not_found"), "{text}");
    }
}
