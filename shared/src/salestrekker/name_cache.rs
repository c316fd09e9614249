//! A cache of the names of workflows, stages and labels: they change rarely, and every event carries them.

use super::{Error, Label, Limits, Session, StageName, Workflow};
use crate::cache::ttl::TtlCache;
use crate::id::{LabelId, OrganisationId, WorkflowId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The cached names.
#[derive(Debug)]
pub(super) struct NameCache {
    workflows: TtlCache<(OrganisationId, WorkflowId), Arc<Workflow>>,
    labels: TtlCache<OrganisationId, Arc<Vec<Label>>>,
    /// The workflows that were found by their names.
    found: TtlCache<(OrganisationId, String), WorkflowId>,
    ttl: Duration,
}

impl NameCache {
    pub(super) fn new(limits: &Limits) -> Self {
        let capacity = limits.name_cache_entries.get();
        let (workflows, labels) = (TtlCache::new(capacity), TtlCache::new(capacity));
        Self { workflows, labels, found: TtlCache::new(capacity), ttl: limits.names() }
    }
}

impl Session<'_> {
    /// These workflows, from the cache if they are fresh and pass `is_enough`.
    pub(super) async fn named_workflows(
        &self,
        ids: &[WorkflowId],
        is_enough: impl Fn(&Workflow) -> bool,
    ) -> Result<HashMap<WorkflowId, Arc<Workflow>>, Error> {
        let cache = &self.client.names.workflows;
        let key = |id: &WorkflowId| (self.organisation.clone(), id.clone());
        let mut known = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            match cache.get(&key(id)).filter(|workflow| is_enough(workflow)) {
                Some(workflow) => drop(known.insert(id.clone(), workflow)),
                None => missing.push(id.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(known);
        }
        for (id, found) in missing.iter().zip(self.workflows(&missing).await?) {
            if let Some(workflow) = found?.map(Arc::new) {
                cache.put(key(id), Arc::clone(&workflow), self.client.names.ttl);
                known.insert(id.clone(), workflow);
            }
        }
        Ok(known)
    }

    /// The workflow of exactly this name, or with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::AmbiguousName`] if there are several; else the request's error.
    pub async fn workflow_named(&self, name: &str) -> Result<Arc<Workflow>, Error> {
        let key = (self.organisation.clone(), name.to_owned());
        let id = match self.client.names.found.get(&key) {
            Some(id) => id,
            None => self.search_workflow(key).await?,
        };
        let mut workflows = self.named_workflows(std::slice::from_ref(&id), |_| true).await?;
        workflows.remove(&id).ok_or_else(|| not_found("workflow", name))
    }

    async fn search_workflow(&self, key: (OrganisationId, String)) -> Result<WorkflowId, Error> {
        let name = key.1.as_str();
        let matches = self.search_workflows(name).await?;
        let named = matches.iter().map(|found| (&found.id, found.name.as_str()));
        match one_named("workflows", name, named)? {
            Some(id) => {
                self.client.names.found.put(key, id.clone(), self.client.names.ttl);
                Ok(id.clone())
            }
            // A workflow of this name may be added at any time.
            None => WorkflowId::parse(name).map_err(|_invalid| not_found("workflow", name)),
        }
    }

    /// The stage of a workflow of this name, or with this id; the workflow is fetched again if the cached one has no such stage.
    ///
    /// # Errors
    /// As [`Session::workflow_named`].
    pub async fn stage_named(&self, workflow: &WorkflowId, name: &str) -> Result<StageName, Error> {
        let is_it = |stage: &StageName| stage.name == name || stage.id.as_str() == name;
        let has = |workflow: &Workflow| workflow.stages.iter().any(is_it);
        let workflows = self.named_workflows(std::slice::from_ref(workflow), has).await?;
        let stages = workflows.get(workflow).map(|workflow| workflow.stages.as_slice()).unwrap_or_default();
        let named = stages.iter().map(|stage| (&stage.id, stage.name.as_str()));
        let id = one_named("stages", name, named)?;
        let stage = stages.iter().find(|stage| Some(&stage.id) == id);
        stage.cloned().ok_or_else(|| not_found("stage", name))
    }

    /// The label of exactly this name, or with this id.
    ///
    /// # Errors
    /// As [`Session::workflow_named`].
    pub async fn label_named(&self, name: &str) -> Result<LabelId, Error> {
        let is_it = |label: &Label| label.name == name || label.id.as_str() == name;
        let labels = self.labels(|labels| labels.iter().any(is_it)).await?;
        let id = one_named("labels", name, labels.iter().map(|label| (&label.id, label.name.as_str())))?;
        id.cloned().ok_or_else(|| not_found("label", name))
    }

    /// The organisation's labels, from the cache if they pass `is_enough`.
    pub(super) async fn labels(
        &self,
        is_enough: impl Fn(&[Label]) -> bool,
    ) -> Result<Arc<Vec<Label>>, Error> {
        let cache = &self.client.names.labels;
        if let Some(labels) = cache.get(self.organisation).filter(|labels| is_enough(labels)) {
            return Ok(labels);
        }
        let labels = Arc::new(self.all_labels().await?);
        cache.put(self.organisation.clone(), Arc::clone(&labels), self.client.names.ttl);
        Ok(labels)
    }
}

/// The one with this id, else the one of this name; `None` if there is none.
fn one_named<'a, Id: AsRef<str> + PartialEq>(
    what: &'static str,
    wanted: &str,
    all: impl Iterator<Item = (&'a Id, &'a str)>,
) -> Result<Option<&'a Id>, Error> {
    let mut named = Vec::new();
    for (id, name) in all {
        if id.as_ref() == wanted {
            return Ok(Some(id));
        }
        // A list may repeat an entry.
        if name == wanted && !named.contains(&id) {
            named.push(id);
        }
    }
    match named.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(Error::AmbiguousName {
            what,
            name: wanted.to_owned(),
            ids: several.iter().map(|id| id.as_ref().to_owned()).collect(),
        }),
    }
}

fn not_found(what: &str, name: &str) -> Error {
    Error::NotFound {
        what: format!("{what} as {name:?}, which a setting names; correct it in template.yaml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure as _, Remedy};
    use crate::reason::Reason;

    /// F22 of the field faults.
    #[test]
    fn a_name_of_several_is_refused_with_their_ids_and_an_id_is_as_good_as_a_name() {
        let labels = [
            ("l-1", "Client"),
            ("l-2", "Client"),
            ("l-3", "Refinance"),
            ("l-3", "Refinance"),
            ("Client", "x"),
        ]
        .map(|(id, name)| (LabelId::parse(id).unwrap(), name));
        let find = |wanted: &str, some: &[(LabelId, &'static str)]| {
            let found = one_named("labels", wanted, some.iter().map(|(id, name)| (id, *name)));
            found.map(|id| id.map(|id| id.as_str().to_owned()))
        };
        let found = |wanted: &str| find(wanted, &labels).unwrap();
        assert_eq!(found("Refinance").as_deref(), Some("l-3"), "a list that repeats an entry");
        assert_eq!(found("l-2").as_deref(), Some("l-2"));
        assert_eq!(found("Client").as_deref(), Some("Client"), "an id goes before a name");
        assert_eq!(found("client"), None);
        let error = find("Client", &labels[..4]).unwrap_err();
        assert_eq!((error.reason(), error.remedy()), (Reason::AmbiguousName, Remedy::DeadLetter));
        assert!(error.to_string().ends_with("use the id of one instead: l-1, l-2"), "{error}");
    }
}
