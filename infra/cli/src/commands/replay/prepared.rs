//! A replay whose events were selected, and that is recorded for `automations audit` when they are published: the console's.

use super::{Arguments, Replay, ReplayGroup, Replayer, change, groups, meaning, replay};
use crate::account::Target;
use crate::audit::{Audit, Tally};
use crate::bulk::{Bulk, Limits};
use crate::report::count;
use anyhow::{Result, bail};
use automations::Event;
use automations::clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Events, and what is done with them.
#[derive(Debug, Clone)]
pub(crate) struct PreparedReplay {
    /// The command's arguments, with the exact times.
    pub(crate) arguments: Arguments,
    /// The events, the oldest first.
    pub(crate) events: Vec<Event>,
    /// Who receives them.
    pub(crate) groups: Vec<ReplayGroup>,
    replay: Replay,
}

impl PreparedReplay {
    /// Selects the events. The journal of a longer time than `longest` is not read.
    ///
    /// # Errors
    /// If the time is longer or none, there is no such handler, or a request fails.
    pub(crate) async fn of(
        arguments: Arguments,
        target: &Target,
        longest: Duration,
        now: Timestamp,
    ) -> Result<Self> {
        let (since, until) = arguments.time(now)?;
        if until <= since {
            bail!("until {until} is not after since {since}");
        }
        if until.since(since) > longest {
            let days = longest.as_secs() / 86_400;
            bail!("a page reads {days} days of the journal at most: `automations replay` reads more");
        }
        let replay = replay(&arguments, (since, until), now);
        let replayer = Replayer::of(target);
        let events = replayer.select(&replay).await?;
        let mut receivers = replayer.receivers().await?;
        receivers.retain(|name, _| replay.handler.as_ref().is_none_or(|handler| handler == name));
        let groups = groups(&receivers, &events);
        Ok(Self { arguments: arguments.at(since, until), events, groups, replay })
    }

    /// Publishes them, recorded; returns their number.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails: the tally has the number that was published.
    pub(crate) async fn play_audited(&self, target: &Target, tally: Arc<Tally>) -> Result<usize> {
        let bulk = Bulk::new(Limits::default()).tallied(tally);
        let (replayer, handler) = (Replayer::of(target), self.replay.handler.as_deref());
        let work = replayer.play_within(&self.events, handler, &bulk, |_| {});
        let change = change(&self.replay, &self.arguments);
        Audit::of(target).record_tally(&change, &bulk.tally, work).await
    }
}

/// What was published, and what that means.
pub(crate) fn replayed_line(number: usize, arguments: &Arguments) -> String {
    let number = count(u64::try_from(number).unwrap_or(u64::MAX), "event", "events");
    format!("{number} {}", meaning(arguments))
}
