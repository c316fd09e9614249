//! What is noted of an action before it is sent: that it must not happen twice, and what it leaves at its ticket.

use automations::model::action::PlannedAction;
use automations::model::own_changes::{Attribution, ChangeMark};
use automations::salestrekker::FullTicket;
use automations::store::{Claimant, Error, Store};
use std::collections::BTreeSet;
use std::str::FromStr;

/// The notes of one action under a claim.
#[derive(Debug)]
pub(crate) struct Notes<'a> {
    pub(crate) store: &'a Store,
    pub(crate) decided: &'a PlannedAction,
    pub(crate) claimant: Claimant<'a>,
    /// What it left, or was about to.
    pub(crate) left: Vec<ChangeMark>,
}

impl Notes<'_> {
    /// Something is about to be sent that must not happen twice.
    pub(crate) async fn sending(&self) -> Result<(), Error> {
        let PlannedAction { id, organisation, .. } = self.decided;
        self.store.sending(organisation, id, self.claimant).await
    }

    /// What came of a step, where an earlier attempt did it.
    pub(crate) async fn step<Id: FromStr>(&self, step: &str) -> Result<Option<Id>, Error> {
        let PlannedAction { id, organisation, .. } = self.decided;
        let result = self.store.step(organisation, id, step).await?;
        let unusable = |_| Error::Unusable { attribute: "step", decode_error: None };
        result.map(|result| result.parse().map_err(unusable)).transpose()
    }

    /// A step was done.
    pub(crate) async fn stepped(&self, step: &str, result: &str) -> Result<(), Error> {
        let PlannedAction { id, organisation, .. } = self.decided;
        self.store.stepped(organisation, id, self.claimant, step, result).await
    }

    /// The ticket is about to be changed so.
    pub(crate) async fn leaving(&mut self, before: &FullTicket, after: &FullTicket) -> Result<(), Error> {
        self.left = traces(before, after);
        let left = Attribution { chain: self.decided.links(), at: automations::clock::now() };
        self.store.leave(&self.decided.organisation, &after.id, &self.left, &left).await
    }
}

/// The traces of the difference, as the enricher will find it.
fn traces(before: &FullTicket, after: &FullTicket) -> Vec<ChangeMark> {
    let mut traces = Vec::new();
    if before.id_workflow != after.id_workflow {
        traces.extend(after.id_workflow.as_ref().map(ChangeMark::workflow));
    }
    if before.id_stage != after.id_stage {
        traces.extend(after.id_stage.as_ref().map(ChangeMark::stage));
    }
    if before.id_owner != after.id_owner {
        traces.push(ChangeMark::owner(after.id_owner.as_ref()));
    }
    let (had, has) = (set(before.id_labels.as_ref()), set(after.id_labels.as_ref()));
    traces.extend(has.difference(&had).map(|label| ChangeMark::label_added(label)));
    traces.extend(had.difference(&has).map(|label| ChangeMark::label_removed(label)));
    let (had, has) = (set(before.id_clients.as_ref()), set(after.id_clients.as_ref()));
    traces.extend(has.difference(&had).map(|client| ChangeMark::client_added(client)));
    traces.extend(had.difference(&has).map(|client| ChangeMark::client_removed(client)));
    traces
}

fn set<T: Ord>(list: Option<&Vec<T>>) -> BTreeSet<&T> {
    list.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::{LabelId, OwnerId, StageId};

    fn ticket(fields: &str) -> FullTicket {
        automations::json::from_json(format!("{{\"id\": \"t-1\", {fields}}}").as_bytes()).unwrap()
    }

    #[test]
    fn a_change_leaves_what_the_enricher_will_find() {
        let before = ticket(r#""idStage": "s-1", "idOwner": "o-1", "idLabels": ["l-1", "l-2"]"#);
        let after = ticket(r#""idStage": "s-2", "idOwner": null, "idLabels": ["l-2", "l-3"]"#);
        let expected = [
            ChangeMark::stage(&StageId::parse("s-2").unwrap()),
            ChangeMark::owner(None::<&OwnerId>),
            ChangeMark::label_added(&LabelId::parse("l-3").unwrap()),
            ChangeMark::label_removed(&LabelId::parse("l-1").unwrap()),
        ];
        assert_eq!(traces(&before, &after), expected);
        assert_eq!(traces(&before, &before), []);
    }
}
