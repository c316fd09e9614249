//! Changes that were asked for on a page: each waits for its confirmation, is made once, and says how it ended. What is made is what the
//! confirmation named, as only its number is in the form.

use super::guard::random;
use crate::audit::Tally;
use anyhow::Result;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The newest changes that are known; an older one that waits is asked for again.
const KNOWN: usize = 50;

/// A change that waits for its confirmation.
#[derive(Debug, Clone)]
pub(super) struct Proposal<W> {
    /// What is done to how many things, such as `Redrive 3 dead letters`. It is the button too.
    pub(super) title: String,
    /// What it means, in sentences.
    pub(super) effects: Vec<String>,
    /// What the operator may consent to beside it.
    pub(super) consents: Vec<Choice>,
    /// What the operator may write beside it.
    pub(super) text: Option<&'static str>,
    /// The command that does the same.
    pub(super) command: String,
    /// The page that asked.
    pub(super) back: String,
    /// What is done.
    pub(super) work: W,
}

/// A box of a confirmation that is not ticked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// The form's field.
    pub(super) name: &'static str,
    /// What it means.
    pub(super) text: &'static str,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) title: String,
    pub(super) back: String,
    /// What was done; or why it failed.
    pub(super) outcome: Result<Vec<String>, String>,
}

/// Where a change is.
#[derive(Debug, Clone)]
pub(super) enum State<W> {
    /// It waits for its confirmation.
    Proposed(Proposal<W>),
    /// It is being made: its title, the page that asked, and what was done so far.
    Running { title: String, back: String, tally: Arc<Tally> },
    /// It was made, or failed.
    Ended(Ended),
}

/// The changes of this run, by their numbers.
#[derive(Debug)]
pub(super) struct Changes<W>(Mutex<VecDeque<(String, State<W>)>>);

impl<W> Default for Changes<W> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<W: Clone> Changes<W> {
    /// Keeps a change until it is confirmed; returns its number.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub(super) fn propose(&self, proposal: Proposal<W>) -> Result<String> {
        let id = random()?;
        let mut all = self.all();
        all.push_back((id.clone(), State::Proposed(proposal)));
        let more = all.len().saturating_sub(KNOWN);
        all.drain(..more);
        Ok(id)
    }

    /// Where a change is; none if it is not known.
    pub(super) fn state(&self, id: &str) -> Option<State<W>> {
        self.all().iter().find(|(known, _)| known == id).map(|(_, state)| state.clone())
    }

    /// The change, if it waits: from now on it runs, and it is not given out again.
    pub(super) fn start(&self, id: &str) -> Option<(Proposal<W>, Arc<Tally>)> {
        let mut all = self.all();
        let (_, state) = all.iter_mut().find(|(known, _)| known == id)?;
        let State::Proposed(proposal) = &*state else { return None };
        let proposal = proposal.clone();
        let (title, back, tally) = (proposal.title.clone(), proposal.back.clone(), Arc::default());
        *state = State::Running { title, back, tally: Arc::clone(&tally) };
        Some((proposal, tally))
    }

    /// Notes how it ended.
    pub(super) fn end(&self, id: &str, ended: Ended) {
        if let Some((_, state)) = self.all().iter_mut().find(|(known, _)| known == id) {
            *state = State::Ended(ended);
        }
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<(String, State<W>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(work: usize) -> Proposal<usize> {
        let (title, command, back) = ("Drop 1".to_owned(), "dlq drop".to_owned(), "/".to_owned());
        Proposal { title, effects: vec![], consents: vec![], text: None, command, back, work }
    }

    #[test]
    fn a_change_is_given_out_once_and_says_how_it_ended() {
        let changes = Changes::default();
        let id = changes.propose(proposal(7)).unwrap();
        assert!(matches!(changes.state(&id), Some(State::Proposed(Proposal { work: 7, .. }))));
        assert_eq!(changes.start(&id).map(|(proposal, _)| proposal.work), Some(7));
        assert!(changes.start(&id).is_none(), "a second click");
        assert!(matches!(changes.state(&id), Some(State::Running { .. })));
        let outcome = Ok(vec!["1 permanently deleted".to_owned()]);
        changes.end(&id, Ended { title: String::new(), back: String::new(), outcome });
        assert!(matches!(changes.state(&id), Some(State::Ended(_))) && changes.start(&id).is_none());
        assert!(changes.start("other").is_none() && changes.state("other").is_none());
    }

    #[test]
    fn only_the_newest_are_kept() {
        let changes = Changes::default();
        let ids: Vec<String> = (0..KNOWN + 5).map(|work| changes.propose(proposal(work)).unwrap()).collect();
        assert!(changes.start(&ids[4]).is_none());
        assert_eq!(changes.start(&ids[5]).map(|(proposal, _)| proposal.work), Some(5));
        assert_eq!(changes.all().len(), KNOWN);
    }
}
