//! Actions of an organisation whose pause is being ended.

use super::{Fixture, label};
use anyhow::Result;
use automations::clock;
use automations::model::resent::Resent;
use automations::store::Outcome;
use serde_json::json;

const CHANGED: Option<Outcome> = Some(Outcome::Changed);

/// Of four actions of one ticket in one batch, those in the middle were held and sent again; the others are newer.
async fn outcomes(state: &str) -> Result<(Vec<Option<Outcome>>, usize)> {
    let fixture = Fixture::new().await?;
    fixture.aws.put(json!({
        "pk": { "S": "PAUSES" }, "sk": { "S": "ORGANISATION#north" }, "since": { "N": "1" }, state: { "BOOL": true },
        "resuming": { "BOOL": true },
    }));
    let ticket = fixture.new_ticket().await?;
    let mut all = (0..4).map(|it| label(it, &ticket, &format!("l{it}"))).collect::<Result<Vec<_>>>()?;
    for held in &mut all[1..3] {
        held.resent = Some(Resent::at(clock::now()));
    }
    let kept = fixture.work("first", &all).await?;
    assert_eq!(kept, [""; 0], "what is held is a dead letter");
    let dead_letters = fixture.aws.take_calls().into_iter().filter(|(call, _)| call == "SendMessage");
    Ok((fixture.outcomes(&all), dead_letters.count()))
}

/// Decision 78: order within a ticket.
#[tokio::test]
async fn while_a_pause_ends_what_was_held_is_performed_and_what_is_newer_is_held_until_all_of_it_is_sent()
-> Result<()> {
    assert_eq!(outcomes("resuming").await?, (vec![None, CHANGED, CHANGED, None], 2));
    assert_eq!(outcomes("ending").await?, (vec![CHANGED; 4], 0));
    Ok(())
}
