//! Whether the profile may make a change, found out by requests that change nothing: only AWS knows what all policies, boundaries and
//! service control policies together allow, and to simulate them is a permission of its own.

use super::cached::Cached;
use crate::account::Target;
use crate::commands::dead_letters::DeadLetterQueues;
use crate::permissions::COMMANDS;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use futures::future::join_all;
use std::time::Duration;

/// What AWS said is remembered for this time.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// Each change is recorded for `automations audit`.
const AUDIT: &str = "dynamodb:PutItem";
/// Harmless if it is run all the same: a handler checks these settings, and no other function knows the request.
const NO_SETTINGS: &str = r#"{"check_settings":{}}"#;

/// An action of IAM that AWS can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    PutItem,
    UpdateItem,
    DeleteItem,
    DeleteMessage,
    ListTriggers,
    DisableAlarms,
    EnableAlarms,
    Invoke,
}

impl Probe {
    const ALL: [Self; 8] = [
        Self::PutItem,
        Self::UpdateItem,
        Self::DeleteItem,
        Self::DeleteMessage,
        Self::ListTriggers,
        Self::DisableAlarms,
        Self::EnableAlarms,
        Self::Invoke,
    ];

    const fn action(self) -> &'static str {
        match self {
            Self::PutItem => AUDIT,
            Self::UpdateItem => "dynamodb:UpdateItem",
            Self::DeleteItem => "dynamodb:DeleteItem",
            Self::DeleteMessage => "sqs:DeleteMessage",
            Self::ListTriggers => "lambda:ListEventSourceMappings",
            Self::DisableAlarms => "cloudwatch:DisableAlarmActions",
            Self::EnableAlarms => "cloudwatch:EnableAlarmActions",
            Self::Invoke => "lambda:InvokeFunction",
        }
    }

    async fn is_allowed(self, asked: Asked<'_>, now: Timestamp) -> Result<bool> {
        let Asked { target, handler } = asked;
        let (store, config, stack) = (target.store(), &target.config, &target.stack);
        // Of an alarm that no stack has: those of ours end with their ids.
        let no_alarm = format!("{stack}-");
        let lambda = || aws_sdk_lambda::Client::new(config);
        let cloudwatch = || aws_sdk_cloudwatch::Client::new(config);
        Ok(match self {
            Self::PutItem => store.may_put().await?,
            Self::UpdateItem => store.may_update().await?,
            Self::DeleteItem => store.may_delete().await?,
            Self::DeleteMessage => {
                let queues = DeadLetterQueues::new(config, stack.clone(), store, now);
                queues.may_delete().await?
            }
            Self::ListTriggers => {
                let lambda = lambda();
                is_not_denied(lambda.list_event_source_mappings().max_items(1).send().await.err().as_ref())
            }
            Self::DisableAlarms => {
                let cloudwatch = cloudwatch();
                is_not_denied(
                    cloudwatch.disable_alarm_actions().alarm_names(no_alarm).send().await.err().as_ref(),
                )
            }
            Self::EnableAlarms => {
                let cloudwatch = cloudwatch();
                is_not_denied(
                    cloudwatch.enable_alarm_actions().alarm_names(no_alarm).send().await.err().as_ref(),
                )
            }
            Self::Invoke => {
                let function = format!("{stack}-{}", handler.context("no handler")?);
                let lambda = lambda();
                // "Validate parameter values and verify that the user or role has permission to invoke the function" (Lambda's API
                // reference, `Invoke`, `DryRun`).
                let request = lambda.invoke().function_name(function).invocation_type(InvocationType::DryRun);
                is_not_denied(request.payload(Blob::new(NO_SETTINGS)).send().await.err().as_ref())
            }
        })
    }
}

fn is_not_denied(error: Option<&impl ProvideErrorMetadata>) -> bool {
    !error.and_then(ProvideErrorMetadata::code).unwrap_or_default().contains("AccessDenied")
}

/// Where it is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) target: &'a Target,
    /// A handler of the stack, if one is known.
    pub(super) handler: Option<&'a str>,
}

/// What is known of the profile's permissions.
#[derive(Debug)]
pub(super) struct Permissions([(Probe, Cached<bool>); Probe::ALL.len()]);

impl Default for Permissions {
    fn default() -> Self {
        Self(Probe::ALL.map(|probe| (probe, Cached::new(KEPT_FOR))))
    }
}

/// The actions in the rows of these commands.
fn needed_by(commands: &[&str]) -> Vec<&'static str> {
    let rows = COMMANDS.iter().filter(|needs| commands.contains(&needs.command));
    rows.flat_map(|needs| needs.actions.iter().copied().flatten()).copied().collect()
}

impl Permissions {
    /// Whether a handler is needed to ask about these commands.
    pub(super) fn ask_a_handler(commands: &[&str]) -> bool {
        needed_by(commands).contains(&Probe::Invoke.action())
    }

    /// The IAM actions that one of these commands, or its row in the audit, needs and that the profile lacks. What cannot be found out
    /// counts as allowed: then the change itself says what it lacks.
    pub(super) async fn lacked(
        &self,
        about: Asked<'_>,
        commands: &[&str],
        now: Timestamp,
    ) -> Vec<&'static str> {
        let needed = needed_by(commands);
        let asked = self.0.iter().filter(|(probe, _)| {
            let action = probe.action();
            action == AUDIT || needed.contains(&action)
        });
        let asked = asked.map(async |(probe, known)| {
            let allowed = known.get(now, Box::pin(probe.is_allowed(about, now))).await;
            (probe.action(), allowed.is_ok_and(|allowed| !*allowed))
        });
        let asked = join_all(asked).await.into_iter();
        asked.filter(|(_, is_denied)| *is_denied).map(|(action, _)| action).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_that_is_asked_about_is_one_that_a_command_of_the_pages_needs() {
        let pages =
            ["dlq redrive", "dlq drop", "pause", "resume", "settings set", "reminders cancel", "undo"];
        for probe in Probe::ALL {
            let is_needed = COMMANDS.iter().any(|needs| {
                pages.contains(&needs.command)
                    && needs.actions.iter().any(|all| all.contains(&probe.action()))
            });
            assert!(is_needed, "{probe:?}");
        }
        for page in pages {
            assert!(COMMANDS.iter().any(|needs| needs.command == page), "{page}");
        }
    }
}
