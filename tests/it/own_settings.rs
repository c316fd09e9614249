//! An organisation's settings of a handler, on the deployed handler.

use crate::support::{SOON, alone, among_others, events, known_ticket, mutations};
use anyhow::{Context as _, Result, ensure};
use automations::id::OrganisationId;
use automations::store::PAUSES_CACHED_FOR;
use automations::{aws, clock};
use automations_cli::account::Target;
use automations_cli::audit::Audit;
use automations_cli::commands::settings::{HandlerSettings, Kind, SettingsChange};
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::{Map, Value, json};

const HANDLER: &str = "follow-up-on-settlement";

fn settings(stack: &Stack) -> Result<HandlerSettings> {
    let addresses = &stack.addresses;
    let local = Some(addresses.aws_endpoint_url.clone());
    HandlerSettings::of(&Target { config: aws::load()?, local, stack: addresses.stack.clone() })
}

fn values(values: &Value) -> SettingsChange {
    let values: Map<String, Value> = values.as_object().cloned().unwrap_or_default();
    SettingsChange { values, ..SettingsChange::default() }
}

async fn change(organisation: &Organisation<'_>, change: &SettingsChange) -> Result<()> {
    let (settings, name) =
        (settings(organisation.stack)?, OrganisationId::parse(organisation.name.as_str())?);
    let own = settings.prepare(&name, HANDLER, change).await?;
    settings.store(&name, HANDLER, &own).await
}

async fn move_to(
    organisation: &Organisation<'_>,
    ticket: &str,
    stage: &str,
    events_so_far: usize,
) -> Result<String> {
    organisation.change(ticket, json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", ticket).await?;
    let event = events(organisation, ticket, events_so_far.saturating_add(1)).await?.pop();
    Ok(event.context("no event")?.id.to_string())
}

/// Issue 22, per organisation.
#[tokio::test]
async fn an_organisations_own_value_takes_effect_without_a_deployment_and_for_it_alone() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (own, other) = (stack.organisation("own-value").await?, stack.organisation("no-own-value").await?);
    change(&own, &values(&json!({ "label": "Client" }))).await?;
    for organisation in [&own, &other] {
        let ticket = known_ticket(organisation, "Approved").await?;
        move_to(organisation, &ticket, "Settled", 1).await?;
    }
    let labels =
        async |organisation| anyhow::Ok(mutations(organisation, "ticketUpdate", 1).await?[0].to_string());
    let (of_own, of_other) = (labels(&own).await?, labels(&other).await?);
    ensure!(of_own != of_other, "{of_own}");
    let found = settings(&stack)?.find(&OrganisationId::parse("own-value")?, HANDLER).await?;
    assert_eq!(found.own.values["label"], "Client");
    Ok(())
}

/// Issue 22, per organisation.
#[tokio::test]
async fn settings_that_do_not_fit_the_handler_are_refused_and_not_stored() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("own-unfit").await?;
    for unfit in [json!({ "label": 7 }), json!({ "lable": "Client" })] {
        let refused = change(&organisation, &values(&unfit)).await;
        let text = format!("{:#}", refused.err().context("it was stored")?);
        ensure!(text.contains("do not fit") && !text.contains("Client"), "{text}");
    }
    ensure!(settings(&stack)?.list(Some(&OrganisationId::parse("own-unfit")?)).await?.is_empty());
    let unknown = settings(&stack)?.find(&OrganisationId::parse("own-unfit")?, "no-such-handler").await;
    ensure!(unknown.is_err_and(|error| error.to_string().contains("there is no handler")));
    Ok(())
}

/// Issue 22, per organisation.
#[tokio::test]
async fn a_handler_that_is_disabled_for_an_organisation_decides_nothing_and_its_log_says_so() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("own-disabled").await?;
    change(&organisation, &SettingsChange { enabled: Some(false), ..SettingsChange::default() }).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = move_to(&organisation, &ticket, "Settled", 1).await?;
    eventually("the log line", SOON, async || {
        let lines = stack.logged(HANDLER, "actions.disabled").await?;
        ensure!(lines.iter().any(|line| line.contains(&event)), "not yet");
        Ok(())
    })
    .await?;
    ensure!(organisation.mutations().await?.is_empty());
    change(&organisation, &SettingsChange { enabled: Some(true), ..SettingsChange::default() }).await?;
    // Until no instance has what it read before.
    clock::pause(PAUSES_CACHED_FOR).await;
    move_to(&organisation, &ticket, "Approved", 2).await?;
    move_to(&organisation, &ticket, "Settled", 3).await?;
    mutations(&organisation, "ticketUpdate", 1).await.map(drop)
}

/// Issue 21, the drill: a wrong name in an entry is corrected for all at once.
#[tokio::test]
async fn settings_for_all_organisations_are_checked_for_all_before_any_is_stored() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let names = ["own-of-all-1", "own-of-all-2"];
    for name in names {
        stack.organisation(name).await?;
    }
    let (settings, audit) = (settings(&stack)?, Audit::new(&aws::load()?, stack.store()));
    let set = |change| settings.prepared_for_all(Kind::Set, HANDLER, change);
    let unfit = set(values(&json!({ "label": 7 }))).await.err().context("it fits")?;
    ensure!(format!("{unfit:#}").contains("do not fit"), "{unfit:#}");
    let own = async |name: &str| settings.find(&OrganisationId::parse(name)?, HANDLER).await;
    let entry = own(names[0]).await?;
    ensure!(entry.own.values.is_empty(), "something was stored");
    // What is in force anyway, as all other tests' organisations get it too.
    let label: Value = serde_json::from_str::<Value>(&entry.entry.settings)?["label"].clone();
    let prepared = set(values(&json!({ "label": label }))).await?;
    ensure!(settings.store_all_audited(&prepared, &audit).await? >= 2);
    for name in names {
        assert_eq!(own(name).await?.own.values["label"], label);
    }
    let again = set(values(&json!({ "label": label }))).await?;
    assert_eq!(settings.store_all_audited(&again, &audit).await?, 0, "it is so");
    let unset = SettingsChange { unset: vec!["label".to_owned()], ..SettingsChange::default() };
    let prepared = settings.prepared_for_all(Kind::Unset, HANDLER, unset.clone()).await?;
    ensure!(settings.store_all_audited(&prepared, &audit).await? >= 2);
    for name in names {
        ensure!(own(name).await?.own.values.is_empty(), "{name}");
    }
    let refused =
        settings.prepared_for_all(Kind::Unset, HANDLER, unset).await.err().context("it is unset")?;
    ensure!(refused.to_string().contains("no organisation has a setting label"), "{refused:#}");
    Ok(())
}
