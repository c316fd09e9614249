//! What this function is invoked with.

use crate::target::Target;
use automations::serde::Deserialize;

/// By CodeDeploy during a deployment, or by a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(crate = "automations::serde", untagged)]
pub enum Invocation {
    /// A deployment waits for the result.
    OfDeployment(Deployment),
    /// Nothing waits: the result is the response.
    ByHand(Target),
}

/// A deployment that waits in its hook.
///
/// Source: CodeDeploy's user guide, "AppSpec 'hooks' section for an AWS Lambda deployment".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(crate = "automations::serde")]
pub struct Deployment {
    /// Its id.
    #[serde(rename = "DeploymentId")]
    pub id: String,
    /// The id of the hook's execution.
    #[serde(rename = "LifecycleEventHookExecutionId")]
    pub execution: String,
}
