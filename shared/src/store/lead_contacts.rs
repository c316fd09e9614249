//! The contacts of leads whose handler reuses them: an item for each e-mail address and telephone number, by its keyed digest. The
//! address and the number themselves are in no item.

use super::keys::{ItemKind, key};
use super::{Error, Store, number, text, unavailable, unusable};
use crate::clock::Timestamp;
use crate::id::{ContactId, OrganisationId};
use std::collections::HashMap;

/// Seconds after the last lead of a person in which their contact is reused: two years.
const KEPT_FOR: u64 = 2 * 365 * 24 * 60 * 60;

impl Store {
    /// The contact of an earlier lead, by the first of these digests that is known.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn lead_contact(
        &self,
        organisation: &OrganisationId,
        digests: &[String],
        now: Timestamp,
    ) -> Result<Option<ContactId>, Error> {
        for digest in digests {
            let request = self.client.get_item().table_name(&self.table).consistent_read(true);
            let request = request.set_key(Some(key(organisation, ItemKind::LeadContact(digest.clone()))));
            let response = request.send().await.map_err(|error| unavailable(&error))?;
            let Some(item) = response.item else { continue };
            // DynamoDB deletes an item days after it expired.
            let expires = item.get("expires").and_then(|expires| expires.as_n().ok()?.parse::<u64>().ok());
            if expires.is_none_or(|expires| expires <= now.as_seconds()) {
                continue;
            }
            let contact = item.get("contact").and_then(|contact| contact.as_s().ok()?.parse().ok());
            return contact.map(Some).ok_or_else(|| unusable(&item, "contact", None));
        }
        Ok(None)
    }

    /// Records the contact of a lead under each of these digests, for two years.
    ///
    /// # Errors
    /// [`Error`]; some may be recorded.
    pub async fn record_lead_contact(
        &self,
        organisation: &OrganisationId,
        digests: &[String],
        contact: &ContactId,
        now: Timestamp,
    ) -> Result<(), Error> {
        for digest in digests {
            let mut item = key(organisation, ItemKind::LeadContact(digest.clone()));
            item.extend(HashMap::from([
                ("contact".to_owned(), text(contact.as_str())),
                ("expires".to_owned(), number(now.as_seconds().saturating_add(KEPT_FOR))),
            ]));
            let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
            request.send().await.map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    /// A table in memory, by partition key.
    fn table() -> (Store, Arc<Mutex<HashMap<String, Value>>>) {
        let items: Arc<Mutex<HashMap<String, Value>>> = Arc::default();
        let table = Arc::clone(&items);
        let config = aws::stub::config_with_responses(move |request| {
            let mut table = table.lock().unwrap();
            if let Some(item) = request.get("Item") {
                table.insert(item["pk"]["S"].as_str().unwrap().to_owned(), item.clone());
                return (200, json!({}));
            }
            let item = table.get(request["Key"]["pk"]["S"].as_str().unwrap());
            (200, item.map_or(json!({}), |item| json!({ "Item": item })))
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), items)
    }

    #[tokio::test]
    async fn a_contact_is_found_by_either_digest_for_two_years_and_the_first_digest_decides() {
        let (store, items) = table();
        let north = OrganisationId::parse("north").unwrap();
        let [c1, c2] = ["c-1", "c-2"].map(|id| ContactId::parse(id).unwrap());
        let digests = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let now = Timestamp::from_millis(1_790_000_000_000);
        let found =
            async |names: &[&str], now| store.lead_contact(&north, &digests(names), now).await.unwrap();
        assert_eq!(found(&["email", "phone"], now).await, None);
        store.record_lead_contact(&north, &digests(&["email", "phone"]), &c1, now).await.unwrap();
        store.record_lead_contact(&north, &digests(&["other"]), &c2, now).await.unwrap();
        assert_eq!(found(&["new", "phone"], now).await, Some(c1.clone()));
        assert_eq!(found(&["other", "phone"], now).await, Some(c2));
        let almost = now.later(std::time::Duration::from_secs(KEPT_FOR - 1));
        assert_eq!(found(&["email"], almost).await, Some(c1));
        assert_eq!(found(&["email"], now.later(std::time::Duration::from_secs(KEPT_FOR))).await, None);
        assert_eq!(items.lock().unwrap().len(), 3);
    }
}
