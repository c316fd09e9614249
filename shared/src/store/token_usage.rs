//! When a webhook token was last seen: who closes a rotation must know that nobody uses the old one any more.

use super::{Error, Store, key, number, text, unavailable};
use crate::clock::Timestamp;
use crate::id::OrganisationId;
use aws_sdk_dynamodb::types::AttributeValue;

/// A version of an organisation's webhook token, as it was last seen in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The secret's version.
    pub version: String,
    /// When, within a minute.
    pub at: Timestamp,
}

/// Seconds after which a sighting is deleted: by then nobody asks whether the token is still in use.
const KEPT_FOR: u64 = 90 * 24 * 60 * 60;

impl Store {
    /// Notes that a webhook with this version of the token was accepted.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn saw_token(
        &self,
        organisation: &OrganisationId,
        version: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut item = key(organisation_key(organisation), format!("TOKEN#{version}"));
        item.insert("version".to_owned(), text(version));
        item.insert("at".to_owned(), number(at.as_millis()));
        item.insert("expires".to_owned(), number(at.as_seconds().saturating_add(KEPT_FOR)));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// When each version of the token was last seen.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tokens_seen(&self, organisation: &OrganisationId) -> Result<Vec<Sighting>, Error> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let answer = request
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", text(organisation_key(organisation)))
            .expression_attribute_values(":sk", text("TOKEN#"))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let sightings = answer.items().iter().map(|item| {
            let version = item.get("version").and_then(|value| value.as_s().ok());
            let at = item.get("at").and_then(|at| AttributeValue::as_n(at).ok()?.parse().ok());
            match (version, at) {
                (Some(version), Some(at)) => {
                    Ok(Sighting { version: version.clone(), at: Timestamp::from_millis(at) })
                }
                _ => Err(Error::Unusable { attribute: "at", decode_error: None }),
            }
        });
        sightings.collect()
    }
}

fn organisation_key(organisation: &OrganisationId) -> String {
    format!("ORGANISATION#{organisation}")
}
