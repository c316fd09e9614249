//! The requests of a batch.

use super::{Fixture, label, planned};
use anyhow::Result;
use automations::store::Outcome;
use serde_json::json;

/// The vendor's requests and AWS calls of ten edits of one ticket, of ten tickets, a label and a created ticket.
#[tokio::test]
async fn edits_that_arrive_together_share_requests_to_the_vendor_and_to_the_table() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut tickets = Vec::new();
    for _ in 0..10 {
        tickets.push(fixture.new_ticket().await?);
    }
    let create = |position| {
        let names = ("Annual reviews", "Review: {ticket}");
        planned(
            position,
            &json!({ "do": "create_ticket", "beside": tickets[0], "workflow": names.0, "name": names.1 }),
        )
    };
    // The names of labels and workflows are cached.
    assert_eq!(fixture.work("first", &[label(90, &tickets[0], "Client")?, create(91)?]).await?, [""; 0]);
    let of_one = (0..10).map(|number| label(number, &tickets[0], &format!("l{number}")));
    let of_one = of_one.collect::<Result<Vec<_>>>()?;
    assert_eq!(fixture.work("second", &of_one).await?, [""; 0]);
    assert_eq!(fixture.cost(), (3, 3), "a read, an update and a read-back; claims, marks and records");
    assert_eq!(fixture.outcomes(&of_one), vec![Some(Outcome::Changed); 10]);
    let shown = fixture.ticket(&tickets[0]).await?;
    assert_eq!(shown["idLabels"].as_array().map(Vec::len), Some(11), "{shown}");

    let of_ten = tickets.iter().enumerate().map(|(number, ticket)| label(20 + number, ticket, "Refinance"));
    let of_ten = of_ten.collect::<Result<Vec<_>>>()?;
    assert_eq!(fixture.work("third", &of_ten).await?, [""; 0]);
    assert_eq!(fixture.cost(), (12, 12), "ten updates, and the marks of ten tickets");
    assert_eq!(fixture.outcomes(&of_ten), vec![Some(Outcome::Changed); 10]);

    let both = [label(40, &tickets[0], "Post-settlement")?, create(41)?];
    assert_eq!(fixture.work("fourth", &both).await?, [""; 0]);
    assert_eq!(fixture.cost(), (4, 6), "the new ticket takes its owner from the read-back");
    assert!(matches!(fixture.outcome(&both[1]), Some(Outcome::Created { .. })));
    Ok(())
}
