//! The functions that read a queue: their message is retried, or dead-lettered later, and never lost.

use super::case::{Case, Expected};
use super::intake::post;
use crate::inbound::declared;
use crate::notices::receiver;
use crate::scheduled::{DIGEST, firing, forget_firings, send};
use crate::support::{SOON, events, known_ticket, mutations, published, rest, set_variable};
use anyhow::{Context as _, Result, bail, ensure};
use automations::clock;
use automations::id::{ClockKind, DestinationName, EventId, OrganisationId};
use automations::model::lead::{Lead, LeadTarget};
use automations::private::Private;
use automations::{Action, Event};
use end_to_end::stack::{Organisation, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::Duration;

const COUNTDOWN: &str = "finance-due-countdown";
/// The handlers that are in their dry run in tests/handlers.yaml.
const DRY: [&str; 5] = [
    "notice-on-stage-change",
    "owner-on-new-ticket",
    "review-after-settlement",
    "pre-approval-expiry",
    COUNTDOWN,
];
const LEAD: &str = "name=Jane+Citizen&email=jane%40example.com&phone=491+570+006";

/// What happens to a message of the function: its id, and what its log lines call it.
struct Message<'a> {
    organisation: Organisation<'a>,
    ticket: String,
    subject: String,
}

/// The function's message is retried with this reason, and then its work is done.
pub(super) async fn work(case: &Case<'_>, reason: &str, other: Option<(&str, &str)>) -> Result<String> {
    let function = case.function();
    let is_dry = DRY.contains(&function.as_str());
    // The date that finance-due-countdown counts down to.
    let of_fields = ("event-enricher", "TICKET_FIELDS");
    let fields = (function == COUNTDOWN).then_some("finance_due=values.onceOffDueDate:date");
    let mut fields_before = None;
    if let Some(fields) = fields {
        rest(case.stack).await?;
        fields_before = Some(set_variable(case.stack, of_fields.0, of_fields.1, fields).await?);
    }
    if is_dry {
        rest(case.stack).await?;
        set_variable(case.stack, &function, "DRY_RUN", "false").await?;
    }
    let done = work_of(case, &function, reason, other).await;
    case.give_back().await?;
    let rested = rest(case.stack).await;
    if is_dry {
        set_variable(case.stack, &function, "DRY_RUN", "true").await?;
    }
    if let Some(before) = fields_before {
        set_variable(case.stack, of_fields.0, of_fields.1, &before).await?;
    }
    done.and(rested).map(|()| format!("retried, {reason}"))
}

async fn work_of(case: &Case<'_>, function: &str, reason: &str, other: Option<(&str, &str)>) -> Result<()> {
    let message = match function {
        "event-enricher" => {
            let organisation = case.organisation().await?;
            let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
            case.take_away(other).await?;
            let subject = hint(&organisation.webhook("ticket-updated", &ticket).await?)?;
            Message { organisation, ticket, subject }
        }
        "action-worker" | "follow-up-on-settlement" | "review-after-settlement" => {
            let organisation = case.organisation().await?;
            moved(case, organisation, ("Approved", "Settled"), other).await?
        }
        "follow-up-in-other-words" => {
            // The entry's filter in tests/handlers.yaml is on such names.
            let organisation = case.organisation_whose_name_begins("twice-").await?;
            moved(case, organisation, ("Approved", "Settled"), other).await?
        }
        "follow-up-when-left-alone" => {
            // The same. What it sends is that it decides later.
            let organisation = case.organisation_whose_name_begins("alone-").await?;
            moved(case, organisation, ("Approved", "Settled"), other).await?
        }
        "notice-on-stage-change" => {
            let organisation = case.organisation().await?;
            let (url, _) = receiver().await?;
            organisation.set_secret("destination-team", &json!({ "url": url, "secrets": [] })).await?;
            moved(case, organisation, ("Application", "Approved"), other).await?
        }
        "owner-on-new-ticket" => {
            let organisation = case.organisation().await?;
            let fields = json!({ "stage": "Approved", "labels": ["Refinance"] });
            let ticket = organisation.new_ticket(fields).await?;
            case.take_away(other).await?;
            organisation.webhook("ticket-created", &ticket).await?;
            let subject = events(&organisation, &ticket, 1).await?.remove(0).id.to_string();
            Message { organisation, ticket, subject }
        }
        "digest-of-stalled-tickets" => stalled(case, other).await?,
        "pre-approval-expiry" => {
            let organisation = case.organisation().await?;
            moved(case, organisation, ("Approved", "Archived"), other).await?
        }
        COUNTDOWN => {
            let organisation = case.organisation().await?;
            let vendor = format!("vendor/{}", organisation.name);
            case.stack.control(Method::PUT, &vendor, &json!({ "extra_fields": true })).await?;
            let due = json!({ "onceOff": 450_000, "onceOffDueDate": "2099-01-08" });
            let ticket = organisation.new_ticket(json!({ "values": due })).await?;
            case.take_away(other).await?;
            organisation.webhook("ticket-created", &ticket).await?;
            let subject = events(&organisation, &ticket, 1).await?.remove(0).id.to_string();
            Message { organisation, ticket, subject }
        }
        "ticket-on-website-lead" => {
            let organisation = case.organisation().await?;
            let url = declared(&organisation, "website-lead").await?;
            case.take_away(other).await?;
            let subject = event_of(case, &posted(&organisation, &url).await?).await?;
            Message { organisation, ticket: String::new(), subject }
        }
        handler => bail!("tests/it/denied/flows.rs knows no message that makes {handler} act"),
    };
    fails(case, function, &message.subject, reason, other.is_some()).await?;
    case.give_back().await?;
    is_done(case, function, &message).await?;
    case.has_no_dead_letter(&message.subject).await
}

/// A firing of the handler's schedule, in an organisation of which the entry's filter in tests/handlers.yaml is on the name.
async fn stalled<'a>(case: &Case<'a>, other: Option<(&str, &str)>) -> Result<Message<'a>> {
    let organisation = case.organisation_whose_name_begins("clock-").await?;
    let (url, _) = receiver().await?;
    organisation.set_secret("destination-team", &json!({ "url": url, "secrets": [] })).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let now = clock::now();
    organisation.set_stage_since(&ticket, now.earlier(Duration::from_hours(20 * 24))).await?;
    // Within half a minute of another check's firing this one would be taken for the same.
    forget_firings(case.stack, DIGEST).await?;
    case.take_away(other).await?;
    send(case.stack, &firing(DIGEST, &now.to_string(), "rate(7 days)")).await?;
    let (name, clock) = (OrganisationId::parse(organisation.name.as_str())?, ClockKind::parse(DIGEST)?);
    let subject = EventId::of_firing(&name, &clock, now).to_string();
    Ok(Message { organisation, ticket, subject })
}

/// A ticket moves between these stages; `subject` is the event.
async fn moved<'a>(
    case: &Case<'_>,
    organisation: Organisation<'a>,
    (from, to): (&str, &str),
    other: Option<(&str, &str)>,
) -> Result<Message<'a>> {
    let ticket = known_ticket(&organisation, from).await?;
    case.take_away(other).await?;
    organisation.change(&ticket, json!({ "stage": to })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let subject = events(&organisation, &ticket, 2).await?.remove(1).id.to_string();
    Ok(Message { organisation, ticket, subject })
}

/// Waits until the function says that it failed, and if so that it could not set the delay of the retry.
pub(super) async fn fails(
    case: &Case<'_>,
    function: &str,
    subject: &str,
    reason: &str,
    has_no_delay: bool,
) -> Result<()> {
    let expected = Expected { function, event: "message.retried", reason };
    let line = case.says(expected, subject, 0).await?;
    if has_no_delay {
        let id = line["message.id"].as_str().context("no message id")?;
        let expected = Expected { function, event: "message.delay_not_changed", reason: "queue_rejected" };
        case.says(expected, id, 0).await?;
    }
    Ok(())
}

async fn is_done(case: &Case<'_>, function: &str, message: &Message<'_>) -> Result<()> {
    let Message { organisation, ticket, subject } = message;
    match function {
        "event-enricher" => {
            let journal = events(organisation, ticket, 1).await?;
            ensure!(journal.len() == 1, "{} events of one change", journal.len());
            published(organisation, ticket).await
        }
        "action-worker" => {
            mutations(organisation, "ticketCreate", 1).await?;
            rest(case.stack).await?;
            let all = organisation.mutations().await?;
            let all: Vec<_> = all.iter().map(|mutation| mutation.mutation.as_str()).collect();
            ensure!(all == ["ticketUpdate", "ticketCreate"], "{all:?}");
            Ok(())
        }
        handler => {
            eventually("the decision", SOON, async || {
                let lines = case.stack.logged(handler, "actions.decided").await?;
                ensure!(lines.iter().any(|line| line.contains(subject)), "not yet");
                Ok(())
            })
            .await?;
            if handler == "digest-of-stalled-tickets" {
                // So that it is in no later digest.
                organisation.set_stage_since(ticket, clock::now()).await?;
            }
            Ok(())
        }
    }
}

/// The function's message fails for another reason too, and its delay cannot be set: the queue's visibility timeout applies.
pub(super) async fn delay(case: &Case<'_>, other: (&str, &str)) -> Result<String> {
    let reason = if other.0.starts_with("sqs:") { "queue_rejected" } else { "table_rejected" };
    Box::pin(case.with_short_visibility(work(case, reason, Some(other)))).await?;
    Ok("retried after the visibility timeout, queue_rejected".to_owned())
}

/// A message that cannot be read is to be dead-lettered at once.
pub(super) async fn dead_letter(case: &Case<'_>) -> Result<String> {
    Box::pin(case.with_short_visibility(dead_letter_later(case))).await?;
    Ok("kept in its queue, queue_rejected".to_owned())
}

async fn dead_letter_later(case: &Case<'_>) -> Result<()> {
    let (function, source) = (case.function(), case.source());
    let is_fifo = source.rsplit('.').next() == Some("fifo");
    // Its delay of a quarter of an hour is not set either, so that the queue's visibility timeout applies.
    let queue = source.strip_prefix(&case.stack.addresses.stack).unwrap_or(&source);
    case.take_away(Some(("sqs:ChangeMessageVisibility", queue))).await?;
    let request = case.stack.sqs.send_message().queue_url(case.stack.queue_url(&source).await?);
    let request = request.message_body(&case.name).message_group_id(&case.name);
    let sent = request.set_message_deduplication_id(is_fifo.then(|| case.name.clone())).send().await?;
    let id = sent.message_id.context("no message id")?;
    let expected =
        Expected { function: &function, event: "message.dead_letter_failed", reason: "queue_rejected" };
    let line = case.says(expected, &id, 0).await?;
    ensure!(line["dead_letter_reason"] == "malformed_message", "{line}");
    case.give_back().await?;
    let queue = case.permission.resource.rsplit(':').next().unwrap_or_default();
    eventually("the dead letter", SOON, async || {
        let all = case.stack.take_all(queue).await?;
        let reason = all.iter().find(|(body, _)| *body == case.name).map(|(_, reason)| reason.as_str());
        ensure!(reason == Some("malformed_message"), "so far {all:?}");
        Ok(())
    })
    .await
}

/// The worker reads which steps of a lead are done.
pub(super) async fn lead(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let url = declared(&organisation, "website-lead").await?;
    case.take_away(None).await?;
    let event = event_of(case, &posted(&organisation, &url).await?).await?;
    fails(case, "action-worker", &event, "table_rejected", false).await?;
    case.give_back().await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(case.stack).await?;
    let all = organisation.mutations().await?;
    let all: Vec<_> = all.iter().map(|mutation| mutation.mutation.as_str()).collect();
    ensure!(all == ["contactCreate", "ticketCreate"], "{all:?}");
    case.has_no_dead_letter(&event).await?;
    Ok("retried, table_rejected".to_owned())
}

fn jane(event: &Event, into: &LeadTarget) -> Vec<Action> {
    let lead =
        Lead { email: Private::new("jane@example.com".to_owned()), reuse_contact: true, ..Lead::default() };
    let lead = Action::create_lead(lead, into, "{contact}");
    event.ticket().map(|_| lead).into_iter().collect()
}

/// A handler of the test's own asks for a lead whose contact may be that of an earlier one.
pub(super) async fn reused_contact(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    organisation.set_secret("lead-key", &json!({ "key": "a key" })).await?;
    let hosted = organisation.host("leads", jane, LeadTarget::first_stage_of("Home loans")).await?;
    case.take_away(None).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0).id.to_string();
    while hosted.work().await? > 0 {}
    fails(case, "action-worker", &event, "secret_access_denied", false).await?;
    case.give_back().await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(case.stack).await?;
    let all = organisation.mutations().await?;
    let all: Vec<_> = all.iter().map(|mutation| mutation.mutation.as_str()).collect();
    ensure!(all == ["contactCreate", "ticketCreate"], "{all:?}");
    Ok("retried, secret_access_denied".to_owned())
}

fn notify(event: &Event, team: &DestinationName) -> Vec<Action> {
    event.ticket().map(|ticket| Action::notify(ticket, team, "moved")).into_iter().collect()
}

/// A handler of the test's own asks for the notice.
pub(super) async fn notice(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let (url, received) = receiver().await?;
    let secret = json!({ "url": url, "secrets": ["whsec_AAAA"] });
    organisation.set_secret("destination-team", &secret).await?;
    let hosted = organisation.host("notifies", notify, DestinationName::parse("team")?).await?;
    case.take_away(None).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0).id.to_string();
    while hosted.work().await? > 0 {}
    fails(case, "action-worker", &event, "secret_access_denied", false).await?;
    case.give_back().await?;
    // The destination refuses the first request.
    eventually("the notice", SOON, async || {
        let count = received.lock().unwrap_or_else(PoisonError::into_inner).len();
        ensure!(count >= 2, "{count} requests");
        Ok(())
    })
    .await?;
    case.has_no_dead_letter(&event).await?;
    Ok("retried, secret_access_denied".to_owned())
}

/// Posts a website lead; returns the hint's id.
async fn posted(organisation: &Organisation<'_>, url: &str) -> Result<String> {
    let (status, body) = post(organisation, url, LEAD).await?;
    ensure!(status == 202, "the response is {status}: {body}");
    hint(&body)
}

pub(super) fn hint(accepted: &Value) -> Result<String> {
    Ok(accepted["hint"].as_str().context("no hint")?.to_owned())
}

/// The event that a post to an inbound webhook became; it is in no journal.
async fn event_of(case: &Case<'_>, hint: &str) -> Result<String> {
    eventually("the event", SOON, async || {
        let lines = case.stack.logged("event-enricher", "inbound.received").await?;
        let line = lines.iter().find(|line| line.contains(hint)).context("not yet")?;
        let line: Value = serde_json::from_str(line)?;
        Ok(line["event.id"].as_str().context("no event id")?.to_owned())
    })
    .await
}
