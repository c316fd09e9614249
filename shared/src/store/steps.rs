//! The steps of an action that has several: each is recorded in the action's own item, so that a repetition goes on after
//! the last one.

use super::actions::field;
use super::{Claimant, Error, Store, text};
use crate::id::{ActionId, OrganisationId};

impl Store {
    /// What came of a step of an action, where it was done.
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

    /// Records that a step was done and what came of it. With it the doubt that [`Store::sending`] left is over.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] where the claim is another's by now; else [`Error`]. The doubt stays.
    pub async fn stepped(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        claimant: Claimant<'_>,
        step: &str,
        result: &str,
    ) -> Result<(), Error> {
        let change = format!("SET {} = :result REMOVE sent", attribute(step));
        self.change(organisation, action, claimant, &change, Some((":result", text(result)))).await
    }
}

fn attribute(step: &str) -> String {
    format!("step_{step}")
}
