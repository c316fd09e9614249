//! The application's stack, and the organisation's by the API of CloudFormation; the template needs no build.

use super::Organisations;
use anyhow::{Context as _, Result, bail};
use automations::id::OrganisationId;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{OnFailure, Parameter, Stack};
use std::time::Duration;

const TEMPLATE: &str = include_str!("../../../../stacks/organisation.yaml");
/// How often a stack that changes is described, a second apart.
const MAX_POLLS: u32 = 600;

/// The alias whose function URL gets the webhooks: template.yaml, `AutoPublishAlias`.
const ALIAS: &str = "live";

/// The outputs and parameters of the application's stack.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) rotator: String,
    /// Whether action-worker has a key of its own.
    pub(super) separate_writer: bool,
}

impl Organisations {
    pub(super) fn stack_of(&self, organisation: &OrganisationId) -> String {
        format!("{}-organisation-{organisation}", self.stack)
    }

    pub(super) async fn outputs(&self) -> Result<Outputs> {
        let stack = self.described(&self.stack).await?;
        let stack = stack.with_context(|| {
            format!("the stack {} is not deployed here; check --profile, --region and --stack", self.stack)
        })?;
        let output = |key: &str| {
            let found = stack.outputs().iter().find(|output| output.output_key() == Some(key));
            let value = found.and_then(|output| output.output_value()).map(str::to_owned);
            value.with_context(|| format!("the stack {} has no output {key}; deploy it again", self.stack))
        };
        Ok(Outputs { rotator: output("RotatorArn")?, separate_writer: has_separate_writer(&stack) })
    }

    /// The ingest endpoint, which ends in `/`: the function URL of webhook-ingest. The stack has no output with it, as AWS
    /// shows no reference to what SAM makes beside `AWS::LanguageExtensions` (docs/decisions/0050).
    pub(super) async fn ingest_endpoint(&self) -> Result<String> {
        let function = format!("{}-webhook-ingest", self.stack);
        let request = self.lambda.get_function_url_config().function_name(&function).qualifier(ALIAS);
        let url = request.send().await.with_context(|| {
            format!(
                "the function URL of {function} cannot be read; check --profile, --region and --stack, and whether it is deployed"
            )
        })?;
        let Some(endpoint) = &self.local else { return Ok(url.function_url) };
        // Not every resolver knows the host that the engine gives.
        let id = url.function_url.split("//").last().and_then(|host| host.split('.').next());
        Ok(format!("{endpoint}/_aws/lambda-url/{}/", id.unwrap_or_default()))
    }

    /// The status of the application's stack in CloudFormation, and its ingest endpoint, which ends in `/`.
    ///
    /// # Errors
    /// If it is not deployed, or the request fails.
    pub async fn application(&self) -> Result<(String, String)> {
        let stack = self.described(&self.stack).await?;
        let status = stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned());
        Ok((status.unwrap_or_default(), self.ingest_endpoint().await?))
    }

    pub(super) async fn has_stack(&self, organisation: &OrganisationId) -> Result<bool> {
        Ok(self.described(&self.stack_of(organisation)).await?.is_some())
    }

    /// Creates or updates the stack, and waits until that is done. No parameter is a secret.
    pub(super) async fn deploy(
        &self,
        organisation: &OrganisationId,
        dedicated_kms_key: bool,
        separate_writer: bool,
        rotator: &str,
    ) -> Result<()> {
        let name = self.stack_of(organisation);
        let text = |is| if is { "true" } else { "false" };
        let values = [
            ("Application", self.stack.as_str()),
            ("Organisation", organisation.as_str()),
            ("RotatorArn", rotator),
            ("DedicatedKmsKey", text(dedicated_kms_key)),
            ("SeparateWriter", text(separate_writer)),
        ];
        let parameter = |(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build();
        let parameters: Vec<Parameter> = values.into_iter().map(parameter).collect();
        // The application's tags, so that cost reports have the secrets too.
        let tags = self.described(&self.stack).await?.and_then(|application| application.tags);
        if let Some(stack) = self.described(&name).await? {
            // An earlier attempt made it, and it may be rotated by now: it keeps everything but its rotation, and that only while
            // secrets without a value are being made.
            if rotator.is_empty() && (!separate_writer || has_separate_writer(&stack)) {
                return Ok(());
            }
            let request = self.cloudformation.update_stack().stack_name(&name).template_body(TEMPLATE);
            match request.set_parameters(Some(parameters)).set_tags(tags).send().await {
                Ok(_) => {}
                Err(error) if error.message().is_some_and(|text| text.contains("No updates")) => {
                    return Ok(());
                }
                Err(error) => return Err(error).context("the organisation's stack cannot be updated"),
            }
        } else {
            let request =
                self.cloudformation.create_stack().stack_name(&name).template_body(TEMPLATE).set_tags(tags);
            let request = request.set_parameters(Some(parameters)).on_failure(OnFailure::Delete);
            request.send().await.context("the organisation's stack cannot be created")?;
        }
        self.settled(&name)
            .await?
            .context("the organisation's stack was rolled back; see its events in CloudFormation")?;
        Ok(())
    }

    pub(super) async fn delete_stack(&self, organisation: &OrganisationId) -> Result<()> {
        let name = self.stack_of(organisation);
        self.cloudformation.delete_stack().stack_name(&name).send().await?;
        match self.settled(&name).await? {
            None => Ok(()),
            Some(_) => bail!("the stack {name} cannot be deleted; see its events in CloudFormation"),
        }
    }

    /// The stack after its change is complete; none if it was deleted.
    async fn settled(&self, name: &str) -> Result<Option<Stack>> {
        for _ in 0..MAX_POLLS {
            let Some(stack) = self.described(name).await? else { return Ok(None) };
            let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
            if !status.ends_with("IN_PROGRESS") {
                if status.contains("ROLLBACK") || status.contains("FAILED") {
                    bail!("the stack {name} is {status}; see its events in CloudFormation");
                }
                return Ok(Some(stack));
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "the pause between two descriptions of a stack that changes"
            )]
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        bail!(
            "the stack {name} still changes after ten minutes; see its events in CloudFormation, then run the command again"
        )
    }

    async fn described(&self, name: &str) -> Result<Option<Stack>> {
        match self.cloudformation.describe_stacks().stack_name(name).send().await {
            Ok(response) => {
                let stack = response.stacks.unwrap_or_default().into_iter().next();
                Ok(stack.filter(|stack| {
                    stack.stack_status().is_none_or(|status| status.as_str() != "DELETE_COMPLETE")
                }))
            }
            Err(error) if error.message().is_some_and(|text| text.contains("does not exist")) => Ok(None),
            Err(error) => Err(error).context("CloudFormation does not respond; check --profile and --region"),
        }
    }
}

/// The value of its parameter; the application's and an organisation's have the same name.
fn has_separate_writer(stack: &Stack) -> bool {
    let is_it = |parameter: &Parameter| parameter.parameter_key() == Some("SeparateWriter");
    let found = stack.parameters().iter().find(|parameter| is_it(parameter));
    found.and_then(Parameter::parameter_value) == Some("true")
}
