//! `automations erase`: permanently deletes everything that is stored about a ticket or a contact.
//!
//! A contact is named by its id in the snapshots and events of its tickets; these tickets are erased whole. A ticket that still
//! exists in Salestrekker is seen anew with its next webhook, as `ticket.first_seen`.

use crate::account::Account;
use crate::audit::{Audit, Change, changed};
use crate::commands::dead_letters::{DeadLetterQueues, Selection};
use crate::commands::organisation::Organisations;
use crate::exit_code::Exit;
use crate::report::{count, during, print, print_json};
use anyhow::{Context as _, Result, bail, ensure};
use automations::id::{OrganisationId, TicketId};
use automations::json;
use automations::model::hint::Hint;
use automations::store::{ItemKey, ItemKind, Store, StoredDeferral, StoredItem, events_in, unpack};
use automations::{aws, clock};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

/// How often what was stored meanwhile is deleted.
const MAX_ROUNDS: usize = 3;

/// Permanently delete what is stored about a ticket or a contact: snapshots, journal, records of actions, digests, dead letters
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(group = ArgGroup::new("subject").required(true))]
#[command(
    after_help = "Example: automations erase --organisation north --contact 7c1d5a90-2f0b-4d7e-8a44-0c9a3f1f6f52 --profile prod"
)]
pub struct Arguments {
    /// The organisation
    #[arg(long, value_name = "NAME")]
    organisation: OrganisationId,
    /// This ticket, by its id in Salestrekker
    #[arg(long, value_name = "TICKET_ID", group = "subject")]
    ticket: Option<String>,
    /// This contact, by its id in Salestrekker, and every ticket that it is or was a client of
    #[arg(long, value_name = "CONTACT_ID", group = "subject")]
    contact: Option<String>,
    /// Permanently delete it; without this, what would be deleted is only counted
    #[arg(long)]
    yes: bool,
}

/// Runs `automations erase`.
///
/// # Errors
/// If there is no such organisation, or a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let subject = match (arguments.ticket, arguments.contact) {
        (Some(ticket), _) => Subject::Ticket(ticket),
        (None, contact) => Subject::Contact(contact.unwrap_or_default()),
    };
    let target = account.target().await?;
    let eraser = Eraser {
        dynamodb: aws::dynamodb(&target.config),
        table: target.table(),
        dead_letters: DeadLetterQueues::new(
            &target.config,
            target.stack.clone(),
            target.store(),
            clock::now(),
        ),
    };
    let found =
        during("reading the table and the dead letters", eraser.find(&arguments.organisation, &subject));
    let mut found = found.await?;
    if found.items == 0 && found.dead_letters == 0 {
        // Data may outlive its organisation; a name that has neither is a typing error.
        Organisations::of(&target)?.existing(&arguments.organisation).await?;
    }
    if arguments.yes {
        // Whose data it was is erased too.
        let change = Change::by("erase").of(&arguments.organisation);
        let work = async {
            let gone = eraser.erase_until_gone((&arguments.organisation, &subject), &found).await?;
            Ok((gone, changed(gone.items.saturating_add(gone.dead_letters))))
        };
        let gone = during("deleting", Audit::of(&target).record(&change, work)).await?;
        (found.items, found.dead_letters) = (gone.items, gone.dead_letters);
    }
    if account.json {
        print_json(&json!({ "erased": arguments.yes, "found": found }))?;
        return Ok(Exit::Done);
    }
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (items, tickets) = (
        count(number(found.items), "item", "items"),
        count(number(found.tickets.len()), "ticket", "tickets"),
    );
    let dead_letters = count(number(found.dead_letters), "dead letter", "dead letters");
    let end = if arguments.yes {
        "permanently deleted"
    } else {
        "would be permanently deleted; nothing was: add --yes to do it"
    };
    print(&format!("{items} of {tickets} and {dead_letters} {end}"))?;
    Ok(Exit::Done)
}

/// Whose data, by its id at Salestrekker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A ticket's.
    Ticket(String),
    /// A contact's: all tickets that it is or was a client of, and the records that name it.
    Contact(String),
}

/// A stack in which data is erased.
#[derive(Debug)]
pub struct Eraser {
    /// A client of DynamoDB.
    pub dynamodb: Client,
    /// The table's name.
    pub table: String,
    /// Its dead letters.
    pub dead_letters: DeadLetterQueues,
}

/// What is stored about a subject.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StoredData {
    /// The tickets, by id.
    pub tickets: BTreeSet<String>,
    /// The number of items in the table: snapshots, journal entries, change marks, records of actions, digests of
    /// leads.
    pub items: usize,
    /// The number of dead letters; of a ticket with more than ten in one FIFO queue, the first ten.
    pub dead_letters: usize,
    #[serde(skip)]
    keys: Vec<ItemKey>,
    /// Lists that handlers collect, which have one of the tickets: they stay, without it.
    #[serde(skip)]
    collections: Vec<StoredItem>,
    /// The ids by which dead letters name it.
    #[serde(skip)]
    named_by: BTreeSet<String>,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Items of the table.
    pub items: usize,
    /// Dead letters.
    pub dead_letters: usize,
}

impl Eraser {
    /// Finds all of it; reads the whole table once.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn find(&self, organisation: &OrganisationId, subject: &Subject) -> Result<StoredData> {
        self.find_with(organisation, subject, &BTreeSet::new()).await
    }

    /// As [`Self::find`], with these tickets, too.
    async fn find_with(
        &self,
        organisation: &OrganisationId,
        subject: &Subject,
        tickets: &BTreeSet<String>,
    ) -> Result<StoredData> {
        let items = self.store().items_of(organisation).await;
        let items = items.context("the table cannot be read; check --profile, --region and --stack")?;
        let ticket_of = |item: &StoredItem| item.key.kind.ticket().map(ToString::to_string);
        let mut found = StoredData { tickets: tickets.clone(), ..StoredData::default() };
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
        let is_lead =
            |item: &StoredItem| matches!(item.key.kind, ItemKind::LeadContact(_)) && names(item, id);
        let erased = items.iter().filter(|item| is_of_ticket(item) || is_record(item) || is_lead(item));
        found.keys = erased.map(|item| item.key.clone()).collect();
        let is_list = |item: &&StoredItem| {
            matches!(item.key.kind, ItemKind::Collected(_))
                && found.tickets.iter().any(|ticket| names(item, ticket))
        };
        found.collections = items.iter().filter(is_list).cloned().collect();
        found.items = found.keys.len().saturating_add(found.collections.len());
        found.named_by.clone_from(&found.tickets);
        found.named_by.insert(id.clone());
        let dead_letters = self.dead_letters.thorough().show(&Selection::default()).await?;
        found.dead_letters = dead_letters.iter().filter(|(_, body)| found.is_named_in(body)).count();
        Ok(found)
    }

    /// Permanently deletes it, and what is stored meanwhile: a check of a ticket may have begun before, and writes its version's events
    /// after. Reads the whole table once more.
    ///
    /// # Errors
    /// If a request fails, or something is stored again and again; run it again to delete the rest.
    pub async fn erase_until_gone(
        &self,
        (organisation, subject): (&OrganisationId, &Subject),
        found: &StoredData,
    ) -> Result<Erased> {
        let mut erased = Erased::default();
        let mut found = found.clone();
        for _ in 0..MAX_ROUNDS {
            erased.dead_letters = erased.dead_letters.saturating_add(self.erase(&found).await?);
            erased.items = erased.items.saturating_add(found.items);
            found = self.find_with(organisation, subject, &found.tickets).await?;
            if found.items == 0 && found.dead_letters == 0 {
                return Ok(erased);
            }
        }
        bail!(
            "{} items and {} dead letters were stored while the others were deleted, again and again: something still writes about it. Run `automations pause --organisation {organisation} --yes`, and a minute later this command again",
            found.items,
            found.dead_letters
        )
    }

    /// Permanently deletes it, and the dead letters that SQS shows only when others are deleted; returns the number of dead letters.
    ///
    /// # Errors
    /// If a request fails; run it again to delete the rest.
    pub async fn erase(&self, found: &StoredData) -> Result<usize> {
        let dead_letters = self.dead_letters.thorough().drop_where(|body| found.is_named_in(body)).await?;
        for item in &found.collections {
            self.forget(item, &found.tickets).await?;
        }
        let deleted = self.store().delete(&found.keys).await;
        deleted.context("an item cannot be deleted; run the command again")?;
        Ok(dead_letters)
    }

    /// Takes tickets out of a list that a handler collects.
    async fn forget(&self, item: &StoredItem, tickets: &BTreeSet<String>) -> Result<()> {
        let again = "a list of a handler that has the ticket is being written; run the command again";
        let mut stored = StoredDeferral::of(&item.attributes)?;
        for ticket in tickets {
            let ticket = TicketId::parse(ticket.as_str())?;
            ensure!(stored.deferral.forget(&ticket), again);
        }
        self.store().replace_deferral(&item.key.organisation, &mut stored).await.context(again)
    }

    fn store(&self) -> Store {
        Store::new(self.dynamodb.clone(), self.table.clone())
    }
}

impl StoredData {
    fn is_named_in(&self, body: &str) -> bool {
        self.named_by.iter().any(|id| says(body, id))
    }
}

/// The ids of the events in a journal entry or an outbox.
fn event_ids(item: &StoredItem) -> Vec<String> {
    events_in(&item.attributes).into_iter().map(|event| event.id.to_string()).collect()
}

/// Whether an item contains this id, in a value or in an attribute's name.
fn names(item: &StoredItem, id: &str) -> bool {
    item.attributes.iter().any(|(name, value)| name != "pk" && (holds(name, id) || is_value_with(value, id)))
}

/// Whether a value contains this id; JSON may be packed.
fn is_value_with(value: &AttributeValue, id: &str) -> bool {
    match unpack(value) {
        Some(text) => holds(&text, id),
        None => holds(&format!("{value:?}"), id),
    }
}

/// Whether a message's body names this id: itself, or in the webhook that it carries.
fn says(body: &str, id: &str) -> bool {
    let raw = json::from_json::<Hint>(body.as_bytes()).ok().and_then(|hint| hint.raw);
    holds(body, id) || raw.is_some_and(|raw| holds(&String::from_utf8_lossy(&raw.body), id))
}

/// Whether a text contains this id as a whole: `t-1` is not in `t-10`.
fn holds(text: &str, id: &str) -> bool {
    let is_edge = |character: Option<char>| character.is_none_or(|it| !it.is_alphanumeric() && it != '-');
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
    use crate::stub;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Erases a ticket while a check stores versions of it: each has a journal entry that is written when the snapshot was just deleted.
    async fn erased_during_checks(subject: Subject, versions: usize) -> (Result<Erased>, usize) {
        let item = |sk: String| json!({ "pk": { "S": "TICKET#north#t-1" }, "sk": { "S": sk }, "version": { "N": "1" } });
        let other = json!({ "pk": { "S": "TICKET#north#t-10" }, "sk": { "S": "SNAPSHOT" } });
        // Only the snapshot names the client.
        let mut snapshot = item("SNAPSHOT".to_owned());
        snapshot["snapshot"] = json!({ "S": r#"{"clients":["c-7"]}"# });
        let table = Arc::new(Mutex::new((vec![snapshot, other], versions)));
        let seen = Arc::clone(&table);
        let config = stub::config(Duration::ZERO, move |operation, request| {
            let (items, versions) = &mut *seen.lock().unwrap();
            let response = match operation {
                "Scan" => json!({ "Items": items }),
                "DeleteItem" => {
                    items.retain(|item| {
                        item["pk"] != request["Key"]["pk"] || item["sk"] != request["Key"]["sk"]
                    });
                    if let Some(left) = versions.checked_sub(1) {
                        *versions = left;
                        items.push(item(format!("JOURNAL#{left:010}")));
                    }
                    json!({})
                }
                "ListStackResources" => {
                    return (200, stub::xml(operation, "<StackResourceSummaries></StackResourceSummaries>"));
                }
                other => panic!("{other}"),
            };
            (200, Value::to_string(&response))
        });
        let (dynamodb, now) = (aws::dynamodb(&config), clock::now());
        let store = Store::new(dynamodb.clone(), "t".to_owned());
        let dead_letters = DeadLetterQueues::new(&config, "a".to_owned(), store, now);
        let eraser = Eraser { dynamodb, table: "t".to_owned(), dead_letters };
        let north = OrganisationId::parse("north").unwrap();
        let found = eraser.find(&north, &subject).await.unwrap();
        let gone = eraser.erase_until_gone((&north, &subject), &found).await;
        let left = table.lock().unwrap().0.len();
        (gone, left)
    }

    #[tokio::test]
    async fn what_a_check_stores_while_its_ticket_is_erased_is_erased_too() {
        let (ticket, contact) = (Subject::Ticket("t-1".to_owned()), Subject::Contact("c-7".to_owned()));
        for subject in [&ticket, &contact] {
            for versions in [0, 1, 2] {
                let (erased, left) = erased_during_checks(subject.clone(), versions).await;
                assert_eq!(erased.unwrap(), Erased { items: versions + 1, dead_letters: 0 });
                assert_eq!(left, 1, "the other ticket stays");
            }
        }
        let (error, left) = erased_during_checks(ticket, 99).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("automations pause --organisation north") && left == 2, "{error}");
    }

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
