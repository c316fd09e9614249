//! `automations status`: one screen that says how a stack is, and what needs a person. It changes nothing.

mod alarms;
mod attention;
mod history;
mod kept;
mod read;
mod screen;
#[cfg(test)]
mod tests;

pub use attention::Attention;
pub(crate) use history::{Counted, HandlerDay, History, Series, last_hour};
pub use kept::{OwnState, ReminderState};
pub use read::Source;

use crate::account::Account;
use crate::commands::dead_letters::Summary;
use crate::exit_code::Exit;
use crate::report::{during, print, print_json, say};
use crate::schedules::ScheduleState;
use anyhow::Result;
use automations::clock::{self, Timestamp};
use automations::id::OrganisationId;
use automations::store::{Pause, Paused};
use clap::Args;
use serde::Serialize;

/// Show on one screen what waits, what failed, what serves and which alarms sound; the exit code is 1 if something needs a person
#[derive(Debug, Args)]
#[command(after_help = "\
Example: automations status --profile prod

Ages of queues are CloudWatch's, a minute late. Of the queue of hints they include what the functions report of messages that they
retry: SQS's own metric leaves out messages that were received three times. `automations dlq show` has the dead letters,
`automations organisation check` asks Salestrekker too.")]
pub struct Arguments {}

/// Runs `automations status`.
///
/// # Errors
/// If the stack cannot be read at all.
pub async fn run(_: &Arguments, account: &Account) -> Result<Exit> {
    let target = account.target().await?;
    let source = Source::of(&target)?;
    let status = during("reading the stack", Box::pin(source.read(clock::now()))).await?;
    let attention = status.attention();
    if account.json {
        print_json(&Report { good: attention.is_empty(), attention: &attention, status: &status })?;
    } else {
        print(&status.screen(&attention))?;
        if target.local.is_some() {
            say(
                "the local engine evaluates no alarm; `automations organisation check` says whether Salestrekker accepts each credential",
            );
        }
    }
    Ok(Exit::problem_if(!attention.is_empty()))
}

/// The JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    good: bool,
    attention: &'a [Attention],
    #[serde(flatten)]
    status: &'a Status,
}

/// What was read of a stack.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its name.
    pub stack: String,
    /// Its status in CloudFormation.
    pub state: String,
    /// When it was read.
    pub at: Timestamp,
    /// The queues, without those of dead letters.
    pub queues: Part<Vec<QueueState>>,
    /// Why the ages of the queues' messages were not read, if they were not.
    pub ages_not_read: Option<String>,
    /// The dead letters.
    pub dead_letters: Part<Vec<Summary>>,
    /// The organisations.
    pub organisations: Part<Vec<OrganisationState>>,
    /// The functions.
    pub functions: Part<Vec<FunctionState>>,
    /// The handlers' schedules.
    pub schedules: Part<Vec<ScheduleState>>,
    /// The alarms that sound.
    pub alarms: Part<Vec<AlarmState>>,
    /// The queues that crashed runs of `automations listen` left.
    pub left_behind: Part<Vec<String>>,
    /// What is paused.
    pub pauses: Part<Vec<Pause>>,
    /// What is paused although Lambda reads its queue, such as after a deployment that changed the trigger.
    pub read_while_paused: Part<Vec<Paused>>,
    /// The organisations' own settings of handlers.
    pub own_settings: Part<Vec<OwnState>>,
    /// The reminders that are due within a day, by organisation.
    pub reminders: Part<Vec<ReminderState>>,
}

/// A part of what is read: what cannot be read hides nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part<T> {
    /// It was read.
    Read(T),
    /// Why it was not.
    NotRead(String),
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueState {
    /// Its name.
    pub queue: String,
    /// The number of messages that wait, as SQS approximates it; delayed ones included.
    pub waiting: u64,
    /// The number of messages that a function has, or that wait for their next attempt.
    pub in_flight: u64,
    /// The age in seconds of the oldest message; none if `CloudWatch` has none.
    pub oldest_s: Option<u64>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganisationState {
    /// Its name.
    pub organisation: OrganisationId,
    /// Whether it is on the list of those whose webhooks are accepted.
    pub is_listed: bool,
    /// The reason code of a token in use that cannot be used.
    pub token_problem: Option<&'static str>,
    /// Whole days until a token in use expires, if it says so.
    pub days_left: Option<u64>,
    /// When the last webhook came, to the minute; none if none came in 90 days.
    pub last_webhook_at: Option<Timestamp>,
    /// Seconds since then.
    pub last_webhook_s: Option<u64>,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionState {
    /// Its name.
    pub function: String,
    /// The version that serves; none if what was deployed last does.
    pub version: Option<String>,
    /// Another version that takes a part of the traffic, in a deployment in steps: its number, and the percentage.
    pub canary: Option<(String, u64)>,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// An alarm that sounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmState {
    /// Its name.
    pub alarm: String,
    /// When it began to sound.
    pub since: Option<Timestamp>,
    /// The section of the runbook that its description names.
    pub section: Option<String>,
}
