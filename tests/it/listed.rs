//! F5 of the field faults: each organisation's list query is asked for once an hour, whatever minute the reconciler runs.

use crate::support::{SOON, alone, among_others, events, rest, set_variable};
use anyhow::{Result, ensure};
use automations::clock::{self, Timestamp};
use automations::id::OrganisationId;
use end_to_end::stack::{Stack, eventually};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn of_two_runs_one_claims_an_hour_and_the_next_hour_is_claimed_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, organisation) = (stack.store(), OrganisationId::parse("claimed-hour")?);
    let at = |text: &str| text.parse::<Timestamp>();
    let claim = async |hour: &str, now: &str| -> Result<bool> {
        Ok(store.claim_listing(&organisation, at(hour)?, at(now)?).await?)
    };
    store.add_listing(&organisation).await?;
    // Far away, so that the deployed reconciler does not claim it meanwhile.
    let (ten, eleven) = ("9999-01-01T10:00:00Z", "9999-01-01T11:00:00Z");
    assert!(claim(ten, "9999-01-01T10:59:30Z").await?);
    assert!(!claim(ten, "9999-01-01T10:59:40Z").await?, "once an hour");
    assert!(claim(eleven, "9999-01-01T11:01:10Z").await?, "the next run is in another hour");
    // No hint was sent: the next run claims it again, and only a claim of one's own is given back.
    store.release_listing(&organisation, at("9999-01-01T10:59:30Z")?).await?;
    assert!(!claim(eleven, "9999-01-01T11:02:10Z").await?);
    store.release_listing(&organisation, at("9999-01-01T11:01:10Z")?).await?;
    assert!(claim(eleven, "9999-01-01T11:03:10Z").await?);
    store.add_listing(&organisation).await?;
    assert!(!claim(eleven, "9999-01-01T11:04:10Z").await?, "to add it again changes nothing");
    store.remove_listing(&organisation).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_organisation_without_a_ticket_is_listed_by_the_next_run_and_then_in_the_next_hour()
-> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("new-and-listed").await?;
    let ticket = organisation.new_ticket(json!({})).await?;
    let response = json!({ "data": { "result": [ticket] } });
    let fault = json!([{ "organisation": "new-and-listed", "on": "query All", "times": 9, "is": { "respond": response } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    rest(&stack).await?;
    let before =
        set_variable(&stack, "event-enricher", "LIST_QUERY", "query All { result: tickets { id } }").await?;
    let id = OrganisationId::parse("new-and-listed")?;
    let listed = listed_once(&stack, &id).await;
    rest(&stack).await?;
    set_variable(&stack, "event-enricher", "LIST_QUERY", &before).await?;
    stack.store().remove_listing(&id).await?;
    listed?;
    events(&organisation, &ticket, 1).await?;
    Ok(())
}

/// Two runs, of which the first one, or the deployed schedule, asks for the list query.
async fn listed_once(stack: &Stack, organisation: &OrganisationId) -> Result<()> {
    stack.store().add_listing(organisation).await?;
    let lines = async || -> Result<usize> {
        let listed = stack.logged("event-enricher", "tickets.listed").await?;
        Ok(listed.iter().filter(|line| line.contains(organisation.as_str())).count())
    };
    let name = format!("{}-reconciler", stack.addresses.stack);
    let hour = || clock::now().as_seconds().checked_div(Duration::from_hours(1).as_secs());
    let began = hour();
    for _ in 0..2 {
        let response = stack.lambda.invoke().function_name(&name).send().await?;
        ensure!(response.function_error.is_none(), "the reconciler failed: {:?}", response.payload);
    }
    eventually("the list query", SOON, async || {
        ensure!(lines().await? >= 1, "not yet");
        Ok(())
    })
    .await?;
    rest(stack).await?;
    let count = lines().await?;
    ensure!(count == 1 || hour() != began, "listed {count} times within an hour");
    Ok(())
}
