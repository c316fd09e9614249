//! Every command of the operator's program that calls AWS, by a role that has the policies of readers, or of operators too, and nothing
//! else. `table.rs` knows which command needs which.

use super::session::{Session, session};
use crate::console::Browser;
use crate::preflight::{findings, plan};
use crate::superseded::{done, planned, send};
use crate::support::{SOON, alone, events, known_ticket, rest};
use anyhow::{Context as _, Result, ensure};
use automations::aws::secret::{self, Access, Credential, Login};
use automations::endpoint::Endpoint;
use automations::id::{DestinationName, OrganisationId, TicketId};
use automations::salestrekker::Limits;
use automations::{Event, aws, clock};
use automations_cli::account::Target;
use automations_cli::audit::Tally;
use automations_cli::commands::listen::Topic;
use automations_cli::commands::preflight::Level;
use automations_cli::event_filter::EventFilter;
use automations_cli::organisation::{
    Destination, Format, New, Organisations, Patience, Person, Sender, inbound_action,
};
use automations_cli::undo::{Reader, Wanted};
use automations_cli::{
    AliasCheck, Consent, DeadLetterQueues, Eraser, Replay, Replayer, Selection, Smoke, Subject,
};
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use std::time::Duration;

const OPERATORS: &str = "infra/stacks/operators.yaml";
const HANDLER: &str = "follow-up-on-settlement";

/// The program's parts, as one of its users has them.
struct Program<'a> {
    stack: &'a Stack,
    by: Session,
}

impl Program<'_> {
    fn target(&self) -> Target {
        let (config, addresses) = (self.by.config.clone(), &self.stack.addresses);
        Target { config, local: Some(addresses.aws_endpoint_url.clone()), stack: addresses.stack.clone() }
    }

    fn organisations(&self) -> Result<Organisations> {
        let addresses = &self.stack.addresses;
        Organisations::new(&self.by.config, addresses.stack.clone(), Some(addresses.aws_endpoint_url.clone()))
    }

    fn store(&self) -> automations::store::Store {
        automations::store::Store::new(aws::dynamodb(&self.by.config), self.stack.addresses.table.clone())
    }

    fn dead_letters(&self) -> DeadLetterQueues {
        let name = self.stack.addresses.stack.clone();
        DeadLetterQueues::new(&self.by.config, name, self.store(), clock::now())
    }

    fn replayer(&self) -> Replayer {
        Replayer {
            sns: aws::sns(&self.by.config),
            sqs: aws::sqs(&self.by.config),
            cloudformation: aws_sdk_cloudformation::Client::new(&self.by.config),
            store: self.store(),
            stack: self.stack.addresses.stack.clone(),
        }
    }

    async fn smoke(&self, organisation: Option<OrganisationId>) -> Result<()> {
        let lambda = aws_sdk_lambda::Client::new(&self.by.config);
        let cloudformation = aws_sdk_cloudformation::Client::new(&self.by.config);
        let functions = AliasCheck::new(lambda, cloudformation, self.stack.addresses.stack.clone());
        let (organisations, dead_letters) = (self.organisations()?, self.dead_letters());
        let checks = Smoke { organisations, functions, dead_letters, organisation, webhook: false };
        let checks = checks.run().await?;
        ensure!(checks.iter().all(|check| check.good), "{checks:?}");
        Ok(())
    }
}

/// A terminal without a person.
struct Unattended;

impl Person for Unattended {
    fn hears(&mut self, _: &str) {}

    fn confirms(&mut self, _: &str) -> bool {
        false
    }
}

fn is_denied<T>(result: Result<T>) -> Result<()> {
    let Err(error) = result else { anyhow::bail!("it was allowed") };
    let said = format!("{error:#} {error:?}");
    ensure!(said.contains("AccessDenied") || said.contains("AuthorizationError"), "{said}");
    Ok(())
}

/// Puts a hint of this ticket into the dead letters; what selects it, when it can be read.
async fn dead_letter(program: &Program<'_>, organisation: &str, ticket: &str) -> Result<Selection> {
    let (stack, queue) = (program.stack, "hints-dead-letters".to_owned());
    let url = stack.queue_url(&stack.addresses.hints_dead_letters_queue).await?;
    let hint = json!({
        "id": format!("{organisation}.0"), "organisation": organisation, "action": "ticket-updated",
        "received_at": "2026-11-25T09:30:00.000Z", "ticket": ticket, "raw": null,
    });
    stack.sqs.send_message().queue_url(url).message_body(hint.to_string()).send().await?;
    let all = Selection { queue: Some(queue), ..Selection::default() };
    eventually("the dead letter", SOON, async || {
        let shown = program.dead_letters().thorough().show(&all).await?;
        let (found, _) = shown.iter().find(|(_, body)| body.contains(ticket)).context("not yet")?;
        Ok(Selection { id: Some(found.id.clone()), ..all.clone() })
    })
    .await
}

fn replay(ticket: &str, handler: Option<&str>) -> Result<Replay> {
    let now = clock::now();
    let hour = Duration::from_hours(1);
    let (since, until) = (now.earlier(hour), now.later(hour));
    let filter = EventFilter::of_ticket(ticket.parse()?);
    Ok(Replay { since, until, filter, handler: handler.map(str::to_owned), resent: None })
}

/// A2 of the AWS facts.
#[tokio::test]
async fn a_reader_looks_at_everything_but_secrets_and_changes_nothing() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("looked-at").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event: Event = events(&organisation, &ticket, 1).await?.remove(0);
    let by = session(&stack, "a-reader", OPERATORS, &["Reader"]).await?;
    let reader = Program { stack: &stack, by };

    let mine = dead_letter(&reader, "looked-at", &ticket).await?;
    reader.dead_letters().list().await?;
    let replayed = reader.replayer().select(&replay(&ticket, Some(HANDLER))?).await?;
    ensure!(replayed.is_empty(), "{HANDLER} does not subscribe to {}", event.kind.name());
    let found = reader.replayer().select(&replay(&ticket, None)?).await?;
    assert_eq!(found.len(), 1);
    ensure!(reader.organisations()?.list().await?.contains(&OrganisationId::parse("looked-at")?));
    ensure!(
        reader.store().reminders_until(&OrganisationId::parse("looked-at")?, clock::now()).await?.is_empty()
    );
    reader.smoke(None).await?;
    let target = reader.target();
    let page = Browser::of(target.clone()).await?.get("/dead-letters").await?;
    ensure!(page.contains("disabled: the profile lacks <code>dynamodb:PutItem</code>"), "{page}");
    ensure!(page.contains("<code>sqs:DeleteMessage</code>"), "{page}");
    let report = findings(&target, None, &plan()?).await;
    // Whose policies it may ask about is one role, and that one is not there.
    let unchecked = report.iter().filter(|finding| finding.level == Level::Unchecked);
    let unchecked: Vec<_> = unchecked.filter(|finding| finding.check != "permissions").collect();
    ensure!(unchecked.is_empty(), "{unchecked:?}");

    // Not by `drop`, which would hold the dead letter for minutes.
    let url = stack.queue_url(&stack.addresses.hints_dead_letters_queue).await?;
    let deletion = aws::sqs(&reader.by.config).delete_message().queue_url(url).receipt_handle("none");
    is_denied(deletion.send().await.map_err(Into::into))?;
    is_denied(reader.replayer().play(&found, None).await)?;
    let topic = Topic::of(&reader.by.config, &stack.addresses.stack).await?;
    let Err(error) = topic.subscribe("{}", clock::now(), "0d0d0d0d").await else {
        anyhow::bail!("a reader made a queue")
    };
    ensure!(error.to_string().starts_with("the profile lacks sqs:CreateQueue"), "{error:#}");
    is_denied(reader.organisations()?.urls(&OrganisationId::parse("looked-at")?).await)?;
    assert_eq!(crate::support::dead_letters(&stack)?.thorough().drop(&mine).await?, 1);
    Ok(())
}

/// A2 of the AWS facts.
#[tokio::test]
async fn an_operator_runs_every_command() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let by = session(&stack, "an-operator", OPERATORS, &["Reader", "Operator"]).await?;
    let operator = Program { stack: &stack, by };
    let all = operator.organisations()?;
    let name = OrganisationId::parse("operated")?;
    organisations(&stack, &all, &name).await?;

    let organisation = stack.organisation("operated-on").await?;
    let (ticket, other) =
        (known_ticket(&organisation, "Approved").await?, organisation.new_ticket(json!({})).await?);
    let id = OrganisationId::parse("operated-on")?;
    // Before the rehearsal, which does not pass.
    undo(&operator, &id, &ticket).await?;
    all.backfill(&id, &[TicketId::parse(&other)?], Limits::default(), |_| Ok(())).await?;
    let rehearsed =
        all.rehearse(&id, &TicketId::parse(&other)?, None, &mut Unattended, Patience::default()).await?;
    ensure!(!rehearsed.findings.is_empty());
    let selected = operator.replayer().select(&replay(&ticket, None)?).await?;
    operator.replayer().play(&selected, None).await?;
    operator.replayer().play(&selected, Some(HANDLER)).await?;
    rest(&stack).await?;

    let topic = Topic::of(&operator.by.config, &stack.addresses.stack).await?;
    topic.clean(&topic.left_behind(clock::now()).await?).await?;
    let filter = json!({ "organisation": ["operated-on"] }).to_string();
    let temporary = topic.subscribe(&filter, clock::now(), "0c0c0c0c").await?;
    topic.receive(&temporary).await?;
    topic.remove(&temporary).await?;

    let mine = dead_letter(&operator, "operated-on", &ticket).await?;
    let consent = Consent { retry_unknown: false, out_of_order: false };
    assert_eq!(operator.dead_letters().thorough().redrive(&mine, consent).await?.redriven, 1);
    let mine = dead_letter(&operator, "operated-on", &other).await?;
    let page = Browser::of(operator.target()).await?.get("/dead-letters").await?;
    ensure!(page.contains("Drop selected") && !page.contains("disabled"), "{page}");
    assert_eq!(operator.dead_letters().thorough().drop(&mine).await?, 1);
    rest(&stack).await?;
    let dynamodb = aws::dynamodb(&operator.by.config);
    let (table, dead_letters) = (stack.addresses.table.clone(), operator.dead_letters());
    let eraser = Eraser { dynamodb, table, dead_letters };
    let found = eraser.find(&id, &Subject::Ticket(ticket)).await?;
    ensure!(found.items > 0, "{found:?}");
    eraser.erase(&found).await?;
    operator.smoke(Some(id)).await
}

/// An action of a handler that is not deployed is performed, and undone by the command's own code.
async fn undo(operator: &Program<'_>, organisation: &OrganisationId, ticket: &str) -> Result<()> {
    let journal = operator.store().journal_of(organisation, &TicketId::parse(ticket)?).await?;
    let event = journal.events.into_iter().next().context("no event")?;
    let seen = event.ticket().context("no ticket")?;
    let action = planned(&event, [automations::Action::add_label(seen, "Client")])?;
    send(operator.stack, &action).await?;
    done(operator.stack, &action[0]).await?;
    let wanted = Wanted::Action { organisation: organisation.clone(), action: action[0].id.clone() };
    let (undos, _) = Reader::new(operator.store(), clock::now()).read(&wanted).await?;
    let sent = automations_cli::commands::undo::send(&operator.target(), &undos, &Tally::default()).await?;
    ensure!(sent == 1, "{undos:?}");
    rest(operator.stack).await
}

/// The commands of `automations organisation`.
async fn organisations(stack: &Stack, all: &Organisations, name: &OrganisationId) -> Result<()> {
    let known = stack.control(Method::POST, "organisations", &json!({ "name": name.as_str() })).await?;
    let api_key = known["api_key"].as_str().context("no API key")?;
    let value = json!({ "endpoint": stack.api(), "api_key": "" }).to_string();
    let mut credential: Credential = secret::parse(&SecretString::from(value))?;
    credential.login = Login::ApiKey(api_key.into());
    let new = New { credential, api_key: api_key.into(), writer_key: None, dedicated_kms_key: false };
    all.add(name, &new).await?;
    all.new_urls(name).await?;
    all.finish_urls(name, true, clock::now()).await?;
    let webhook = inbound_action("website-lead")?;
    all.inbound(name, &webhook, &Sender::default(), None).await?;
    all.new_inbound(name, &webhook).await?;
    all.finish_inbound(name, &webhook).await?;
    all.remove_inbound(name, &webhook).await?;
    let team = DestinationName::parse("team")?;
    let url: Endpoint = serde_json::from_value(json!("http://127.0.0.1:9/"))?;
    let destination = Destination { url, format: Format::Slack, signing_secret: None };
    all.set_destination(name, &team, &destination).await?;
    all.remove_destination(name, &team).await?;
    ensure!(all.reuse_contacts(name).await?, "a key is stored");
    all.forget_contacts(name).await?;
    all.set_access(name, Access::ReadOnly).await?;
    all.renew(name).await?;
    all.change_key(name, false, api_key.into()).await?;
    ensure!(all.check(name, clock::now()).await?.accepted);
    let deployed = all.deployed_entries().await;
    ensure!(deployed.all.as_ref().is_ok_and(|entries| !entries.is_empty()), "{deployed:?}");
    all.remove(name).await.map(drop)
}
