//! Dead letters sent back to the queue that they came from, as they were: the ids in them are the same, so that what was
//! done is not done again.

use crate::letters::{DeadLetter, DeadLetterQueues, Selection};
use anyhow::{Context as _, Result};
use automations::json::from_json;
use automations::model::action::PlannedAction;
use automations::store::Store;
use serde::Serialize;

/// The reason of an action that may or may not have taken effect.
const IN_DOUBT: &str = "outcome_unknown";

/// What was sent back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// Letters that are on their way again.
    pub redriven: usize,
    /// Letters that stay: their actions may have taken effect.
    pub on_unknown_outcome: usize,
}

impl DeadLetterQueues {
    /// Sends these letters back. Those in doubt stay, unless `redo` says that their actions are to be done (again); `redo`
    /// is the table that remembers that they were left to a person.
    ///
    /// # Errors
    /// As a request fails; what was sent back by then is not in the dead-letter queue any more.
    pub async fn redrive(&self, selection: &Selection, redo: Option<&Store>) -> Result<Redriven> {
        let mut redriven = Redriven::default();
        // A FIFO queue shows the rest of a group only when its first letters are gone.
        loop {
            let round = self.redrive_round(selection, redo).await?;
            redriven.redriven = redriven.redriven.saturating_add(round.redriven);
            if round.redriven == 0 {
                return Ok(Redriven { on_unknown_outcome: round.on_unknown_outcome, ..redriven });
            }
        }
    }

    async fn redrive_round(&self, selection: &Selection, redo: Option<&Store>) -> Result<Redriven> {
        let mut redriven = Redriven::default();
        let mut stay = Vec::new();
        for letter in self.select(selection).await? {
            if letter.reason == IN_DOUBT {
                let Some(store) = redo else {
                    redriven.on_unknown_outcome = redriven.on_unknown_outcome.saturating_add(1);
                    stay.push(letter);
                    continue;
                };
                let decided: PlannedAction =
                    from_json(letter.body.as_bytes()).context("a letter that is no action")?;
                store.unpark(&decided.organisation, &decided.id).await?;
            }
            self.send_back(&letter).await?;
            redriven.redriven = redriven.redriven.saturating_add(1);
        }
        self.put_back(stay).await?;
        Ok(redriven)
    }

    /// First to the queue, then out of the dead letters: a loss in between makes two of it, which its ids make one.
    async fn send_back(&self, letter: &DeadLetter) -> Result<()> {
        let source = letter.url.replacen("-dead-letters", "", 1);
        let is_fifo = source.rsplit('.').next() == Some("fifo");
        let request = self.sqs.send_message().queue_url(source).message_body(&letter.body);
        let request = request.set_message_group_id(letter.group.clone());
        // The letter's own id: the queue may still remember the action's for five minutes.
        let request = request.set_message_deduplication_id(is_fifo.then(|| letter.id.clone()));
        request.send().await.context("a letter cannot be sent back")?;
        self.delete(letter).await
    }
}
