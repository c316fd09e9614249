//! Everything that is kept of a ticket or of a contact, erased.
//!
//! A contact stands by its id in the snapshots and events of its tickets; these tickets are erased whole. What is erased of a
//! ticket that is still at Salestrekker begins anew with its next webhook, as `ticket.first_seen`.

use crate::letters::{DeadLetterQueues, Selection};
use anyhow::{Context as _, Result};
use automations::Event;
use automations::id::OrganisationId;
use automations::json;
use automations::model::hint::Hint;
use automations::store::{ItemKey, ItemKind, Store, StoredItem};
use aws_sdk_dynamodb::Client;
use serde::Serialize;
use std::collections::BTreeSet;

/// Whose data, by its id at Salestrekker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A ticket's.
    Ticket(String),
    /// A contact's: all tickets that it is or was a client of, and the records that name it.
    Contact(String),
}

/// A stack in which something is to be erased.
#[derive(Debug)]
pub struct Eraser {
    /// A client of DynamoDB.
    pub dynamodb: Client,
    /// The table's name.
    pub table: String,
    /// What was given up.
    pub letters: DeadLetterQueues,
}

/// What is kept of a subject.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StoredData {
    /// The tickets, by id.
    pub tickets: BTreeSet<String>,
    /// How many items of the table: snapshots, journal entries, what our actions left, records of actions.
    pub items: usize,
    /// How many dead letters.
    pub letters: usize,
    #[serde(skip)]
    keys: Vec<ItemKey>,
    #[serde(skip)]
    letter_ids: Vec<String>,
}

impl Eraser {
    /// Looks for all of it; reads the whole table once.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn find(&self, organisation: &OrganisationId, subject: &Subject) -> Result<StoredData> {
        let items = self.store().items_of(organisation).await;
        let items =
            items.context("the table cannot be read; is this the right account, region and stack?")?;
        let ticket_of = |item: &StoredItem| item.key.kind.ticket().map(ToString::to_string);
        let mut found = StoredData::default();
        match subject {
            Subject::Ticket(id) => found.tickets.extend([id.clone()]),
            Subject::Contact(id) => {
                let named = items.iter().filter(|item| names(item, id));
                found.tickets.extend(named.filter_map(ticket_of));
            }
        }
        let (Subject::Ticket(id) | Subject::Contact(id)) = subject;
        let is_of_ticket = |item: &StoredItem| ticket_of(item).is_some_and(|id| found.tickets.contains(&id));
        let events: BTreeSet<String> =
            items.iter().filter(|item| is_of_ticket(item)).flat_map(event_ids).collect();
        // An action's id begins with its event's.
        let is_record = |item: &StoredItem| {
            let ItemKind::Action(action) = &item.key.kind else { return false };
            let of_event = action.as_str().split('.').next().is_some_and(|event| events.contains(event));
            of_event || names(item, id) || found.tickets.iter().any(|ticket| names(item, ticket))
        };
        let erased = items.iter().filter(|item| is_of_ticket(item) || is_record(item));
        found.keys = erased.map(|item| item.key.clone()).collect();
        found.items = found.keys.len();
        let mut wanted: BTreeSet<&str> = found.tickets.iter().map(String::as_str).collect();
        wanted.insert(id);
        for (letter, body) in self.letters.show(&Selection::default()).await? {
            if wanted.iter().any(|id| says(&body, id)) {
                found.letter_ids.push(letter.id);
            }
        }
        found.letters = found.letter_ids.len();
        Ok(found)
    }

    /// Erases it, for good.
    ///
    /// # Errors
    /// As a request fails; what is not erased then is found again.
    pub async fn erase(&self, found: &StoredData) -> Result<()> {
        for id in &found.letter_ids {
            self.letters.drop(&Selection { id: Some(id.clone()), ..Selection::default() }).await?;
        }
        self.store().delete(&found.keys).await.context("an item cannot be deleted; run the command again")
    }

    fn store(&self) -> Store {
        Store::new(self.dynamodb.clone(), self.table.clone())
    }
}

/// The ids of the events in a journal entry or an outbox.
fn event_ids(item: &StoredItem) -> Vec<String> {
    let texts = ["events", "outbox"].iter().filter_map(|name| item.attributes.get(*name)?.as_s().ok());
    let events = texts.filter_map(|text| json::from_json::<Vec<Event>>(text.as_bytes()).ok()).flatten();
    events.map(|event| event.id.to_string()).collect()
}

/// Whether an item holds this id, in a value or in a name.
fn names(item: &StoredItem, id: &str) -> bool {
    item.attributes
        .iter()
        .any(|(name, value)| name != "pk" && (holds(name, id) || holds(&format!("{value:?}"), id)))
}

/// Whether a letter speaks of this id: in its own words, or in the webhook that it carries.
fn says(body: &str, id: &str) -> bool {
    let raw = json::from_json::<Hint>(body.as_bytes()).ok().and_then(|hint| hint.raw);
    holds(body, id) || raw.is_some_and(|raw| holds(&String::from_utf8_lossy(&raw.body), id))
}

/// Whether a text holds this id as a whole: `t-1` is not in `t-10`.
fn holds(text: &str, id: &str) -> bool {
    let is_edge =
        |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '-');
    !id.is_empty()
        && text.match_indices(id).any(|(start, found)| {
            let (before, rest) = text.split_at(start);
            let after = rest.get(found.len()..).and_then(|after| after.chars().next());
            is_edge(before.chars().next_back()) && is_edge(after)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_as_a_whole_and_not_in_another() {
        assert!(holds(r#"{"id":"t-1","x":1}"#, "t-1"));
        assert!(holds("client_added t-1", "t-1"));
        for text in ["t-10", "at-1", "t-1-2", "x-t-1", "", "ät-1é"] {
            assert!(!holds(text, "t-1"), "{text}");
        }
        assert!(!holds("anything", ""));
    }

    #[test]
    fn a_letter_that_carries_a_webhook_is_looked_into() {
        let hint = r#"{"id":"r.0","organisation":"north","action":"ticket-updated","received_at":"2026-11-25T09:30:00.000Z","ticket":null,"raw":{"body":"eyJjb250YWN0IjoiYy03In0=","content_type":null}}"#;
        assert!(says(hint, "c-7") && !says(hint, "c-8"));
    }
}
