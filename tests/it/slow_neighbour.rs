//! F14 of the field faults: an organisation whose API is slow or silent delays no other, although hints of both are in a batch.

use crate::conformance::{failed_ids, record};
use crate::support::{alone, events, known_ticket};
use anyhow::Result;
use automations::clock;
use end_to_end::stack::Stack;
use serde_json::json;
use std::time::Duration;

/// Longer than an invocation of the enricher may take.
const SILENT: Duration = Duration::from_mins(10);

/// A batch of one invocation. The function ends before its timeout, and reports the silent organisation's hint alone.
#[tokio::test]
async fn a_silent_organisation_costs_another_one_in_its_batch_nothing() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    // By their names, the silent one is first.
    let (silent, other) = (stack.organisation("a-silent").await?, stack.organisation("b-lively").await?);
    let (waiting, ticket) =
        (known_ticket(&silent, "Approved").await?, known_ticket(&other, "Approved").await?);
    let slow = json!({ "slow": { "ms": SILENT.as_millis() } });
    let fault = json!([{ "organisation": "a-silent", "on": "query Ticket", "times": 50, "is": slow }]);
    stack.control(reqwest::Method::PUT, "faults", &fault).await?;
    let records = [(&silent, &waiting), (&other, &ticket)].map(|(organisation, ticket)| {
        let hint = json!({
            "id": format!("{}.0", organisation.name), "organisation": organisation.name,
            "action": "ticket-updated", "received_at": clock::now(), "ticket": ticket, "raw": null,
        });
        record(&organisation.name, &organisation.name, &hint.to_string())
    });
    for (organisation, ticket) in [(&silent, &waiting), (&other, &ticket)] {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
    }
    let failed = failed_ids(&stack, "event-enricher", records.to_vec()).await;
    stack.control(reqwest::Method::PUT, "faults", &json!([])).await?;
    assert_eq!(failed?, Some(vec!["a-silent".to_owned()]));
    assert_eq!(events(&other, &ticket, 2).await?.len(), 2, "the other one's change is stored");
    Ok(())
}
