//! When a ticket is checked although no webhook names it: regularly, once in its round, in the ten minutes that its id decides; some hours
//! after each change; and when it passes a stage-age threshold. Pure, the time is an argument.

use crate::clock::Timestamp;
use crate::digest::sha256;
use crate::id::TicketId;
use crate::model::snapshot::Snapshot;
use crate::model::stage_age::StageAgeThresholds;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long after a change a ticket is checked, beside its regular checks: one that changed is likely to change again.
pub const AFTER_A_CHANGE: [Duration; 4] =
    [Duration::from_hours(1), Duration::from_hours(3), Duration::from_hours(7), Duration::from_hours(15)];
/// An hour of it, and every round, is a whole number of slices.
const SLICE_MINUTES: u64 = 10;
const DAY: Duration = Duration::from_hours(24);

/// How often a ticket is checked regularly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rhythm {
    /// Once a day: people work on it.
    Daily,
    /// Once in 30 days: it is switched off, or the API no longer returns it.
    Monthly,
}

/// Ten minutes, numbered since 1970 began. The tickets whose turn it is are checked after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice(u64);

/// The slices in which a ticket is checked regularly: the same one in each round. It changes only with the rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    rhythm: Rhythm,
    number: u64,
}

/// A text is not a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the slot of a check")]
pub struct InvalidSlot;

/// The order in which the tickets of a slice are checked: a number from a ticket's id, from which the id cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u32);

/// What a ticket's item says about its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSchedule {
    /// When its version was stored: a check that finds no change does not say when it was. In an item of an earlier version of the program, the
    /// last check.
    pub stored_at: Timestamp,
    /// When it is checked regularly; none in an item of an earlier version of the program.
    pub slot: Option<Slot>,
    /// A further check, at a time of its own.
    pub extra: Option<Timestamp>,
}

impl CheckSchedule {
    /// After a check that found a ticket like this. It has a time of its own if it passes a threshold before its next regular check,
    /// which looks again.
    pub fn planned(snapshot: &Snapshot, thresholds: &StageAgeThresholds, now: Timestamp) -> Self {
        let slot = Slot::of(&snapshot.ticket.id, Rhythm::of(snapshot));
        let extra = thresholds.next(snapshot).filter(|threshold| *threshold <= slot.next_check(now));
        Self { stored_at: now, slot: Some(slot), extra }
    }

    /// Whether a ticket with this schedule is checked when one with the other is.
    pub fn is_like(&self, other: &Self) -> bool {
        self.slot == other.slot && self.extra == other.extra
    }

    /// The next check, at the latest.
    pub fn next_check(&self, now: Timestamp) -> Timestamp {
        let slice = Slice::of(self.stored_at);
        let after_change = AFTER_A_CHANGE.map(|after| slice.later(after).end());
        let regular = self.slot.map(|slot| slot.next_check(now));
        let times = after_change.into_iter().filter(|time| *time > now).chain(regular).chain(self.extra);
        times.min().unwrap_or(now)
    }
}

impl Rhythm {
    /// The rhythm of a ticket.
    pub fn of(snapshot: &Snapshot) -> Self {
        if snapshot.is_inactive() { Self::Monthly } else { Self::Daily }
    }

    /// The time between two regular checks.
    pub fn round(self) -> Duration {
        match self {
            Self::Daily => DAY,
            Self::Monthly => DAY.saturating_mul(30),
        }
    }

    /// After this time, there was a regular check; or its organisation was paused or could not be read for longer than SQS keeps what
    /// waits.
    pub fn surely_checked_within(self) -> Duration {
        self.round().saturating_add(DAY.saturating_mul(14))
    }

    /// The slices of a round.
    pub(crate) fn slices(self) -> u64 {
        self.round().as_secs() / 60 / SLICE_MINUTES
    }

    fn within_round(self, number: u64) -> u64 {
        number.checked_rem(self.slices()).unwrap_or_default()
    }
}

impl Slot {
    /// The slot of a ticket with this rhythm.
    pub fn of(ticket: &TicketId, rhythm: Rhythm) -> Self {
        Self { rhythm, number: rhythm.within_round(Position::of(ticket).0.into()) }
    }

    /// The next regular check: at the end of the slot's slice, which may have begun.
    pub fn next_check(self, now: Timestamp) -> Timestamp {
        let current = Slice::of(now);
        let passed = self.rhythm.within_round(current.0);
        let ahead = self.number.saturating_add(self.rhythm.slices()).saturating_sub(passed);
        Slice(current.0.saturating_add(self.rhythm.within_round(ahead))).end()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rhythm = match self.rhythm {
            Rhythm::Daily => "day",
            Rhythm::Monthly => "month",
        };
        write!(f, "{rhythm}#{}", self.number)
    }
}

impl FromStr for Slot {
    type Err = InvalidSlot;

    fn from_str(text: &str) -> Result<Self, InvalidSlot> {
        let (rhythm, number) = text.split_once('#').ok_or(InvalidSlot)?;
        let rhythm = match rhythm {
            "day" => Rhythm::Daily,
            "month" => Rhythm::Monthly,
            _ => return Err(InvalidSlot),
        };
        let number = number.parse().map_err(|_cause| InvalidSlot)?;
        if number < rhythm.slices() { Ok(Self { rhythm, number }) } else { Err(InvalidSlot) }
    }
}

impl Slice {
    /// The slice of this time.
    pub fn of(time: Timestamp) -> Self {
        Self(time.as_seconds() / 60 / SLICE_MINUTES)
    }

    /// The slice with this number.
    pub(crate) fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// Its first millisecond.
    pub fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0.saturating_mul(SLICE_MINUTES).saturating_mul(60))
    }

    /// The first millisecond after it.
    pub fn end(self) -> Timestamp {
        self.next().start()
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The slot of this rhythm whose turn it is.
    pub fn slot(self, rhythm: Rhythm) -> Slot {
        Slot { rhythm, number: rhythm.within_round(self.0) }
    }

    /// The slice this much later.
    #[must_use]
    fn later(self, by: Duration) -> Self {
        Self::of(self.start().later(by))
    }

    /// The slice this much earlier.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self::of(self.start().earlier(by))
    }
}

impl Position {
    /// The position of a ticket.
    pub fn of(ticket: &TicketId) -> Self {
        let [a, b, c, d, ..] = sha256(&[ticket.as_str().as_bytes()]);
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

#[cfg(test)]
mod tests;
