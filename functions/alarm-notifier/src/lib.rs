//! Turns the changes of alarms into one message for each problem: what happened, since when, how many, where, what to read and what
//! to run; and one more when it is over. It repeats itself daily while a problem lasts, and not more often.
//!
//! `CloudWatch` publishes each change on the topic of alarms, which invokes this function. A schedule invokes it without a change, four
//! times an hour, for what no change leads to: reminders, the end of a problem that came and went, and notices that could not be sent.

mod change;
mod decide;
mod message;
mod paused;
mod send;

pub use change::{Change, Invocation, Malformed, State};
pub use send::{Channels, Error, InvalidRecipient, MaybeRecipient, Recipient};

use automations::alarm::NamedAlarm;
use automations::clock::Timestamp;
use automations::failure::{Failure as _, chain};
use automations::store::{Problem, Store, StoredProblem};
use automations::telemetry::EventName;
use automations::tracing;
use decide::{Next, after_change, after_time};

/// Of two invocations that change a problem at once, the slower one reads it again, this often at most.
const MAX_ROUNDS: u32 = 4;

/// The notifier and its clients.
#[derive(Debug)]
pub struct Notifier {
    /// The problems.
    pub store: Store,
    /// Where messages go.
    pub channels: Channels,
    /// The application's name, with which the names of its alarms begin.
    pub application: String,
}

impl Notifier {
    /// Reports the changes of alarms, or what time has brought if there is none.
    ///
    /// # Errors
    /// The first [`Error`], after everything was tried. A change that is delivered again repeats nothing that was sent.
    pub async fn work(&self, invocation: Invocation, now: Timestamp, until: Timestamp) -> Result<(), Error> {
        let mut result = Ok(());
        let changes = invocation.changes();
        if changes.is_empty() {
            for stored in self.store.problems().await? {
                result = result.and(self.tick(stored, now, until).await);
            }
            result = result.and(self.remind_of_pauses(now, until).await);
        }
        for change in changes {
            result = result.and(match change {
                Ok(change) => self.change(&change, now, until).await,
                Err(malformed) => {
                    log_ignored(&malformed.to_string());
                    Ok(())
                }
            });
        }
        result
    }

    async fn change(&self, change: &Change, now: Timestamp, until: Timestamp) -> Result<(), Error> {
        let Some(named) = NamedAlarm::find(&self.application, &change.alarm) else {
            // The topic may be shared with other applications.
            log_ignored("the alarm is not one of this application's");
            return Ok(());
        };
        let key = named.problem();
        for _ in 0..MAX_ROUNDS {
            let stored = self.store.problem(&key).await?;
            match after_change(stored.problem.as_ref(), change, &named, now) {
                Next::Nothing => return Ok(()),
                Next::Over => return Ok(self.store.delete_problem(&stored).await?),
                Next::Store(problem) => {
                    if let Some(revision) = self.store.put_problem(&stored, &problem).await? {
                        let stored = StoredProblem { revision, problem: Some(*problem), ..stored };
                        return self.send(&stored, change.region.as_deref(), until).await;
                    }
                }
            }
        }
        Err(Error::Busy)
    }

    /// What is due without a change.
    async fn tick(&self, stored: StoredProblem, now: Timestamp, until: Timestamp) -> Result<(), Error> {
        let Some(problem) = &stored.problem else { return Ok(()) };
        match after_time(problem, now) {
            Next::Nothing => Ok(()),
            Next::Over => Ok(self.store.delete_problem(&stored).await?),
            Next::Store(problem) => match self.store.put_problem(&stored, &problem).await? {
                Some(revision) => {
                    let stored = StoredProblem { revision, problem: Some(*problem), ..stored };
                    self.send(&stored, None, until).await
                }
                // Another invocation is at it.
                None => Ok(()),
            },
        }
    }

    /// Sends the notice of a problem, if it has one that is not sent, and records that.
    async fn send(
        &self,
        stored: &StoredProblem,
        region: Option<&str>,
        until: Timestamp,
    ) -> Result<(), Error> {
        let Some(problem) = &stored.problem else { return Ok(()) };
        let (Some(unsent), Some(named)) =
            (problem.unsent, NamedAlarm::find(&self.application, &problem.alarm))
        else {
            return Ok(());
        };
        let message = message::message(&self.application, &named, problem, unsent, region);
        self.channels.send(&message, until).await.inspect_err(log_not_sent)?;
        tracing::info!(
            event_name = EventName::AlarmNoticeSent.as_str(),
            alarm = problem.alarm,
            notice = message.notice,
            "a notice of an alarm was sent"
        );
        // If this is lost, the notice may be sent twice: better than never.
        let sent = Problem { unsent: None, ..problem.clone() };
        self.store.put_problem(stored, &sent).await?;
        Ok(())
    }
}

fn log_ignored(why: &str) {
    tracing::info!(event_name = EventName::AlarmIgnored.as_str(), why, "a message of the topic is ignored");
}

fn log_not_sent(error: &Error) {
    tracing::error!(
        event_name = EventName::AlarmNoticeNotSent.as_str(),
        reason = error.reason().as_str(),
        error = chain(error),
        "a notice of an alarm was not sent; it will be tried again"
    );
}

/// Logs a failure, and returns its text for Lambda, which contains no value.
pub fn failure_text(error: &Error) -> String {
    format!("alarms could not be reported: {}", error.reason())
}
