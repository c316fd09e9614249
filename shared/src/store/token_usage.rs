//! When each version of a webhook token was last used: the old one may be removed only when it is no longer in use.

use super::keys::{ItemKind, key, token_uses_of};
use super::{Error, Store, number, text, unavailable, unusable};
use crate::clock::Timestamp;
use crate::id::OrganisationId;
use aws_sdk_dynamodb::types::AttributeValue;

/// The last use of a version of an organisation's webhook token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// The secret's version.
    pub version: String,
    /// When, to the minute.
    pub at: Timestamp,
}

/// Seconds after which the record of a use is deleted. A rotation ends long before that.
const KEPT_FOR: u64 = 90 * 24 * 60 * 60;

impl Store {
    /// Records that a webhook with this version of the token was accepted.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn record_token_use(
        &self,
        organisation: &OrganisationId,
        version: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut item = key(organisation, ItemKind::TokenUse(version.to_owned()));
        item.insert("version".to_owned(), text(version));
        item.insert("at".to_owned(), number(at.as_millis()));
        item.insert("expires".to_owned(), number(at.as_seconds().saturating_add(KEPT_FOR)));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// The last use of each version of the token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn token_uses(&self, organisation: &OrganisationId) -> Result<Vec<TokenUse>, Error> {
        let (partition, prefix) = token_uses_of(organisation);
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let response = request
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":sk", text(prefix))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let uses = response.items().iter().map(|item| {
            let version = item.get("version").and_then(|value| value.as_s().ok());
            let at = item.get("at").and_then(|at| AttributeValue::as_n(at).ok()?.parse().ok());
            match (version, at) {
                (Some(version), Some(at)) => {
                    Ok(TokenUse { version: version.clone(), at: Timestamp::from_millis(at) })
                }
                _ => Err(unusable(item, "at", None)),
            }
        });
        uses.collect()
    }
}
