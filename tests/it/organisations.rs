//! The life of an organisation: it is added, its webhook token is replaced, its access is restricted, it is removed.

use crate::replayed;
use crate::support::{SOON, alone, among_others, events, known_ticket, rest, set_variable};
use anyhow::{Context as _, Result, ensure};
use automations::aws::secret::{self, Access, Credential, Login, Rehearsal};
use automations::id::OrganisationId;
use automations::model::event::UnrecognisedReason;
use automations::model::resent::Resent;
use automations::store::{Outcome, OwnSettings, Pause, PauseState, Paused};
use automations::{EventKind, aws, clock};
use automations_cli::Replay;
use automations_cli::event_filter::EventFilter;
use automations_cli::handler_entries::{Entries, Entry, Source};
use automations_cli::organisation::{Finding, New, Organisations, Removed, Urls, Verdict};
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

const HANDLER: &str = "follow-up-on-settlement";

/// The organisations of the stack, as in the operator's command.
pub(crate) fn organisations(stack: &Stack) -> Result<Organisations> {
    let endpoint = stack.addresses.aws_endpoint_url.clone();
    Organisations::new(&aws::load()?, stack.addresses.stack.clone(), Some(endpoint))
}

/// The operator's input, with this API key.
fn new(stack: &Stack, api_key: &str) -> Result<New> {
    let value = json!({ "endpoint": stack.api(), "api_key": "" }).to_string();
    let mut credential: Credential = secret::parse(&SecretString::from(value))?;
    credential.login = Login::ApiKey(api_key.into());
    Ok(New { credential, api_key: api_key.into(), writer_key: None, dedicated_kms_key: false })
}

/// Sends a webhook to the URL of this action; returns the status of the response.
async fn send_webhook(stack: &Stack, urls: &Urls, ticket: &str) -> Result<u16> {
    let url = urls.urls.get("ticket-updated").context("no URL")?;
    let body = json!({ "id": ticket }).to_string().into_bytes();
    let organisation = stack.seeded_organisation();
    Ok(organisation.send(Method::POST, url, "application/json", body).await?.status().as_u16())
}

#[tokio::test]
async fn an_organisation_is_added_by_its_key_and_its_webhook_token_is_replaced_with_an_overlap() -> Result<()>
{
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (all, name) = (organisations(&stack)?, OrganisationId::parse("added")?);
    let known = stack.control(Method::POST, "organisations", &json!({ "name": "added" })).await?;
    let api_key = known["api_key"].as_str().context("no API key")?;
    let two = New { writer_key: Some(api_key.into()), ..new(&stack, api_key)? };
    let two = all.add(&name, &two).await.expect_err("the worker signs in with the API key here");
    assert!(two.to_string().contains("SeparateWriter"), "{two:#}");
    let wrong = all.add(&name, &new(&stack, "wrong")?).await;
    assert!(wrong.is_err() && !all.list().await?.contains(&name), "a wrong key stores nothing");

    let old = all.add(&name, &new(&stack, api_key)?).await?;
    assert!(all.list().await?.contains(&name));
    let again = all.add(&name, &new(&stack, api_key)?).await?;
    assert_eq!(again.urls, old.urls, "a second attempt changes no URL");
    let ticket = stack.control(Method::POST, "tickets", &json!({ "organisation": "added" })).await?;
    let ticket = ticket["id"].as_str().context("no ticket")?;
    assert_eq!(send_webhook(&stack, &old, ticket).await?, 202);

    let next = all.new_urls(&name).await?;
    assert_ne!(next.urls, old.urls);
    assert_eq!(all.new_urls(&name).await?.urls, next.urls, "a second call returns the same URLs");
    // The functions read a new token within seconds.
    eventually("the new token", SOON, async || {
        ensure!(send_webhook(&stack, &next, ticket).await? == 202, "refused");
        Ok(())
    })
    .await?;
    assert_eq!(send_webhook(&stack, &old, ticket).await?, 202, "the old token is still accepted");
    let early = all.finish_urls(&name, false, clock::now()).await.expect_err("the old one was seen just now");
    assert!(early.to_string().contains("--force"), "{early:#}");
    all.finish_urls(&name, true, clock::now()).await?;
    assert_eq!(all.urls(&name).await?.urls, next.urls);

    let report = all.check(&name, clock::now()).await?;
    assert!(report.responds && report.accepted, "{report:?}");
    assert!(report.last_webhook_s.is_some_and(|seconds| seconds < 600), "{report:?}");
    assert_eq!((report.days_left, report.access), (Some(13), Access::ReadWrite));
    let own = OwnSettings { enabled: Some(false), ..OwnSettings::default() };
    ensure!(stack.store().put_handler_settings(&name, HANDLER, &own).await?, "another test stored them");
    // A hint of an organisation that has no secrets any more would be retried for hours.
    rest(&stack).await?;
    // In its last state, as it would else be in force.
    let pause = Pause::new(Paused::Organisation(name.clone()), clock::now(), None);
    stack.store().put_pause(&Pause { state: PauseState::Ending, ..pause }).await?;
    assert_eq!(all.remove(&name).await?, Removed { settings: 1, was_paused: true });
    assert!(!all.list().await?.contains(&name));
    ensure!(
        stack.store().handler_settings(&name).await?.is_empty(),
        "a new one of this name would have them"
    );
    ensure!(stack.store().pauses().await?.iter().all(|it| it.paused != Paused::Organisation(name.clone())));
    Ok(())
}

/// F22 of the field faults.
#[tokio::test]
async fn names_that_the_deployed_entries_give_wrongly_are_found_before_an_event_needs_them() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    stack.organisation("names").await?;
    let (all, name) = (organisations(&stack)?, OrganisationId::parse("names")?);
    let deployed = all.deployed_entries().await;
    let good = all.compare(&name, &deployed).await?;
    assert!(!good.has_problem() && good.names_checked > 5, "{good:?}");
    let unlisted = good.names.iter().all(|finding| finding.verdict == Verdict::NotVerifiable);
    assert!(unlisted && good.missing_fields.is_empty(), "only the owners of owner-on-new-ticket: {good:?}");

    stack.control(Method::POST, "duplicates/names", &json!({ "label": "Post-settlement" })).await?;
    stack.control(Method::PUT, "vendor/names", &json!({ "missing": ["Ticket.isActive"] })).await?;
    let found = all.compare(&name, &deployed).await?;
    assert_eq!(found.missing_fields, ["isActive"]);
    let is_of_two =
        |finding: &&Finding| matches!(&finding.verdict, Verdict::AmbiguousName { ids } if ids.len() == 2);
    let twice: Vec<_> = found.names.iter().filter(is_of_two).collect();
    let at: Vec<_> = twice.iter().map(|finding| (finding.handler.as_str(), finding.at.as_str())).collect();
    assert_eq!((at, found.has_problem()), (vec![(HANDLER, "Settings.label")], true));

    let known = stack.control(Method::POST, "organisations", &json!({ "name": "names" })).await?;
    let settings = json!({ "stage": "Setled", "label": known["labels"][2]["id"], "follow_up_workflow": "Annual reviews" });
    let policy = r#"{"type": ["ticket.stage_changed"], "to": {"stage": {"name": ["Aproved"]}}}"#.to_owned();
    let entry = Entry {
        name: "mine".to_owned(),
        settings: settings.to_string(),
        policies: vec![policy],
        dry_run: false,
    };
    let age_rules = r#"[{"stage": "Setled", "days": [1]}]"#.to_owned();
    let entries = Entries { source: Source::Template, all: Ok(vec![entry]), age_rules };
    let found = all.compare(&name, &entries).await?;
    let nearest = |name: &str| Verdict::NotFound { nearest: Some(name.to_owned()) };
    let of_rules: Vec<_> = found.age_rules.iter().map(|it| (it.at.as_str(), it.verdict.clone())).collect();
    assert_eq!(of_rules, [("STAGE_AGE_RULES[0].stage", nearest("Settled"))]);
    let found: Vec<_> =
        found.names.iter().map(|finding| (finding.at.as_str(), finding.verdict.clone())).collect();
    let expected = [("Filter.to.stage.name", nearest("Approved")), ("Settings.stage", nearest("Settled"))];
    assert_eq!(found, expected, "an id is as good as a name");
    Ok(())
}

#[tokio::test]
async fn a_read_only_organisations_actions_are_recorded_and_not_sent() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("read-only").await?;
    organisations(&stack)?.set_access(&OrganisationId::parse("read-only")?, Access::ReadOnly).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 2).await?.remove(1);
    for position in 0..2 {
        let done = eventually("a record", SOON, async || {
            organisation.done(&event, HANDLER, position).await?.context("not yet")
        });
        assert_eq!(done.await?.outcome, Outcome::DryRun);
    }
    rest(&stack).await?;
    assert!(organisation.mutations().await?.is_empty());
    Ok(())
}

/// F15 of the field faults.
#[tokio::test]
async fn what_was_only_recorded_before_the_rehearsal_is_done_by_a_replay_exactly_once() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("unrehearsed").await?;
    let (all, name) = (organisations(&stack)?, OrganisationId::parse("unrehearsed")?);
    all.set_rehearsal(&name, Rehearsal::Missing).await?;
    let before = clock::now();
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 2).await?.remove(1);
    let outcomes = async |wanted: fn(&Outcome) -> bool| {
        for position in 0..2 {
            eventually("a record", SOON, async || {
                let done = organisation.done(&event, HANDLER, position).await?.context("not yet")?;
                ensure!(wanted(&done.outcome), "{:?}", done.outcome);
                Ok(())
            })
            .await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    outcomes(|outcome| *outcome == Outcome::Unrehearsed).await?;
    rest(&stack).await?;
    assert!(organisation.mutations().await?.is_empty());

    all.set_rehearsal(&name, Rehearsal::Passed).await?;
    // A new instance of the worker, which has no cached token.
    set_variable(&stack, "action-worker", "SECRETS_PREFIX", &stack.addresses.stack).await?;
    let replayer = replayed::replayer(&stack);
    let replay = async |resent: Resent| {
        let replay = Replay {
            since: before,
            until: clock::now(),
            filter: EventFilter::of_ticket(ticket.parse()?),
            handler: None,
            resent: Some(resent),
        };
        replayer.play(&replayer.select(&replay).await?, None).await?;
        rest(&stack).await
    };
    replay(Resent::at(clock::now())).await?;
    assert!(organisation.mutations().await?.is_empty(), "a replay without the option performs nothing");
    let not_performed = || Resent { not_performed: true, ..Resent::at(clock::now()) };
    replay(not_performed()).await?;
    outcomes(Outcome::is_performed).await?;
    replay(not_performed()).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[tokio::test]
async fn a_write_only_organisations_tickets_are_not_looked_at() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("write-only").await?;
    organisations(&stack)?.set_access(&OrganisationId::parse("write-only")?, Access::WriteOnly).await?;
    let listener = stack.listen("write-only").await?;
    let ticket = organisation.new_ticket(Value::Object(serde_json::Map::new())).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = eventually("an event", SOON, async || {
        listener.received().await?.into_iter().next().context("nothing yet")
    });
    let reason = UnrecognisedReason::NoReadAccess;
    assert!(
        matches!(event.await?.kind, EventKind::WebhookUnrecognised { reason: actual, .. } if actual == reason)
    );
    assert!(organisation.journal(&ticket).await?.is_empty());
    Ok(())
}
