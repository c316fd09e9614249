//! What a rehearsal sees of an organisation's webhooks: while they are watched, the shape of each request is kept for a day, and
//! one of them is answered as if the system had failed.

use super::keys::{ItemKind, key, observed_webhooks_of};
use super::{Error, Store, number, text, unavailable, unless_condition_failed, unusable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::json;
use serde::{Deserialize, Serialize};

/// Seconds after which what was observed is deleted.
const KEPT_FOR: u64 = 24 * 60 * 60;

/// The shape of a request to a webhook of Salestrekker's, without any value of its headers or its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedWebhook {
    /// When it was received.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The action in its URL.
    pub action: String,
    /// The media type of its `Content-Type`, without parameters.
    pub content_type: Option<String>,
    /// The names of its headers, in alphabetical order.
    pub headers: Vec<String>,
    /// The names of the fields of its body; see [`crate::model::body_keys`].
    pub body_keys: Vec<String>,
    /// The tickets that its body names.
    pub tickets: Vec<TicketId>,
    /// Whether it was answered with 500, as the rehearsal had asked. It was accepted all the same.
    pub answered_500: bool,
}

impl Store {
    /// Has the next webhook that is observed answered with 500.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn request_webhook_failure(
        &self,
        organisation: &OrganisationId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut item = key(organisation, ItemKind::WebhookFailure);
        item.insert("expires".to_owned(), number(now.as_seconds().saturating_add(KEPT_FOR)));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// Whether this webhook is to be answered with 500: once for each request for it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn take_webhook_failure(
        &self,
        organisation: &OrganisationId,
        request_id: &str,
    ) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::WebhookFailure)))
            .update_expression("SET taken_by = :by")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(taken_by)")
            .expression_attribute_values(":by", text(request_id));
        unless_condition_failed(request.send().await).map(|taken| taken.is_some())
    }

    /// Keeps what was observed, for a day.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn record_observed_webhook(
        &self,
        organisation: &OrganisationId,
        request_id: &str,
        observed: &ObservedWebhook,
    ) -> Result<(), Error> {
        let id = format!("{:013}#{request_id}", observed.at.as_millis());
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::ObservedWebhook(id))))
            .update_expression("SET observed = :observed, expires = :expires")
            .expression_attribute_values(":observed", text(json::to_json(observed)))
            .expression_attribute_values(
                ":expires",
                number(observed.at.as_seconds().saturating_add(KEPT_FOR)),
            );
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// What was observed from this time on, in order.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn observed_webhooks(
        &self,
        organisation: &OrganisationId,
        from: Timestamp,
    ) -> Result<Vec<ObservedWebhook>, Error> {
        let (partition, prefix, end) = observed_webhooks_of(organisation);
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let response = request
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :end")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":from", text(format!("{prefix}{:013}", from.as_millis())))
            .expression_attribute_values(":end", text(end))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let observed = response.items().iter().map(|item| {
            let text = item.get("observed").and_then(|value| value.as_s().ok());
            let text = text.ok_or_else(|| unusable(item, "observed", None))?;
            json::from_json(text.as_bytes()).map_err(|error| unusable(item, "observed", Some(error)))
        });
        observed.collect()
    }
}
