//! Posts that came through an inbound webhook: that they came, and when; never what they said.

use super::{Error, Store, key, number, text, unavailable};
use crate::id::{EventId, InboundKind};
use crate::model::hint::Hint;
use crate::model::inbound::Post;

/// Seconds after which a note is deleted. A second post with the same id is the same for 14 days; its hint may wait 14 more in the
/// queue, and 14 more among what was given up.
const KEPT_FOR: u64 = 45 * 24 * 60 * 60;

impl Store {
    /// Notes the event that a post becomes, unless it became one before; whether it is to be told. Asked again for the same
    /// hint, which may have been lost before it was told, the answer is the same.
    ///
    /// # Errors
    /// [`Error`]; nothing is noted.
    pub async fn notes_post(
        &self,
        hint: &Hint,
        kind: &InboundKind,
        post: &Post,
        event: &EventId,
    ) -> Result<bool, Error> {
        let pk = format!("INBOUND#{}#{kind}#{}", hint.organisation, post.digest);
        let mut item = key(pk, "RECEIVED");
        item.insert("hint".to_owned(), text(hint.id.as_str()));
        item.insert("event".to_owned(), text(event.as_str()));
        item.insert("at".to_owned(), number(hint.received_at.as_millis()));
        let expires = hint.received_at.as_seconds().saturating_add(KEPT_FOR);
        item.insert("expires".to_owned(), number(expires));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let before = hint.received_at.earlier(post.is_same_for());
        let request = request
            .condition_expression("attribute_not_exists(pk) OR hint = :hint OR #at < :before")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":hint", text(hint.id.as_str()))
            .expression_attribute_values(":before", number(before.as_millis()));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(unavailable(&error)),
            },
        }
    }
}
