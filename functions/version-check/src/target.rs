//! Which version of which function is checked.

use automations::serde::Deserialize;
use automations::serde_json;
use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::error::ProvideErrorMetadata as _;
use std::collections::BTreeMap;

/// A version of a function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(crate = "automations::serde")]
pub struct Target {
    /// The function's name.
    #[serde(rename = "Name")]
    pub function: String,
    /// The version's number.
    #[serde(rename = "TargetVersion")]
    pub version: String,
}

/// Why it is not known what a deployment deploys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTarget {
    /// CodeDeploy rejected a request, or did not respond.
    #[error("CodeDeploy does not say what is deployed: {0}")]
    NoResponse(String),
    /// It says so in a form that is not known.
    #[error("CodeDeploy's description of the deployment has another form than a function's")]
    UnknownForm,
}

/// The part of an AppSpec file that is read.
///
/// Source: CodeDeploy's user guide, "AppSpec 'resources' section for AWS Lambda deployments".
#[derive(Deserialize)]
#[serde(crate = "automations::serde")]
struct AppSpec {
    #[serde(rename = "Resources")]
    resources: Vec<BTreeMap<String, Resource>>,
}

#[derive(Deserialize)]
#[serde(crate = "automations::serde")]
struct Resource {
    #[serde(rename = "Properties")]
    properties: Target,
}

/// What a deployment deploys. `GetDeployment` returns the AppSpec file's digest alone, with which `GetApplicationRevision` has it.
///
/// Source: CodeDeploy's API reference, both operations.
pub(crate) async fn of_deployment(codedeploy: &Client, id: &str) -> Result<Target, NoTarget> {
    let no_response = |code: Option<&str>| NoTarget::NoResponse(code.unwrap_or("no response").to_owned());
    let found = codedeploy.get_deployment().deployment_id(id).send().await;
    let found = found.map_err(|error| no_response(error.code()))?;
    let deployment = found.deployment_info.ok_or(NoTarget::UnknownForm)?;
    let request = codedeploy.get_application_revision();
    let request = request.set_application_name(deployment.application_name).set_revision(deployment.revision);
    let found = request.send().await.map_err(|error| no_response(error.code()))?;
    let revision = found.revision.ok_or(NoTarget::UnknownForm)?;
    #[expect(deprecated, reason = "CloudFormation's deployments still have this form")]
    let text = revision.string.and_then(|string| string.content);
    let content = text.or_else(|| revision.app_spec_content?.content);
    parse(&content.unwrap_or_default()).ok_or(NoTarget::UnknownForm)
}

fn parse(app_spec: &str) -> Option<Target> {
    let app_spec: AppSpec = serde_json::from_str(app_spec).ok()?;
    app_spec.resources.into_iter().flatten().map(|(_, resource)| resource.properties).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_description_of_a_deployment() {
        let text = r#"{"version":0.0,"Resources":[{"Target":{"Type":"AWS::Lambda::Function","Properties":
            {"Name":"automations-event-enricher","Alias":"live","CurrentVersion":"6","TargetVersion":"7"}}}],"Hooks":[]}"#;
        let target = Target { function: "automations-event-enricher".to_owned(), version: "7".to_owned() };
        assert_eq!(parse(text), Some(target));
        for unknown in
            ["", "null", r#"{"Resources":[]}"#, r#"{"Resources":[{"Target":{"Properties":{"Name":"f"}}}]}"#]
        {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
    }
}
