//! One permission in the course of its check: it is taken away, the function is seen to say so, and it is given back.

use super::permission::Permission;
use crate::support::SOON;
use anyhow::{Context as _, Result, ensure};
use aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::Value;
use uuid::Uuid;

/// The check of one permission.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) stack: &'a Stack,
    pub(super) permission: &'a Permission,
    /// The name of an organisation of its own: nothing of it is in a function's caches.
    pub(super) name: String,
}

/// A log line that is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) function: &'a str,
    pub(super) event: &'a str,
    pub(super) reason: &'a str,
}

/// Seconds after which a message whose delay cannot be set is received again; without this, it takes a minute.
const SHORT_VISIBILITY: &str = "6";

impl<'a> Case<'a> {
    pub(super) fn new(stack: &'a Stack, permission: &'a Permission) -> Self {
        Self { stack, permission, name: format!("denied-{}", Uuid::new_v4().simple()) }
    }

    pub(super) async fn organisation(&self) -> Result<Organisation<'a>> {
        self.stack.organisation(&self.name).await
    }

    /// One whose name has this beginning, which is in an entry's filter.
    pub(super) async fn organisation_whose_name_begins(&self, beginning: &str) -> Result<Organisation<'a>> {
        self.stack.organisation(&format!("{beginning}{}", self.name)).await
    }

    /// Takes the permission away, and with it another one: an action, and the end of a resource.
    pub(super) async fn take_away(&self, other: Option<(&str, &str)>) -> Result<()> {
        self.permission.policy_without(other).put(&self.stack.iam).await
    }

    /// Restores the role.
    pub(super) async fn give_back(&self) -> Result<()> {
        self.permission.policy().put(&self.stack.iam).await
    }

    /// The function of the role: `Roles.EventEnricher` is event-enricher's, `RoleOwnerOnNewTicket` owner-on-new-ticket's.
    pub(super) fn function(&self) -> String {
        let role = self.permission.role_id();
        let name = role.strip_prefix("Roles.").or_else(|| role.strip_prefix("Role")).unwrap_or(role);
        let mut function = String::new();
        for c in name.chars() {
            if c.is_uppercase() && !function.is_empty() {
                function.push('-');
            }
            function.extend(c.to_lowercase());
        }
        function
    }

    /// The queue that the function receives from.
    pub(super) fn source(&self) -> String {
        let name = match self.function().as_str() {
            "event-enricher" => "hints".to_owned(),
            "action-worker" => "actions.fifo".to_owned(),
            handler => format!("{handler}.fifo"),
        };
        format!("{}-{name}", self.stack.addresses.stack)
    }

    /// The log lines of a kind that contain this text.
    pub(super) async fn lines(&self, expected: Expected<'_>, text: &str) -> Result<Vec<Value>> {
        let lines = self.stack.logged(expected.function, expected.event).await?;
        let lines = lines.iter().filter(|line| line.contains(text));
        let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines
            .filter(|line| line["event_name"] == expected.event && line["reason"] == expected.reason)
            .collect())
    }

    /// Waits for one line more than `before`.
    pub(super) async fn says(&self, expected: Expected<'_>, text: &str, before: usize) -> Result<Value> {
        let Expected { function, event, reason } = expected;
        let what = format!("the line {event} of {function} with the reason {reason}");
        eventually(&what, SOON, async || {
            let lines = self.lines(expected, text).await?;
            ensure!(lines.len() > before, "not yet");
            lines.into_iter().next_back().context("no line")
        })
        .await
    }

    /// Nothing with this text was dead-lettered by the function.
    pub(super) async fn has_no_dead_letter(&self, text: &str) -> Result<()> {
        let lines = self.stack.logged(&self.function(), "message.dead_lettered").await?;
        let found: Vec<_> = lines.iter().filter(|line| line.contains(text)).collect();
        ensure!(found.is_empty(), "dead-lettered: {found:?}");
        Ok(())
    }

    /// Does `work` while messages of the function's queue are invisible only shortly.
    pub(super) async fn with_short_visibility<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let sqs = &self.stack.sqs;
        let url = self.stack.queue_url(&self.source()).await?;
        let request = sqs.get_queue_attributes().queue_url(&url).attribute_names(VisibilityTimeout);
        let attributes = request.send().await?.attributes.unwrap_or_default();
        let before = attributes.get(&VisibilityTimeout).context("no visibility timeout")?;
        let set = sqs.set_queue_attributes().queue_url(&url);
        set.attributes(VisibilityTimeout, SHORT_VISIBILITY).send().await?;
        let done = work.await;
        sqs.set_queue_attributes().queue_url(&url).attributes(VisibilityTimeout, before).send().await?;
        done
    }
}
