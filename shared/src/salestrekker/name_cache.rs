//! A cache of the names of workflows, stages and labels: they change rarely, and every event carries them.

use super::{Error, Label, Limits, Session, Workflow};
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
    ttl: Duration,
}

impl NameCache {
    pub(super) fn new(limits: &Limits) -> Self {
        let capacity = limits.name_cache_entries.get();
        Self { workflows: TtlCache::new(capacity), labels: TtlCache::new(capacity), ttl: limits.names() }
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

    /// The workflow of exactly this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn workflow_named(&self, name: &str) -> Result<Arc<Workflow>, Error> {
        let not_found = || Error::NotFound {
            what: format!("workflow as {name:?}, which a setting names; correct it in template.yaml"),
        };
        let matches = self.search_workflows(name).await?;
        let exact = matches.into_iter().find(|found| found.name == name).ok_or_else(not_found)?;
        let mut workflows = self.named_workflows(std::slice::from_ref(&exact.id), |_| true).await?;
        workflows.remove(&exact.id).ok_or_else(not_found)
    }

    /// The stage of this name in a workflow; the workflow is fetched again if the cached one has no such
    /// stage.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn stage_named(&self, workflow: &WorkflowId, name: &str) -> Result<super::StageName, Error> {
        let has = |workflow: &Workflow| workflow.stages.iter().any(|stage| stage.name == name);
        let workflows = self.named_workflows(std::slice::from_ref(workflow), has).await?;
        let stage = workflows
            .get(workflow)
            .and_then(|workflow| workflow.stages.iter().find(|stage| stage.name == name));
        stage.cloned().ok_or_else(|| Error::NotFound {
            what: format!("stage as {name:?}, which a setting names; correct it in template.yaml"),
        })
    }

    /// The label of exactly this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn label_named(&self, name: &str) -> Result<LabelId, Error> {
        let labels = self.labels(|labels| labels.iter().any(|label| label.name == name)).await?;
        let label = labels.iter().find(|label| label.name == name);
        label.map(|label| label.id.clone()).ok_or_else(|| Error::NotFound {
            what: format!("label as {name:?}, which a setting names; correct it in template.yaml"),
        })
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
