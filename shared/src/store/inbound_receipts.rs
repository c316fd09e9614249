//! Receipts of requests to inbound webhooks: that one was received, and when; never its content.

use super::keys::{ItemKind, key};
use super::{Error, Store, number, text, unless_condition_failed};
use crate::id::{EventId, InboundKind};
use crate::model::hint::Hint;
use crate::model::inbound::InboundRequest;

/// Seconds after which a receipt is deleted: 14 days in which a second request with the same id is a duplicate, 14 more that its
/// hint may be in the queue, and 14 more in the dead-letter queue.
const KEPT_FOR: u64 = 45 * 24 * 60 * 60;

impl Store {
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
