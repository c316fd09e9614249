//! `automations pause` and `automations resume`: a handler, an organisation, or all writing.

mod audited;
mod held;
mod pauser;

pub(crate) use audited::{begun_by, pause_lines, resume_lines};
pub use pauser::{Pauser, Resumed};

use crate::account::Account;
use crate::audit::Audit;
use crate::exit_code::{Exit, Usage};
use crate::report::{during, print, print_json, say, table};
use crate::time::age;
use anyhow::Result;
use automations::clock::{self, Timestamp};
use automations::id::OrganisationId;
use automations::store::{Pause, Paused};
use clap::{ArgGroup, Args};
use serde_json::json;

/// Pause a handler, an organisation or all writing: nothing is lost, and a deployment does not end it
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(group = ArgGroup::new("what").required(true))]
#[command(after_help = "\
Example: automations pause --handler follow-up-on-settlement --reason maintenance --yes --profile prod

Messages wait in their queue for 14 days, and not longer. docs/runbook.md, \"Pause and resume\", says what each pause stops.")]
pub struct PauseArguments {
    #[command(flatten)]
    which: Which,
    /// Print what is paused
    #[arg(long, group = "what", conflicts_with_all = ["reason", "yes"])]
    list: bool,
    /// Why, for others who see it; without personal data
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Pause it; without this, it is only said what would be paused
    #[arg(long)]
    yes: bool,
}

/// End a pause: what happened meanwhile is handled in order
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(group = ArgGroup::new("what").required(true))]
#[command(after_help = "Example: automations resume --organisation north --yes --profile prod")]
pub struct ResumeArguments {
    #[command(flatten)]
    which: Which,
    /// End it; without this, it is only said what would be resumed
    #[arg(long)]
    yes: bool,
}

/// What is paused.
#[derive(Debug, Args)]
struct Which {
    /// The handler of this `Name`: its queue is not read
    #[arg(long, value_name = "NAME", group = "what")]
    handler: Option<String>,
    /// This organisation: its tickets are not fetched, and nothing is written there
    #[arg(long, value_name = "NAME", group = "what")]
    organisation: Option<OrganisationId>,
    /// All actions, of every organisation
    #[arg(long, group = "what")]
    writing: bool,
}

impl Which {
    fn paused(self) -> Option<Paused> {
        let Self { handler, organisation, writing } = self;
        handler
            .map(Paused::Handler)
            .or(organisation.map(Paused::Organisation))
            .or(writing.then_some(Paused::Writing))
    }
}

/// Runs `automations pause`.
///
/// # Errors
/// If there is no such handler or organisation, or a request fails.
pub async fn run_pause(arguments: PauseArguments, account: &Account) -> Result<Exit> {
    let PauseArguments { which, reason, yes, .. } = arguments;
    let target = account.target().await?;
    let switch = Pauser::of(&target)?;
    let Some(what) = which.paused() else {
        let all = during("reading the pauses", switch.list()).await?;
        list(&all, clock::now(), account.json)?;
        return Ok(Exit::Done);
    };
    switch.exists(&what).await?;
    if !yes {
        say(&format!("{} would be paused; nothing was: add --yes to do it", what.words()));
        return Ok(Exit::Done);
    }
    during("pausing", switch.pause_audited(&what, reason, &Audit::of(&target))).await?;
    if account.json {
        print_json(&json!({ "paused": what }))?;
    } else {
        print(&pause_lines(&what))?;
    }
    Ok(Exit::Done)
}

/// Runs `automations resume`.
///
/// # Errors
/// If there is no such pause, handler or organisation, or a request fails: run it again.
pub async fn run_resume(arguments: ResumeArguments, account: &Account) -> Result<Exit> {
    let target = account.target().await?;
    let switch = Pauser::of(&target)?;
    let nothing = || Usage("say what to resume: --handler, --organisation or --writing".to_owned());
    let what = arguments.which.paused().ok_or_else(nothing)?;
    switch.can_be_resumed(&what).await?;
    if !arguments.yes {
        say(&format!("{} would be resumed; nothing was: add --yes to do it", what.words()));
        return Ok(Exit::Done);
    }
    let resumed = during("resuming", switch.resume_audited(&what, &Audit::of(&target))).await?;
    if account.json {
        print_json(&json!({ "resumed": what, "result": resumed }))?;
        return Ok(Exit::Done);
    }
    print(&resume_lines(&what, resumed).join("\n"))?;
    Ok(Exit::Done)
}

fn list(pauses: &[Pause], now: Timestamp, as_json: bool) -> Result<()> {
    if as_json {
        return print_json(&pauses);
    }
    if pauses.is_empty() {
        return print("nothing is paused");
    }
    let rows: Vec<_> = pauses.iter().map(|pause| row(pause, now)).collect();
    print(&table(["paused", "since", "for", "reason"], &rows))
}

pub(crate) fn row(pause: &Pause, now: Timestamp) -> [String; 4] {
    let reason = pause.reason.clone().unwrap_or_default();
    let reason = if pause.is_resuming() {
        "being resumed: run `automations resume` again if it stays".to_owned()
    } else {
        reason
    };
    [pause.paused.words(), pause.since.to_string(), age(now.since(pause.since).as_secs()), reason]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_row_with_its_reason() {
        let since = Timestamp::from_seconds(1_790_000_000);
        let north = OrganisationId::parse("north").unwrap();
        let pause = Pause::new(Paused::Organisation(north), since, Some("moves offices".to_owned()));
        let [what, _, lasts, reason] = row(&pause, since.later(std::time::Duration::from_hours(2)));
        assert_eq!(
            (what.as_str(), lasts.as_str(), reason.as_str()),
            ("the organisation north", "2 h", "moves offices")
        );
    }
}
