//! What becomes of a batch if something takes long.

use super::{Fixture, claim, control, label, planned};
use anyhow::{Context as _, Result, ensure};
use automations::clock;
use automations::store::Outcome;
use futures::join;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CHANGED: Option<Outcome> = Some(Outcome::Changed);

#[tokio::test]
async fn what_a_person_saves_while_a_name_is_looked_up_is_not_undone() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.fault_on("query Labels", json!({ "slow": { "ms": 400 } }), 1).await?;
    let edit = label(0, &ticket, "l0")?;
    let person = async {
        clock::pause(Duration::from_millis(150)).await;
        let (path, stage) = (format!("tickets/{ticket}"), json!({ "stage": "Archived" }));
        control(&fixture.http, &fixture.address, Method::PATCH, &path, &stage).await
    };
    let (kept, saved) = join!(fixture.work("first", std::slice::from_ref(&edit)), person);
    assert_eq!((kept?, fixture.outcome(&edit)), (Vec::new(), CHANGED));
    assert_eq!(fixture.ticket(&ticket).await?["idStage"], saved?["idStage"]);
    assert_eq!(fixture.cost().0, 4, "the labels, a read, an update and a read-back");
    Ok(())
}

/// The look is the second request of its kind.
#[tokio::test]
async fn a_look_that_does_not_respond_is_not_waited_for() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.work("before", &[label(90, &ticket, "Client")?]).await?;
    for ms in [0, 5_000] {
        fixture.fault_on("query Ticket", json!({ "slow": { "ms": ms } }), 1).await?;
    }
    let (edit, start) = (label(0, &ticket, "l0")?, Instant::now());
    assert_eq!(fixture.work("first", std::slice::from_ref(&edit)).await?, [""; 0]);
    assert_eq!((fixture.outcome(&edit), fixture.cost().0), (CHANGED, 4));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_look_that_fails_is_followed_by_a_read_back() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.work("before", &[label(90, &ticket, "Client")?]).await?;
    fixture.fault_on("query Ticket", json!({ "slow": { "ms": 0 } }), 1).await?;
    fixture.fault_on("query Ticket", json!({ "status": { "code": 503 } }), 1).await?;
    let edit = label(0, &ticket, "l0")?;
    assert_eq!(fixture.work("first", std::slice::from_ref(&edit)).await?, [""; 0]);
    assert_eq!((fixture.outcome(&edit), fixture.cost().0), (CHANGED, 4));
    Ok(())
}

#[tokio::test]
async fn an_outage_is_found_by_the_first_name_that_is_looked_up_and_stops_no_edit_without_one() -> Result<()>
{
    let fixture = Fixture::new().await?;
    let mut all = Vec::new();
    for number in 0..4 {
        all.push(label(number, &fixture.new_ticket().await?, "Client")?);
    }
    let other = fixture.new_ticket().await?;
    all.push(planned(9, &json!({ "do": "set_value", "ticket": other, "value": 470_000 }))?);
    fixture.fault_on("query Labels", json!({ "status": { "code": 503 } }), 50).await?;
    assert_eq!(fixture.work("first", &all).await?, ["m0", "m1", "m2", "m3"]);
    assert_eq!(fixture.outcomes(&all), [None, None, None, None, CHANGED]);
    assert_eq!(fixture.cost().0, 3 + 3, "three attempts for the labels, and one edit");
    Ok(())
}

#[tokio::test]
async fn what_waits_for_a_failed_edit_is_not_claimed_while_another_group_is_worked_on() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (ticket, other) = (fixture.new_ticket().await?, fixture.new_ticket().await?);
    fixture.fault(json!({ "status": { "code": 503 } }), 1).await?;
    fixture.fault_on("ticketCreate", json!({ "slow": { "ms": 3_000 } }), 1).await?;
    let create =
        json!({ "do": "create_ticket", "beside": other, "workflow": "Annual reviews", "name": "Review" });
    let all = [label(0, &ticket, "l0")?, label(1, &ticket, "l1")?, planned(2, &create)?];
    for planned in &all[..2] {
        fixture.aws.put(claim(planned.id.as_str(), "a crashed worker", 1));
    }
    let start = Instant::now();
    let released = async {
        loop {
            let lease = fixture.aws.action("e.h.1").and_then(|item| item.get("lease").cloned());
            if lease == Some(json!({ "N": "0" })) {
                return Ok(start.elapsed());
            }
            ensure!(start.elapsed() < Duration::from_secs(10), "it is never released");
            clock::pause(Duration::from_millis(20)).await;
        }
    };
    let (kept, released) = join!(fixture.work("first", &all), released);
    assert_eq!(kept?, ["m0", "m1"]);
    let (released, whole) = (released?, start.elapsed());
    assert!(released.saturating_add(Duration::from_secs(1)) < whole, "{released:?} of {whole:?}");
    let calls = fixture.aws.take_calls();
    let position = |call: &str, name: &str, value: &str| {
        let is_it = |it: &(String, Value)| it.0 == call && it.1.pointer(name) == Some(&json!(value));
        calls.iter().rposition(is_it).with_context(|| format!("no {call} of {value}"))
    };
    let release = position("UpdateItem", "/Key/pk/S", "ACTION#north#e.h.1")?;
    let visible = position("ChangeMessageVisibility", "/ReceiptHandle", "r1")?;
    assert!(release < visible, "else it may be received while it is claimed");
    Ok(())
}
