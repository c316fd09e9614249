//! Names of workflows, stages and labels, kept for a while: they change rarely, and every event carries them.

use super::document;
use super::transport::Effect;
use super::{Client, Error, Workflow};
use crate::id::{LabelId, OrganisationId, WorkflowId};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A name may be this much out of date.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// So many workflows, and so many organisations' labels, are kept; past it, all are forgotten and asked for again.
const MOST_KEPT: usize = 1_000;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Names {
    workflows: Kept<(OrganisationId, WorkflowId), Workflow>,
    labels: Kept<OrganisationId, Vec<Label>>,
}

/// A label of an organisation.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) id: LabelId,
    pub(super) name: String,
}

impl Client {
    /// These workflows, from memory where they are younger than ten minutes and `is_enough` says they will do.
    pub(super) async fn named_workflows(
        &self,
        organisation: &OrganisationId,
        ids: &[WorkflowId],
        is_enough: impl Fn(&Workflow) -> bool,
    ) -> Result<HashMap<WorkflowId, Arc<Workflow>>, Error> {
        let kept = &self.names.workflows;
        let mut known = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            match kept.get(&(organisation.clone(), id.clone())).filter(|workflow| is_enough(workflow)) {
                Some(workflow) => drop(known.insert(id.clone(), workflow)),
                None => missing.push(id.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(known);
        }
        for (id, found) in missing.iter().zip(self.workflows(organisation, &missing).await?) {
            if let Some(workflow) = found? {
                known.insert(id.clone(), kept.put((organisation.clone(), id.clone()), workflow));
            }
        }
        Ok(known)
    }

    /// The workflow of exactly this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn workflow_named(
        &self,
        organisation: &OrganisationId,
        name: &str,
    ) -> Result<Arc<Workflow>, Error> {
        #[derive(Deserialize)]
        struct Match {
            id: WorkflowId,
            name: String,
        }
        let variables = json!({ "query": name });
        let answer = self.ask(organisation, document::WORKFLOWS_SEARCH, &variables, Effect::None).await?;
        let matches: Option<Vec<Match>> = answer.field("workflowsSearch")?;
        let not_found = || Error::NotFound { what: format!("workflow, see the setting {name:?}") };
        let exact = matches.into_iter().flatten().find(|found| found.name == name).ok_or_else(not_found)?;
        let mut workflows =
            self.named_workflows(organisation, std::slice::from_ref(&exact.id), |_| true).await?;
        workflows.remove(&exact.id).ok_or_else(not_found)
    }

    /// The stage of this name in a workflow, or a fresh look at the workflow where it is not known there.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn stage_named(
        &self,
        organisation: &OrganisationId,
        workflow: &WorkflowId,
        name: &str,
    ) -> Result<super::Stage, Error> {
        let has = |workflow: &Workflow| workflow.stages.iter().any(|stage| stage.name == name);
        let workflows = self.named_workflows(organisation, std::slice::from_ref(workflow), has).await?;
        let stage = workflows
            .get(workflow)
            .and_then(|workflow| workflow.stages.iter().find(|stage| stage.name == name));
        stage.cloned().ok_or_else(|| Error::NotFound { what: format!("stage, see the setting {name:?}") })
    }

    /// The label of exactly this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn label_named(&self, organisation: &OrganisationId, name: &str) -> Result<LabelId, Error> {
        let labels =
            self.labels(organisation, |labels| labels.iter().any(|label| label.name == name)).await?;
        let label = labels.iter().find(|label| label.name == name);
        label
            .map(|label| label.id.clone())
            .ok_or_else(|| Error::NotFound { what: format!("label, see the setting {name:?}") })
    }

    /// The organisation's labels, from memory where `is_enough` says they will do.
    pub(super) async fn labels(
        &self,
        organisation: &OrganisationId,
        is_enough: impl Fn(&[Label]) -> bool,
    ) -> Result<Arc<Vec<Label>>, Error> {
        if let Some(labels) = self.names.labels.get(organisation).filter(|labels| is_enough(labels)) {
            return Ok(labels);
        }
        let answer = self.ask(organisation, document::LABELS, &json!({}), Effect::None).await?;
        let labels: Option<Vec<Label>> = answer.field("labels")?;
        Ok(self.names.labels.put(organisation.clone(), labels.unwrap_or_default()))
    }
}

/// A map that forgets what is old, and everything where it grows too large.
#[derive(Debug)]
struct Kept<K, V>(Mutex<HashMap<K, (Instant, Arc<V>)>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Kept<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = kept.get(key)?;
        (since.elapsed() < KEPT_FOR).then(|| Arc::clone(value))
    }

    fn put(&self, key: K, value: V) -> Arc<V> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let value = Arc::new(value);
        kept.insert(key, (Instant::now(), Arc::clone(&value)));
        value
    }
}
