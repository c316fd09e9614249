//! What becomes of an action that is claimed when it is sent: it is sent at most once, also if another worker tries or something fails.

use super::{Fixture, planned};
use anyhow::{Context as _, Result};
use automations::clock;
use automations::futures::join;
use automations::model::action::PlannedAction;
use automations::store::Outcome;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

fn create(position: usize, beside: &str) -> Result<PlannedAction> {
    let names = ("Annual reviews", "Review: {ticket}");
    planned(
        position,
        &json!({ "do": "create_ticket", "beside": beside, "workflow": names.0, "name": names.1 }),
    )
}

/// The number of tickets that the API was asked to create.
async fn creates(fixture: &Fixture) -> Result<usize> {
    Ok(fixture.mutations().await?.iter().filter(|it| it["mutation"] == "ticketCreate").count())
}

fn is_created(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Created { .. }))
}

/// A claim of another worker, until this time of the clock; which began to send, or not.
fn claim(lease: u64, has_started: bool) -> Value {
    let mut claim = json!({
        "pk": { "S": "ACTION#north#e.h.0" }, "sk": { "S": "RESULT" }, "state": { "S": "claimed" },
        "owner": { "S": "another worker" }, "lease": { "N": lease.to_string() },
    });
    if has_started {
        claim["send_started"] = json!({ "BOOL": true });
    }
    claim
}

fn state(fixture: &Fixture) -> Result<String> {
    let item = fixture.aws.action("e.h.0").context("no item")?;
    Ok(super::table::text(&item, "state")?.to_owned())
}

#[tokio::test]
async fn a_create_is_claimed_when_it_is_sent_which_is_one_write() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.work("first", &[create(90, &ticket)?]).await?;
    let all = [create(0, &ticket)?];
    assert_eq!(fixture.work("second", &all).await?, [""; 0]);
    assert_eq!(fixture.cost(), (2, 3), "the ticket beside it and the new one; claim, mark, record");
    assert!(is_created(fixture.outcome(&all[0]).as_ref()));
    Ok(())
}

#[tokio::test]
async fn a_create_that_is_delivered_again_is_sent_once_also_if_it_could_not_be_prepared_any_more()
-> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let twice = [create(0, &ticket)?, create(0, &ticket)?];
    assert_eq!(fixture.work("first", &twice).await?, [""; 0]);
    assert_eq!(fixture.work("second", &twice[..1]).await?, [""; 0]);
    fixture.fault_on(&ticket, json!({ "status": { "code": 503 } }), 50).await?;
    assert_eq!(fixture.work("third", &twice[..1]).await?, [""; 0]);
    assert!(is_created(fixture.outcome(&twice[0]).as_ref()), "it stays as it was recorded");
    assert_eq!(creates(&fixture).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_create_that_cannot_be_prepared_now_is_performed_later() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = [create(0, &ticket)?];
    fixture.fault_on(&ticket, json!({ "status": { "code": 503 } }), 9).await?;
    assert_eq!(fixture.work("first", &all).await?, ["m0"]);
    let item = fixture.aws.action("e.h.0").context("no item")?;
    assert!(!item.contains_key("send_started") && item["lease"] == json!({ "N": "0" }), "{item:?}");
    assert_eq!(creates(&fixture).await?, 0);
    let mut kept = fixture.work("next", &all).await?;
    for _ in 0..9 {
        if kept.is_empty() {
            break;
        }
        kept = fixture.work("next", &all).await?;
    }
    assert_eq!((kept, creates(&fixture).await?), (Vec::new(), 1));
    Ok(())
}

#[tokio::test]
async fn what_an_earlier_worker_began_to_send_is_parked_and_what_it_only_claimed_is_performed() -> Result<()>
{
    for (has_started, sent, expected) in [(true, 0, "parked"), (false, 1, "done")] {
        let fixture = Fixture::new().await?;
        let ticket = fixture.new_ticket().await?;
        fixture.aws.put(claim(1, has_started));
        assert_eq!(fixture.work("first", &[create(0, &ticket)?]).await?, [""; 0]);
        assert_eq!((creates(&fixture).await?, state(&fixture)?), (sent, expected.to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn what_another_worker_holds_is_not_sent() -> Result<()> {
    for has_started in [true, false] {
        let fixture = Fixture::new().await?;
        let ticket = fixture.new_ticket().await?;
        fixture.aws.put(claim(clock::now().later(Duration::from_mins(1)).as_millis(), has_started));
        assert_eq!(fixture.work("first", &[create(0, &ticket)?]).await?, ["m0"]);
        assert_eq!(creates(&fixture).await?, 0);
        let item = fixture.aws.action("e.h.0").context("no item")?;
        assert_eq!(super::table::text(&item, "owner")?, "another worker");
    }
    Ok(())
}

#[tokio::test]
async fn a_create_whose_response_is_lost_is_parked_and_never_sent_again() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = [create(0, &ticket)?];
    fixture.fault_on("ticketCreate", json!("cut_after"), 1).await?;
    assert_eq!(fixture.work("first", &all).await?, [""; 0], "it is a dead letter");
    assert_eq!(state(&fixture)?, "parked");
    fixture.work("second", &all).await?;
    assert_eq!((creates(&fixture).await?, state(&fixture)?), (1, "parked".to_owned()));
    Ok(())
}

/// Two workers have prepared the same action before either claims it.
#[tokio::test]
async fn of_two_workers_with_one_action_one_sends_it() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.work("names", &[create(90, &ticket)?]).await?;
    fixture.api.ms.store(60, Ordering::Relaxed);
    let all = [create(0, &ticket)?];
    let (one, other) = join!(fixture.work("one", &all), fixture.work("other", &all));
    let mut kept = [one?, other?];
    kept.sort();
    assert_eq!(kept, [vec![], vec!["m0".to_owned()]], "the other one's message waits");
    assert_eq!(fixture.work("later", &all).await?, [""; 0]);
    assert_eq!(creates(&fixture).await?, 2, "one of them is for the names");
    Ok(())
}
