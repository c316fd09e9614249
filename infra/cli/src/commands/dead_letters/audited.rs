//! Redrives and deletions that are recorded for `automations audit`: the ones of the command line and of the console.

use super::{Consent, DeadLetterQueues, Dropped, Redriven, Selection};
use crate::audit::{Audit, Change};
use crate::bulk::Bulk;
use anyhow::Result;

impl DeadLetterQueues {
    /// [`Self::redrive_within`], recorded.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails.
    pub async fn redrive_audited(
        &self,
        selection: &Selection,
        consent: Consent,
        bulk: &Bulk,
        audit: &Audit,
    ) -> Result<Redriven> {
        let change = limited(Change::by("dlq redrive"), selection)
            .with("retry-unknown", consent.retry_unknown)
            .with("out-of-order", consent.out_of_order);
        audit.record_tally(&change, &bulk.tally, self.redrive_within(selection, consent, bulk)).await
    }

    /// [`Self::drop_within`], recorded.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails.
    pub(crate) async fn drop_audited(
        &self,
        selection: &Selection,
        bulk: &Bulk,
        audit: &Audit,
    ) -> Result<Dropped> {
        let change = limited(Change::by("dlq drop"), selection);
        audit.record_tally(&change, &bulk.tally, self.drop_within(selection, bulk)).await
    }
}

fn limited(change: Change, selection: &Selection) -> Change {
    let options = selection.options().into_iter();
    options.fold(change, |change, (name, value)| change.selected(name, value))
}
