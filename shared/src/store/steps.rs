//! The steps of an action that has several: each is recorded in the action's item, so that a retry continues after the last
//! one.

use super::actions::field;
use super::{Claimant, Error, Store, text};
use crate::id::{ActionId, OrganisationId};

impl Store {
    /// The result of a step of an action, if it is done.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn step(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        step: &str,
    ) -> Result<Option<String>, Error> {
        let item = self.action(organisation, action).await?;
        Ok(item.and_then(|item| field(&item, &attribute(step)).map(str::to_owned)))
    }

    /// Records that a step is done, and its result. The outcome is then no longer unknown, see [`Store::record_send_started`].
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another invocation holds the claim; else [`Error`]. The outcome stays unknown.
    pub async fn record_step(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
        step: &str,
        result: &str,
    ) -> Result<(), Error> {
        let change = format!("SET {} = :result REMOVE send_started", attribute(step));
        self.change(organisation, action, claimant, &change, Some((":result", text(result)))).await
    }
}

fn attribute(step: &str) -> String {
    format!("step_{step}")
}
