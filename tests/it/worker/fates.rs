//! What becomes of each action of a batch if something fails.

use super::table::text;
use super::{Fixture, claim, label, planned};
use anyhow::{Context as _, Result};
use automations::clock;
use automations::model::action::PlannedAction;
use automations::store::Outcome;
use futures::join;
use serde_json::{Value, json};
use std::time::Duration;

const CHANGED: Option<Outcome> = Some(Outcome::Changed);
const NO_OP: Option<Outcome> = Some(Outcome::NoOp);

fn three(ticket: &str) -> Result<Vec<PlannedAction>> {
    (0..3).map(|number| label(number, ticket, &format!("l{number}"))).collect()
}

async fn labels(fixture: &Fixture, ticket: &str) -> Result<usize> {
    Ok(fixture.ticket(ticket).await?["idLabels"].as_array().map(Vec::len).unwrap_or_default())
}

/// Labels of three tickets in one invocation, of which the second cannot be read.
async fn with_an_unreadable_ticket(is: Value) -> Result<(Vec<String>, Vec<Option<Outcome>>, u64)> {
    let fixture = Fixture::new().await?;
    let mut all = Vec::new();
    for number in 0..3 {
        all.push(label(number, &fixture.new_ticket().await?, "Client")?);
    }
    let bad = all[1].action.ticket().context("no ticket")?.as_str().to_owned();
    fixture.fault_on(&bad, is, 50).await?;
    let kept = fixture.work("first", &all).await?;
    Ok((kept, fixture.outcomes(&all), fixture.cost().0))
}

#[tokio::test]
async fn a_ticket_whose_response_cannot_be_used_dead_letters_its_own_action_alone() -> Result<()> {
    for is in [json!({ "deep": { "levels": 70 } }), json!("null_data")] {
        let (kept, outcomes, _) = with_an_unreadable_ticket(is).await?;
        assert_eq!((kept, outcomes), (Vec::new(), vec![CHANGED, None, CHANGED]));
    }
    Ok(())
}

#[tokio::test]
async fn a_ticket_at_which_the_api_fails_delays_its_own_action_alone() -> Result<()> {
    // The labels, three attempts for all tickets and one for each alone, two updates and their read-back.
    let outage = (json!({ "status": { "code": 500 } }), 1 + 3 + 3 + 2 + 1);
    // The same, but halves are asked for.
    let rejection = (json!({ "errors": { "message": "no" } }), 1 + 5 + 2 + 1);
    for (is, requests) in [outage, rejection] {
        let (kept, outcomes, sent) = with_an_unreadable_ticket(is).await?;
        assert_eq!((kept, outcomes, sent), (vec!["m1".to_owned()], vec![CHANGED, None, CHANGED], requests));
    }
    Ok(())
}

async fn updates(fixture: &Fixture) -> Result<usize> {
    Ok(fixture.mutations().await?.iter().filter(|it| it["mutation"] == "ticketUpdate").count())
}

#[tokio::test]
async fn after_a_lost_response_every_edit_is_retried_and_none_is_written_twice() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = three(&ticket)?;
    fixture.fault(json!("cut_after"), 1).await?;
    assert_eq!(fixture.work("first", &all).await?, ["m0", "m1", "m2"]);
    assert_eq!(fixture.outcomes(&all), [None, None, None], "nothing is known of any of them");
    assert!(
        all.iter().all(|planned| fixture.aws.action(planned.id.as_str()).is_none()),
        "nothing to wait for"
    );
    assert_eq!(fixture.work("second", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), [NO_OP, NO_OP, NO_OP]);
    assert_eq!((labels(&fixture, &ticket).await?, updates(&fixture).await?), (3, 1));
    Ok(())
}

#[tokio::test]
async fn an_outage_dead_letters_nothing_and_lets_nothing_pass() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (ticket, other) = (fixture.new_ticket().await?, fixture.new_ticket().await?);
    let mut all = three(&ticket)?;
    fixture.fault(json!({ "status": { "code": 503 } }), 1).await?;
    assert_eq!(fixture.work("first", &all).await?, ["m0", "m1", "m2"]);
    all.push(label(9, &other, "Client")?);
    assert_eq!(fixture.work("second", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), vec![CHANGED; 4]);
    Ok(())
}

#[tokio::test]
async fn of_three_edits_the_refused_one_is_dead_lettered_between_the_others() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = [label(0, &ticket, "l0")?, label(1, &ticket, "No such label")?, label(2, &ticket, "l2")?];
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), [CHANGED, None, CHANGED]);
    let calls = fixture.aws.take_calls();
    let dead: Vec<&Value> =
        calls.iter().filter(|(call, _)| call == "SendMessage").map(|(_, it)| it).collect();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["MessageAttributes"]["reason"]["StringValue"], "not_found");
    assert_eq!(updates(&fixture).await?, 2, "the third is sent after the second is settled");
    Ok(())
}

#[tokio::test]
async fn an_update_that_is_rejected_dead_letters_only_the_edit_that_is_rejected_alone() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = three(&ticket)?;
    fixture.fault(json!({ "errors": { "message": "refused" } }), 2).await?;
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), [None, CHANGED, CHANGED]);
    let calls = fixture.aws.take_calls();
    assert_eq!(calls.iter().filter(|(call, _)| call == "SendMessage").count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_claim_that_another_worker_holds_stops_its_action_and_those_behind_it_alone() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (ticket, other) = (fixture.new_ticket().await?, fixture.new_ticket().await?);
    let mut all = three(&ticket)?;
    all.push(label(9, &other, "Client")?);
    let until = clock::now().later(Duration::from_mins(1)).as_millis();
    fixture.aws.put(claim("e.h.1", "another worker", until));
    assert_eq!(fixture.work("first", &all).await?, ["m1", "m2"]);
    assert_eq!(fixture.outcomes(&all), [CHANGED, None, None, CHANGED]);
    let held = fixture.aws.action("e.h.1").context("no claim")?;
    assert_eq!(text(&held, "owner")?, "another worker");
    assert_eq!(fixture.aws.action("e.h.2"), None, "what waits is not claimed");
    Ok(())
}

/// A worker crashed after the update and before the records: nothing is stored of the edits, and they are at the ticket.
#[tokio::test]
async fn edits_that_a_crashed_worker_wrote_are_found_at_the_ticket_and_recorded() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = three(&ticket)?;
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    for planned in &all {
        fixture.aws.remove(planned.id.as_str());
    }
    assert_eq!(fixture.work("second", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), [NO_OP, NO_OP, NO_OP]);
    assert_eq!((labels(&fixture, &ticket).await?, updates(&fixture).await?), (3, 1));
    Ok(())
}

/// Two workers hold the same edits, which a FIFO queue does only if a visibility timeout is over too early.
#[tokio::test]
async fn edits_that_two_workers_hold_are_at_the_ticket_once_and_recorded_once() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = three(&ticket)?;
    fixture.fault(json!({ "slow": { "ms": 300 } }), 1).await?;
    let (one, other) = join!(fixture.work("first", &all), fixture.work("second", &all));
    assert_eq!((one?, other?), (Vec::new(), Vec::new()));
    let outcomes = fixture.outcomes(&all);
    assert!(outcomes.iter().all(|outcome| *outcome == CHANGED || *outcome == NO_OP), "{outcomes:?}");
    assert_eq!(labels(&fixture, &ticket).await?, 3);
    Ok(())
}

/// As of a version of the program that claimed edits. What was read meanwhile may be older than what the crashed worker wrote at last.
#[tokio::test]
async fn an_edit_that_a_worker_claimed_before_it_crashed_is_claimed_again_before_its_ticket_is_read()
-> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.work("before", &[label(90, &ticket, "l0")?]).await?;
    let all = [label(0, &ticket, "l0")?, label(1, &ticket, "l1")?];
    fixture.aws.put(claim("e.h.0", "a crashed worker", 1));
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), [NO_OP, CHANGED]);
    assert_eq!(fixture.cost().0, 4, "it is read once more");
    Ok(())
}

#[tokio::test]
async fn an_action_that_is_delivered_twice_at_once_is_performed_once() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let all = [label(0, &ticket, "l0")?, label(0, &ticket, "l0")?, label(1, &ticket, "l1")?];
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), [CHANGED, CHANGED, CHANGED], "and not recorded a second time");
    Ok(())
}

#[tokio::test]
async fn each_stage_is_written_and_what_is_between_stays_in_order() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    let stage = |position, stage: &str| {
        planned(position, &json!({ "do": "move_stage", "ticket": ticket, "stage": stage }))
    };
    let all =
        [stage(0, "Application")?, label(1, &ticket, "l1")?, stage(2, "Archived")?, label(3, &ticket, "l3")?];
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), vec![CHANGED; 4]);
    let mutations = fixture.mutations().await?;
    let sent: Vec<(bool, usize)> = mutations
        .iter()
        .map(|it| {
            let labels = it["variables"]["idLabels"].as_array().map(Vec::len).unwrap_or_default();
            (it["variables"]["idStage"] == mutations[0]["variables"]["idStage"], labels)
        })
        .collect();
    assert_eq!(sent, [(true, 1), (false, 2)]);
    Ok(())
}

/// How the vendor orders a read and a write that overlap is not known.
#[tokio::test]
async fn an_update_that_shows_late_is_read_back_and_the_next_look_waits_for_the_response() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.work("before", &[label(90, &ticket, "Client")?]).await?;
    fixture.fault(json!({ "late": { "ms": 500 } }), 2).await?;
    for (position, requests) in [(0, 4), (1, 3)] {
        let edit = label(position, &ticket, &format!("l{position}"))?;
        assert_eq!(fixture.work("first", std::slice::from_ref(&edit)).await?, [""; 0]);
        assert_eq!((fixture.outcome(&edit), fixture.cost().0), (CHANGED, requests));
    }
    assert_eq!(updates(&fixture).await?, 3, "nothing is written twice");
    Ok(())
}

#[tokio::test]
async fn a_field_that_the_api_drops_in_silence_is_written_again() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.fault(json!({ "drop": ["idLabels"] }), 1).await?;
    let value = planned(3, &json!({ "do": "set_value", "ticket": ticket, "value": 470_000 }))?;
    let all = [three(&ticket)?, vec![value]].concat();
    assert_eq!(fixture.work("first", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), vec![CHANGED; 4]);
    assert_eq!((labels(&fixture, &ticket).await?, updates(&fixture).await?), (3, 2));
    Ok(())
}

#[tokio::test]
async fn a_field_that_never_stays_is_retried_and_what_is_live_behind_it_is_recorded() -> Result<()> {
    let fixture = Fixture::new().await?;
    let ticket = fixture.new_ticket().await?;
    fixture.fault(json!({ "drop": ["idLabels"] }), 3).await?;
    let value = planned(1, &json!({ "do": "set_value", "ticket": ticket, "value": 470_000 }))?;
    let all = [label(0, &ticket, "l0")?, value, label(2, &ticket, "l2")?];
    assert_eq!(fixture.work("first", &all).await?, ["m0", "m2"]);
    assert_eq!(fixture.outcomes(&all), [None, CHANGED, None]);
    assert_eq!(fixture.work("second", &all).await?, [""; 0]);
    assert_eq!(fixture.outcomes(&all), vec![CHANGED; 3]);
    Ok(())
}
