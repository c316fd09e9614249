//! `automations dlq`.

use super::arguments::{Arguments, Asked, Command};
use super::hold::HELD_FOR;
use super::lines::{behind, dropped_lines, go_on, left_line, planned_lines, redriven_lines};
use super::redrive::PATIENCE;
use super::{Consent, DeadLetter, DeadLetterQueues, Dropped, Plan, Selection, Summary};
use crate::account::Account;
use crate::audit::Audit;
use crate::bulk::{Bulk, Limits};
use crate::exit_code::{Exit, Usage};
use crate::report::{during, print, print_json, say, table};
use crate::time::age;
use anyhow::{Context as _, Result};
use automations::clock::{self, Timestamp};
use serde_json::json;

/// Runs `automations dlq`.
///
/// # Errors
/// If a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let target = account.target().await?;
    let (stack, store, now) = (target.stack.clone(), target.store(), clock::now());
    let command = Operator {
        dead_letters: DeadLetterQueues::new(&target.config, stack, store, now),
        audit: Audit::of(&target),
        account: account.clone(),
    };
    match arguments.command {
        Command::List => {
            let summaries = during("reading the dead-letter queues", command.dead_letters.list()).await?;
            if account.json {
                print_json(&summaries)?;
            } else {
                print(&listed(&summaries))?;
            }
            Ok(Exit::Done)
        }
        Command::Show { which, body } => {
            show(&command.dead_letters, &which.selection(now)?, body, account.json).await?;
            Ok(Exit::Done)
        }
        Command::Redrive { which, limits, dry_run, retry_unknown, out_of_order, no_wait } => {
            let (selection, consent) = (which.selection(now)?, Consent { retry_unknown, out_of_order });
            say_held(&command.dead_letters, &selection).await?;
            if dry_run {
                let plan = command.dead_letters.redrive_plan(&selection, consent);
                return command.planned(&plan.await?, "would be sent back", limits);
            }
            command.redrive(selection, Asked { consent, limits, no_wait }, now).await
        }
        Command::Drop { which, limits, dry_run } => {
            let selection = which.selection(now)?;
            if !selection.is_limited() {
                return Err(Usage(
                    "say which messages to delete: --reason CODE, --id MESSAGE_ID, --organisation, --handler, --kind, --label, --since or --until"
                        .to_owned(),
                )
                .into());
            }
            say_held(&command.dead_letters, &selection).await?;
            if dry_run {
                let plan = command.dead_letters.drop_plan(&selection).await?;
                return command.planned(&plan, "would be permanently deleted", limits);
            }
            command.drop(selection, limits, now).await
        }
    }
}

/// What the changing commands need.
struct Operator {
    dead_letters: DeadLetterQueues,
    audit: Audit,
    account: Account,
}

impl Operator {
    fn planned(&self, plan: &Plan, would: &str, limits: Limits) -> Result<Exit> {
        if self.account.json {
            print_json(&json!({ "dry_run": plan }))?;
        } else {
            print(&planned_lines(plan, would, limits).join("\n"))?;
        }
        Ok(Exit::Done)
    }

    async fn redrive(&self, selection: Selection, asked: Asked, now: Timestamp) -> Result<Exit> {
        let Asked { consent, limits, no_wait } = asked;
        let (dead_letters, json) = (&self.dead_letters, self.account.json);
        let bulk = Bulk::new(limits).attended("sent back", json);
        let redriven = dead_letters.redrive_audited(&selection, consent, &bulk, &self.audit).await;
        bulk.ends();
        let goes_on = Selection { until: Some(selection.until.unwrap_or(now)), ..selection };
        let go_on = go_on("redrive", &goes_on, consent, limits, &self.account.options());
        let redriven = redriven.with_context(|| failed(&bulk, "sent back", &go_on))?;
        let outcome = if redriven.redriven == 0 || no_wait || bulk.is_stopped() {
            None
        } else {
            let outcome = dead_letters.outcome(&redriven, PATIENCE);
            Some(during("waiting for the result (20 s at most)", outcome).await?)
        };
        let go_on = (redriven.left > 0).then_some(go_on);
        if json {
            print_json(&json!({ "redriven": redriven, "outcome": outcome, "go_on": go_on }))?;
        } else {
            let lines = redriven_lines(&redriven, outcome.as_ref()).into_iter();
            let lines = lines.chain(go_on.map(|command| left_line(redriven.left, &command)));
            print(&lines.collect::<Vec<_>>().join("\n"))?;
        }
        let is_back = outcome.is_some_and(|outcome| !outcome.came_back.is_empty());
        Ok(Exit::problem_if(
            is_back || redriven.not_deleted > 0 || redriven.outcome_unknown > 0 || redriven.superseded > 0,
        ))
    }

    async fn drop(&self, selection: Selection, limits: Limits, now: Timestamp) -> Result<Exit> {
        let bulk = Bulk::new(limits).attended("deleted", self.account.json);
        let dropped = self.dead_letters.drop_audited(&selection, &bulk, &self.audit).await;
        bulk.ends();
        let goes_on = Selection { until: Some(selection.until.unwrap_or(now)), ..selection };
        let go_on = go_on("drop", &goes_on, Consent::default(), limits, &self.account.options());
        let dropped = dropped.with_context(|| failed(&bulk, "deleted", &go_on))?;
        let go_on = (dropped.left > 0).then_some(go_on);
        if self.account.json {
            let Dropped { deleted, left, more_behind } = &dropped;
            print_json(
                &json!({ "deleted": deleted, "left": left, "more_behind": more_behind, "go_on": go_on }),
            )?;
        } else {
            let lines = dropped_lines(&dropped).into_iter();
            let lines = lines.chain(go_on.map(|command| left_line(dropped.left, &command)));
            print(&lines.collect::<Vec<_>>().join("\n"))?;
        }
        Ok(Exit::Done)
    }
}

/// What to do after a lost connection.
fn failed(bulk: &Bulk, done: &str, go_on: &str) -> String {
    let number = bulk.tally.changed();
    format!(
        "{number} {done} before a request failed; those that were read are visible again within {HELD_FOR}; go on: {go_on}"
    )
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
    say(
        "\nnext: docs/reasons.md says for each reason what to correct before automations dlq redrive --reason CODE, or that it is dropped; \
         dlq show --json has message ids",
    );
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

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
