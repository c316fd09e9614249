//! The end of an organisation's pause: what was held is sent again in its order, and its tickets are fetched again.

use super::pauser::{Pauser, Resumed};
use crate::commands::dead_letters::{Consent, Selection};
use crate::commands::organisation::make_all_due;
use anyhow::{Result, ensure};
use automations::id::OrganisationId;
use automations::reason::Reason;
use automations::store::{Pause, PauseState, Paused};

/// The dead-letter queues of what is held: actions are older than what hints will lead to.
const ACTIONS: &str = "-actions-dead-letters";
const HINTS: &str = "-hints-dead-letters";

impl Pauser {
    /// First the actions that were held are sent again, and only they are performed; then all actions are; then tickets are fetched again. So
    /// nothing new is decided or performed before what was decided earlier. Each step may be done again.
    pub(super) async fn resume_organisation(&self, organisation: &OrganisationId) -> Result<Resumed> {
        let paused = Paused::Organisation(organisation.clone());
        if !self.organisations.list().await?.contains(organisation) {
            // It was removed: nothing could be fetched or performed. What was held stays among the dead letters.
            self.store.delete_pause(&paused).await?;
            return Ok(Resumed::default());
        }
        let pause = self.store.pauses().await?.into_iter().find(|pause| pause.paused == paused);
        let is_ending = pause.as_ref().is_some_and(|pause| pause.state == PauseState::Ending);
        if let Some(pause) = pause.as_ref().filter(|_| !is_ending) {
            self.store.put_pause(&Pause { state: PauseState::Resuming, ..pause.clone() }).await?;
            self.wait().await;
        }
        let held = self.send_again(organisation, ACTIONS).await?;
        self.was_not_paused_again(&paused).await?;
        if let Some(pause) = pause {
            self.store.put_pause(&Pause { state: PauseState::Ending, ..pause }).await?;
            self.wait().await;
        }
        // Those that were decided meanwhile.
        let actions = held.saturating_add(self.send_again(organisation, ACTIONS).await?);
        // Before the pause ends, too: if this command is interrupted, they are due all the same.
        let before = make_all_due(&self.store, organisation).await?;
        self.was_not_paused_again(&paused).await?;
        self.store.delete_pause(&paused).await?;
        // A hint that an instance drops now, as it remembers the pause, is of a ticket that becomes due afterwards.
        self.wait().await;
        let hints = self.send_again(organisation, HINTS).await?;
        let due = before.saturating_add(make_all_due(&self.store, organisation).await?);
        Ok(Resumed { sent_again: actions.saturating_add(hints), due })
    }

    /// Sends the organisation's held messages of a dead-letter queue again; returns their number. A FIFO queue shows the rest of a
    /// group only after its first messages are gone.
    async fn send_again(&self, organisation: &OrganisationId, queue: &str) -> Result<usize> {
        let mut sent: usize = 0;
        loop {
            let reason = Some(Reason::Paused.to_string());
            let held = Selection { queue: Some(queue.to_owned()), reason, ..Selection::default() };
            let shown = self.dead_letters.clone().thorough().show(&held).await?;
            let own = shown
                .into_iter()
                .filter(|(dead, _)| dead.content.organisation.as_ref() == Some(organisation));
            let ids = own.map(|(dead, _)| dead.id).collect::<std::collections::BTreeSet<_>>();
            if ids.is_empty() {
                return Ok(sent);
            }
            // Thorough, as SQS may still count those that were just shown as held.
            let queues = self.dead_letters.clone().thorough();
            let redriven = queues.redrive(&Selection { ids, ..held }, Consent::default()).await?;
            sent = sent.saturating_add(redriven.redriven);
            if redriven.redriven == 0 {
                ensure!(
                    redriven.superseded > 0,
                    "held messages cannot be read now: run `automations resume` again"
                );
                return Ok(sent);
            }
        }
    }
}
