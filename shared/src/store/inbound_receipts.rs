//! Receipts of requests to inbound webhooks: that one was received, and when; never its content.

use super::keys::{ItemKind, key};
use super::{Error, Item, Store, number, text, unless_condition_failed, unusable};
use crate::clock::Timestamp;
use crate::id::{EventId, HintId, InboundKind, OrganisationId};
use crate::model::hint::Hint;
use crate::model::inbound::InboundRequest;

/// Seconds after which a receipt is deleted: 14 days in which a second request with the same id is a duplicate, 14 more that its
/// hint may be in the queue, and 14 more in the dead-letter queue.
const KEPT_FOR: u64 = 45 * 24 * 60 * 60;

/// That a request was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundReceipt {
    /// The hint that it became.
    pub hint: HintId,
    /// Its event.
    pub event: EventId,
    /// When it was received.
    pub at: Timestamp,
}

impl Store {
    /// The receipts of a webhook with these digests.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn inbound_receipts(
        &self,
        organisation: &OrganisationId,
        kind: &InboundKind,
        digests: &[String],
    ) -> Result<Vec<InboundReceipt>, Error> {
        let of = |digest: &String| key(organisation, ItemKind::InboundReceipt(kind.clone(), digest.clone()));
        let items = self.get_all(digests.iter().map(of).collect()).await?;
        items.iter().map(|item| receipt(item).ok_or_else(|| unusable(item, "event", None))).collect()
    }

    /// Records the event of an inbound request; returns whether the event is to be published, which it is not for a
    /// duplicate. For a retry of the same hint the result is the same, as the event may not be published yet.
    ///
    /// # Errors
    /// [`Error`]; nothing is recorded.
    pub async fn record_inbound_receipt(
        &self,
        hint: &Hint,
        kind: &InboundKind,
        inbound: &InboundRequest,
        event: &EventId,
    ) -> Result<bool, Error> {
        let mut item =
            key(&hint.organisation, ItemKind::InboundReceipt(kind.clone(), inbound.digest.clone()));
        item.insert("hint".to_owned(), text(hint.id.as_str()));
        item.insert("event".to_owned(), text(event.as_str()));
        item.insert("at".to_owned(), number(hint.received_at.as_millis()));
        let expires = hint.received_at.as_seconds().saturating_add(KEPT_FOR);
        item.insert("expires".to_owned(), number(expires));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let before = hint.received_at.earlier(inbound.is_same_for());
        let request = request
            .condition_expression("attribute_not_exists(pk) OR hint = :hint OR #at < :before")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":hint", text(hint.id.as_str()))
            .expression_attribute_values(":before", number(before.as_millis()));
        unless_condition_failed(request.send().await).map(|recorded| recorded.is_some())
    }
}

fn receipt(item: &Item) -> Option<InboundReceipt> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let at = item.get("at")?.as_n().ok()?.parse().ok()?;
    Some(InboundReceipt {
        hint: HintId::parse(text("hint")?).ok()?,
        event: EventId::parse(text("event")?).ok()?,
        at: Timestamp::from_millis(at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::json;

    #[tokio::test]
    async fn a_receipt_says_when_a_request_came_and_which_event_it_became() {
        let config = aws::stub::config_with_responses(|request| {
            let keys = request["RequestItems"]["t"]["Keys"].as_array().unwrap();
            assert_eq!(keys[0]["pk"]["S"], "INBOUND#north#inbound.survey#d-1");
            let item = json!({
                "pk": keys[0]["pk"], "sk": keys[0]["sk"], "hint": { "S": "r-1.0" }, "event": { "S": "e-1" }, "at": { "N": "7" },
            });
            (200, json!({ "Responses": { "t": [item] }, "UnprocessedKeys": {} }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let (north, kind) =
            (OrganisationId::parse("north").unwrap(), InboundKind::parse("inbound.survey").unwrap());
        let digests = ["d-1", "d-2"].map(str::to_owned);
        let found = store.inbound_receipts(&north, &kind, &digests).await.unwrap();
        let hint = HintId::parse("r-1.0").unwrap();
        let event = EventId::parse("e-1").unwrap();
        assert_eq!(found, [InboundReceipt { hint, event, at: Timestamp::from_millis(7) }]);
    }
}
