//! Redrives and deletions that are recorded for `automations audit`: the ones of the command line and of the console.

use super::{Consent, DeadLetterQueues, Dropped, Redriven, Selection};
use crate::audit::{Audit, Change, changed};
use anyhow::Result;

impl DeadLetterQueues {
    /// [`Self::redrive`], recorded.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails.
    pub async fn redrive_audited(
        &self,
        selection: &Selection,
        consent: Consent,
        audit: &Audit,
    ) -> Result<Redriven> {
        let change = limited(Change::by("dlq redrive"), selection)
            .with("retry-unknown", consent.retry_unknown)
            .with("out-of-order", consent.out_of_order);
        let work = async {
            let redriven = self.redrive(selection, consent).await?;
            let number = changed(redriven.redriven);
            Ok((redriven, number))
        };
        audit.record(&change, work).await
    }

    /// [`Self::drop`], recorded.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails.
    pub(crate) async fn drop_audited(&self, selection: &Selection, audit: &Audit) -> Result<Dropped> {
        let work = async {
            let dropped = self.drop_all(selection).await?;
            let number = changed(dropped.deleted);
            Ok((dropped, number))
        };
        audit.record(&limited(Change::by("dlq drop"), selection), work).await
    }
}

fn limited(change: Change, Selection { queue, reason, id, ids }: &Selection) -> Change {
    let change = change.limited("queue", queue.as_ref()).limited("reason", reason.as_ref());
    id.iter().chain(ids).fold(change, |change, id| change.limited("id", Some(id)))
}
