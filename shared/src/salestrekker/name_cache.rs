//! Names of workflows, stages and labels, kept for a while: they change rarely, and every event carries them.

use super::{Error, Label, Limits, Session, Workflow};
use crate::cache::ttl::TtlCache;
use crate::id::{LabelId, OrganisationId, WorkflowId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What is kept.
#[derive(Debug)]
pub(super) struct NameCache {
    workflows: TtlCache<(OrganisationId, WorkflowId), Arc<Workflow>>,
    labels: TtlCache<OrganisationId, Arc<Vec<Label>>>,
    ttl: Duration,
}

impl NameCache {
    pub(super) fn new(limits: &Limits) -> Self {
        let most = limits.name_cache_entries.get();
        Self { workflows: TtlCache::new(most), labels: TtlCache::new(most), ttl: limits.names() }
    }
}

impl Session<'_> {
    /// These workflows, from memory where they are young enough and `is_enough` says they will do.
    pub(super) async fn named_workflows(
        &self,
        ids: &[WorkflowId],
        is_enough: impl Fn(&Workflow) -> bool,
    ) -> Result<HashMap<WorkflowId, Arc<Workflow>>, Error> {
        let kept = &self.client.names.workflows;
        let key = |id: &WorkflowId| (self.organisation.clone(), id.clone());
        let mut known = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            match kept.get(&key(id)).filter(|workflow| is_enough(workflow)) {
                Some(workflow) => drop(known.insert(id.clone(), workflow)),
                None => missing.push(id.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(known);
        }
        for (id, found) in missing.iter().zip(self.workflows(&missing).await?) {
            if let Some(workflow) = found?.map(Arc::new) {
                kept.put(key(id), Arc::clone(&workflow), self.client.names.ttl);
                known.insert(id.clone(), workflow);
            }
        }
        Ok(known)
    }

    /// The workflow of exactly this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn workflow_named(&self, name: &str) -> Result<Arc<Workflow>, Error> {
        let not_found = || Error::NotFound { what: format!("workflow, see the setting {name:?}") };
        let matches = self.search_workflows(name).await?;
        let exact = matches.into_iter().find(|found| found.name == name).ok_or_else(not_found)?;
        let mut workflows = self.named_workflows(std::slice::from_ref(&exact.id), |_| true).await?;
        workflows.remove(&exact.id).ok_or_else(not_found)
    }

    /// The stage of this name in a workflow, or a fresh look at the workflow where it is not known there.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn stage_named(&self, workflow: &WorkflowId, name: &str) -> Result<super::StageName, Error> {
        let has = |workflow: &Workflow| workflow.stages.iter().any(|stage| stage.name == name);
        let workflows = self.named_workflows(std::slice::from_ref(workflow), has).await?;
        let stage = workflows
            .get(workflow)
            .and_then(|workflow| workflow.stages.iter().find(|stage| stage.name == name));
        stage.cloned().ok_or_else(|| Error::NotFound { what: format!("stage, see the setting {name:?}") })
    }

    /// The label of exactly this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn label_named(&self, name: &str) -> Result<LabelId, Error> {
        let labels = self.labels(|labels| labels.iter().any(|label| label.name == name)).await?;
        let label = labels.iter().find(|label| label.name == name);
        label
            .map(|label| label.id.clone())
            .ok_or_else(|| Error::NotFound { what: format!("label, see the setting {name:?}") })
    }

    /// The organisation's labels, from memory where `is_enough` says they will do.
    pub(super) async fn labels(
        &self,
        is_enough: impl Fn(&[Label]) -> bool,
    ) -> Result<Arc<Vec<Label>>, Error> {
        let kept = &self.client.names.labels;
        if let Some(labels) = kept.get(self.organisation).filter(|labels| is_enough(labels)) {
            return Ok(labels);
        }
        let labels = Arc::new(self.all_labels().await?);
        kept.put(self.organisation.clone(), Arc::clone(&labels), self.client.names.ttl);
        Ok(labels)
    }
}
