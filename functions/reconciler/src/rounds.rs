//! The rounds of regular checks: goes on from where they have come, within what is left of a run's budget.

use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::model::check_rounds::{Cursor, Turn, turns};
use automations::store::{Candidate, Error, Store};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// This many turns are done in one run, so that it ends in time after a long outage. The next run goes on.
const MAX_TURNS: usize = 18;
/// After this time, no further turn is begun: the hints are still to be sent.
const LONGEST: Duration = Duration::from_secs(10);

/// The rounds in one run.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// How far they have come with what is chosen.
    pub(crate) cursor: Option<Cursor>,
    /// The tickets for which a hint is to be sent.
    pub(crate) chosen: Vec<Candidate>,
    /// How many more there may be.
    left: usize,
}

impl Rounds {
    /// Rounds that have come this far, in a run that may choose this number of tickets.
    pub(crate) fn new(cursor: Option<Cursor>, left: usize) -> Self {
        Self { cursor, chosen: Vec::new(), left }
    }

    /// Chooses the tickets whose turn has come, the oldest turn first; not those of paused organisations, all of which become due when
    /// their pause ends.
    ///
    /// # Errors
    /// [`Error`] if the table cannot be read.
    pub(crate) async fn go_on(
        &mut self,
        store: &Store,
        paused: &BTreeSet<OrganisationId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        for (position, turn) in turns(self.cursor, now).take(MAX_TURNS).enumerate() {
            // One turn in any case, or a slow table would end the rounds for ever.
            let is_late = position > 0 && begun.elapsed() > LONGEST;
            if self.left == 0 || is_late {
                break;
            }
            let mut candidates = store.candidates(&turn).await?;
            candidates.retain(|candidate| !paused.contains(&candidate.organisation));
            if !self.take(&turn, candidates) {
                break;
            }
        }
        Ok(())
    }

    /// Chooses the tickets of a turn, as many as there may be. Returns whether these are all of them.
    fn take(&mut self, turn: &Turn, mut candidates: Vec<Candidate>) -> bool {
        let last = self.left.checked_sub(1).and_then(|last| candidates.get(last)).map(|last| last.position);
        let rest = last.map_or(candidates.len(), |last| {
            // Tickets of one position are not parted, as the cursor has nothing else.
            candidates.iter().take_while(|candidate| candidate.position <= last).count()
        });
        let is_all = rest == candidates.len();
        candidates.truncate(rest);
        self.cursor = match last.filter(|_| !is_all) {
            Some(last) => Some(turn.done_up_to(last)),
            None => Some(turn.done()),
        };
        self.left = self.left.saturating_sub(candidates.len());
        self.chosen.append(&mut candidates);
        is_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::TicketId;
    use automations::model::check_schedule::{Position, Rhythm, Slice};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn candidate(position: u32, ticket: u32) -> Candidate {
        Candidate {
            position: Position(position),
            organisation: OrganisationId::parse("north").unwrap(),
            ticket: TicketId::parse(format!("t-{ticket}")).unwrap(),
        }
    }

    fn minute(number: u64) -> Timestamp {
        Timestamp::from_seconds(number.saturating_mul(60).saturating_add(1_800_000_000))
    }

    /// The tickets that a run at this time chooses, with this budget, from a table that has these tickets in each slice.
    fn run(
        cursor: &mut Option<Cursor>,
        now: Timestamp,
        budget: usize,
        tickets: &[Candidate],
    ) -> Vec<(Slice, Candidate)> {
        let (mut rounds, mut chosen) = (Rounds::new(*cursor, budget), Vec::new());
        for turn in turns(*cursor, now).take(MAX_TURNS) {
            let after = |candidate: &&Candidate| turn.after.is_none_or(|after| candidate.position > after);
            let candidates = tickets.iter().filter(after).cloned().collect();
            let before = rounds.chosen.len();
            if rounds.left == 0 {
                break;
            }
            let is_all = rounds.take(&turn, candidates);
            chosen.extend(rounds.chosen.iter().skip(before).map(|candidate| (turn.slice, candidate.clone())));
            if !is_all {
                break;
            }
        }
        *cursor = rounds.cursor;
        chosen
    }

    #[test]
    fn a_turn_with_more_tickets_than_the_budget_goes_on_in_the_next_run() {
        let tickets: Vec<Candidate> = (0..5).map(|number| candidate(number, number)).collect();
        let mut cursor = None;
        let counts: Vec<usize> =
            (0..5).map(|number| run(&mut cursor, minute(number), 2, &tickets).len()).collect();
        assert_eq!(counts, [2, 2, 1, 0, 0]);
        assert_eq!(run(&mut cursor, minute(10), 9, &tickets).len(), 5);
    }

    #[test]
    fn without_a_budget_the_cursor_stays() {
        let start = turns(None, minute(0)).next().unwrap().done();
        let mut cursor = Some(start);
        assert!(run(&mut cursor, minute(30), 0, &[candidate(1, 1)]).is_empty());
        assert_eq!(cursor, Some(start));
        assert_eq!(run(&mut cursor, minute(30), 1, &[candidate(1, 1)]).len(), 1);
    }

    #[test]
    fn tickets_of_one_position_are_chosen_together() {
        let tickets = [candidate(1, 1), candidate(1, 2), candidate(2, 3)];
        let mut cursor = None;
        assert_eq!(run(&mut cursor, minute(0), 1, &tickets).len(), 2);
        assert_eq!(run(&mut cursor, minute(1), 1, &tickets).len(), 1);
    }

    proptest! {
        /// Whatever the times and budgets of runs, and however many tickets: each is chosen once in each slice, and in the end all are.
        #[test]
        fn each_ticket_has_each_of_its_turns_once(
            positions in proptest::collection::vec(0_u32..20, 0..30),
            runs in proptest::collection::vec((1_u64..200, 0_usize..40), 1..40),
        ) {
            let mut tickets: Vec<Candidate> =
                (0_u32..).zip(&positions).map(|(ticket, position)| candidate(*position, ticket)).collect();
            tickets.sort();
            let (mut cursor, mut now, mut times) = (None, 0, BTreeMap::<(Slice, Candidate), usize>::new());
            let first = turns(None, minute(0)).next().unwrap().slice;
            let at_last = std::iter::repeat_n((1, 1_000), 1_000);
            for (gap, budget) in [(0, 1)].into_iter().chain(runs).chain(at_last) {
                now = u64::saturating_add(now, gap);
                for chosen in run(&mut cursor, minute(now), budget, &tickets) {
                    let times = times.entry(chosen).or_default();
                    *times = times.saturating_add(1);
                }
            }
            prop_assert!(times.values().all(|times| *times == 1));
            let mut slice = first;
            while slice.end() <= minute(now) {
                for ticket in &tickets {
                    prop_assert!(times.contains_key(&(slice, ticket.clone())));
                }
                prop_assert_eq!(slice.slot(Rhythm::Daily), slice.earlier(Rhythm::Daily.round()).slot(Rhythm::Daily));
                slice = slice.next();
            }
        }
    }
}
