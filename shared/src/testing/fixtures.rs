//! The ticket and the event that all others are made from.

use crate::clock::Timestamp;
use crate::id::{HintId, OrganisationId, WebhookAction};
use crate::model::event::{Cause, Event, EventKind};
use crate::model::ticket::{Named, Ticket, WorkflowStage};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

/// A ticket in the stage `Approved` of the workflow `Home loans`, with one label and one client.
pub fn ticket() -> Ticket {
    Ticket {
        id: id("ticket-1"),
        version: 1,
        workflow: Named { id: id("workflow-1"), name: Some("Home loans".to_owned()) },
        stage: stage("Approved").stage,
        owner: Some(id("owner-1")),
        labels: vec![Named { id: id("label-1"), name: Some("Refinance".to_owned()) }],
        clients: vec![id("contact-1")],
        value: Some(450_000.into()),
        active: Some(true),
        fields: BTreeMap::new(),
    }
}

/// An event of the organisation `north`, caused by a webhook.
pub fn event(kind: EventKind) -> Event {
    let organisation: OrganisationId = id("north");
    let observed_at = Timestamp::from_millis(1_790_000_000_000);
    let hint: HintId = id("request-1.0");
    let action: WebhookAction = id("ticket-updated");
    let cause = Cause::Webhook { hint: hint.clone(), action, received_at: observed_at, trace: None };
    let event = Event::of_change(&organisation, observed_at, &cause, kind.clone());
    event.unwrap_or_else(|| Event::of_hint(&organisation, observed_at, &cause, kind))
}

/// The stage of this name in the workflow `Home loans`.
pub(super) fn stage(name: &str) -> WorkflowStage {
    let stage = workflow_stage("Home loans", name);
    WorkflowStage { workflow: Named { id: id("workflow-1"), ..stage.workflow }, stage: stage.stage }
}

/// The workflow and stage of these names, with ids derived from them.
fn workflow_stage(workflow: &str, stage: &str) -> WorkflowStage {
    WorkflowStage { workflow: named("workflow", workflow), stage: named("stage", stage) }
}

/// A name with an id derived from it, so that the same name always has the same id.
pub(super) fn named<Id: FromStr<Err: Debug>>(kind: &str, name: &str) -> Named<Id> {
    let slug = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    Named { id: id(&format!("{kind}-{slug}")), name: Some(name.to_owned()) }
}

/// The id with this text.
#[expect(clippy::expect_used, reason = "the ids are constants, and tests use each of them")]
pub(super) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an example id is valid")
}
