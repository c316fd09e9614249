//! When each version of a webhook token was last used: the old one may be removed only when it is no longer in use.

use super::keys::{ItemKind, key, token_uses_of};
use super::{Error, Item, Store, number, text, unavailable, unusable};
use crate::clock::Timestamp;
use crate::id::OrganisationId;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

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
/// The attribute with the end of a watch.
const WATCHED_UNTIL: &str = "watched_until";

impl Store {
    /// Records that a webhook with this version of the token was accepted, and returns until when the webhooks with it are watched,
    /// if a rehearsal has asked for that.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn record_token_use(
        &self,
        organisation: &OrganisationId,
        version: &str,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let use_of = self.update_token_use(organisation, version, "at", at, at).await?;
        let until =
            use_of.get(WATCHED_UNTIL).and_then(|until| AttributeValue::as_n(until).ok()?.parse().ok());
        Ok(until.map(Timestamp::from_millis))
    }

    /// Has the webhooks with this version of the token watched. The functions know it a minute later at the latest.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn watch_webhooks(
        &self,
        organisation: &OrganisationId,
        version: &str,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        self.update_token_use(organisation, version, WATCHED_UNTIL, until, now).await.map(drop)
    }

    async fn update_token_use(
        &self,
        organisation: &OrganisationId,
        version: &str,
        attribute: &str,
        is: Timestamp,
        now: Timestamp,
    ) -> Result<Item, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::TokenUse(version.to_owned()))))
            .update_expression("SET version = :version, #attribute = :is, expires = :expires")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":version", text(version))
            .expression_attribute_values(":is", number(is.as_millis()))
            .expression_attribute_values(":expires", number(now.as_seconds().saturating_add(KEPT_FOR)))
            .return_values(ReturnValue::AllNew);
        let response = request.send().await.map_err(|error| unavailable(&error))?;
        Ok(response.attributes.unwrap_or_default())
    }

    /// The last use of each version of the token that was used.
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
        let items = response.items().iter().filter(|item| item.contains_key("at"));
        let uses = items.map(|item| {
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
