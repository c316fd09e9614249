//! Whether a newer action of the same handler was performed, so that an action that is sent again late would break the order.

use super::actions::{action_key, state};
use super::{Done, Error, Item, KEYS_PER_REQUEST, Store, decode, report_unreadable};
use crate::id::{ActionId, OrganisationId};
use crate::model::action::PlannedAction;

/// Of a decision, this many actions are looked for: positions 0 to 31. A handler that decides more has performed some of these
/// first.
const MAX_POSITIONS: usize = 32;

impl Store {
    /// A performed action of the same handler, ticket and message group that was decided on a newer version of the ticket; none
    /// if there is none, or if the action has no ticket or no version. An action of `replay --reprocess` is not found. For an
    /// action that was sent again: it costs a read, a query, and a batch read for each three newer events. The record of an action
    /// that cannot be read is logged and passed over.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Unusable`] if a newer entry of the journal cannot be read and no newer action was found without it: the
    /// action of its events may have been performed.
    pub async fn superseded_by(&self, planned: &PlannedAction) -> Result<Option<ActionId>, Error> {
        let PlannedAction { organisation, handler, action, .. } = planned;
        let (Some(ticket), Some(version)) = (action.ticket(), planned.ticket_version) else {
            return Ok(None);
        };
        let group = planned.message_group();
        let newer = self.journal_after(organisation, ticket, version).await?;
        let ids = newer.events.iter().rev().flat_map(|event| {
            (0..MAX_POSITIONS).filter_map(|position| ActionId::of(&event.id, handler, position).ok())
        });
        let keys: Vec<Item> = ids.map(|id| action_key(organisation, &id)).collect();
        for keys in keys.chunks(KEYS_PER_REQUEST) {
            for record in self.get_all(keys.to_vec()).await? {
                if state(&record) != Some("done") {
                    continue;
                }
                let Some(done) = readable(&record) else { continue };
                if done.outcome.is_performed() && done.planned.message_group() == group {
                    return Ok(Some(done.planned.id));
                }
            }
        }
        match newer.unreadable.into_iter().next() {
            None => Ok(None),
            Some(key) => Err(Error::Unusable { key, attribute: "events", decode_error: None }),
        }
    }

    /// The version of its ticket that another action was decided on, if that action is done and had one. A record that cannot be
    /// read is logged and taken for none, as it is not this action's own.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn version_of_other(
        &self,
        organisation: &OrganisationId,
        other: &ActionId,
    ) -> Result<Option<u64>, Error> {
        let record = self.action(organisation, other).await?.filter(|record| state(record) == Some("done"));
        Ok(record.as_ref().and_then(readable).and_then(|done| done.planned.ticket_version))
    }
}

/// The record of an action that is done; none if it cannot be read, which is logged.
fn readable(record: &Item) -> Option<Done> {
    decode(record, "result").inspect_err(|error| report_unreadable(record, error)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use crate::id::{DestinationName, TicketId};
    use crate::json::to_json;
    use crate::model::action::Action;
    use crate::model::event::Event;
    use crate::model::ticket::Ticket;
    use crate::model::ticket_part::TicketPart;
    use crate::store::Outcome;
    use crate::testing;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    /// The event in which the ticket has this version.
    fn event(version: u64) -> Event {
        let kind = crate::model::event::EventKind::TicketFirstSeen {
            ticket: Ticket { version, ..testing::ticket() },
        };
        testing::event(kind)
    }

    fn planned(version: u64, handler: &str, position: usize, action: Action) -> PlannedAction {
        let event = event(version);
        PlannedAction {
            id: ActionId::of(&event.id, handler, position).unwrap(),
            organisation: event.organisation,
            event: event.id,
            hint: None,
            chain: Vec::new(),
            ticket_version: Some(version),
            handler: handler.to_owned(),
            decided_at: event.observed_at,
            attempt: 1,
            resent: None,
            action,
        }
    }

    fn label() -> Action {
        Action::add_label(&testing::ticket(), "Client")
    }

    fn record(planned: PlannedAction, outcome: Outcome) -> (String, Value) {
        let id = planned.id.to_string();
        let done = Done { planned, outcome, done_at: Timestamp::from_millis(1) };
        let pk = format!("ACTION#north#{id}");
        (
            pk.clone(),
            json!({ "pk": { "S": pk }, "state": { "S": "done" }, "result": { "S": to_json(&done) } }),
        )
    }

    /// What supersedes an action on version 2 of five versions, if the table has these records; and the keys that were asked for.
    async fn superseded_by(
        late: &PlannedAction,
        records: impl IntoIterator<Item = (String, Value)>,
    ) -> (Option<ActionId>, Vec<String>) {
        let records: BTreeMap<String, Value> = records.into_iter().collect();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        let config = aws::stub::config_with_responses(move |request| {
            if let Some(values) = request.get("ExpressionAttributeValues") {
                let first = values[":first"]["S"].as_str().unwrap();
                assert_eq!(values[":last"]["S"], "JOURNAL#9999999999");
                let versions = (1..=5).filter(|version| *first <= *format!("JOURNAL#{version:010}"));
                let entry = |version| json!({ "events": { "S": to_json(&[event(version)]) } });
                return (200, json!({ "Items": versions.map(entry).collect::<Vec<_>>() }));
            }
            let keys = request["RequestItems"]["t"]["Keys"].as_array().unwrap();
            let keys: Vec<&str> = keys.iter().map(|key| key["pk"]["S"].as_str().unwrap()).collect();
            seen.lock().unwrap().extend(keys.iter().map(|key| (*key).to_owned()));
            let found: Vec<&Value> = keys.iter().filter_map(|key| records.get(*key)).collect();
            (200, json!({ "Responses": { "t": found } }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let found = store.superseded_by(late).await.unwrap();
        let asked = asked.lock().unwrap().clone();
        (found, asked)
    }

    /// The record with a result that is not valid JSON.
    fn unreadable((pk, mut record): (String, Value)) -> (String, Value) {
        record["result"] = json!({ "S": "{" });
        (pk, record)
    }

    /// F3 of the field faults.
    #[tokio::test]
    async fn an_unreadable_record_of_another_action_is_passed_over() {
        let late = planned(2, "h", 0, label());
        let damaged = || unreadable(record(planned(5, "h", 0, label()), Outcome::Changed));
        assert_eq!(superseded_by(&late, [damaged()]).await.0, None);
        let newer = planned(4, "h", 0, label());
        let expected = Some(newer.id.clone());
        assert_eq!(superseded_by(&late, [damaged(), record(newer, Outcome::Changed)]).await.0, expected);
    }

    #[tokio::test]
    async fn no_version_is_known_of_an_unreadable_record_of_another_action() {
        let other = planned(4, "h", 0, label());
        let of = async |record: Value| {
            let config = aws::stub::config_with_responses(move |_| (200, json!({ "Item": record })));
            let store = Store::new(aws::dynamodb(&config), "t".to_owned());
            store.version_of_other(&other.organisation, &other.id).await
        };
        let (_, done) = record(other.clone(), Outcome::Changed);
        assert_eq!(of(done.clone()).await, Ok(Some(4)));
        assert_eq!(of(unreadable((String::new(), done.clone())).1).await, Ok(None));
        let mut parked = done;
        parked["state"] = json!({ "S": "parked" });
        assert_eq!(of(parked).await, Ok(None));
    }

    #[tokio::test]
    async fn an_unreadable_entry_of_the_journal_may_hide_a_newer_action() {
        let late = planned(2, "h", 0, label());
        let newer = planned(3, "h", 0, label());
        let (_, performed) = record(newer.clone(), Outcome::Changed);
        let of = async |records: Vec<Value>| {
            let config = aws::stub::config_with_responses(move |request| {
                if request.get("RequestItems").is_some() {
                    return (200, json!({ "Responses": { "t": records } }));
                }
                let entry = |sk: &str, events: &str| json!({ "pk": { "S": "p" }, "sk": { "S": sk }, "events": { "S": events } });
                (200, json!({ "Items": [entry("3", &to_json(&[event(3)])), entry("4", "[{")] }))
            });
            Store::new(aws::dynamodb(&config), "t".to_owned()).superseded_by(&late).await
        };
        let unusable = Error::Unusable { key: "p 4".to_owned(), attribute: "events", decode_error: None };
        assert_eq!(of(vec![]).await, Err(unusable));
        assert_eq!(of(vec![performed]).await, Ok(Some(newer.id)), "the answer that is certain comes first");
    }

    #[tokio::test]
    async fn a_newer_action_of_the_same_handler_supersedes_whatever_its_position() {
        let late = planned(2, "h", 0, label());
        for position in [0, 31] {
            let newer = planned(4, "h", position, label());
            let expected = Some(newer.id.clone());
            assert_eq!(superseded_by(&late, [record(newer, Outcome::Changed)]).await.0, expected);
        }
    }

    #[tokio::test]
    async fn nothing_else_supersedes() {
        let late = planned(2, "h", 0, label());
        let part = TicketPart::Label { present: true };
        let superseded = Outcome::Superseded { expected: part.clone(), found: part };
        let (name, mut parked) = record(planned(5, "h", 0, label()), Outcome::Changed);
        parked["state"] = json!({ "S": "parked" });
        let others = [
            record(planned(4, "other", 0, label()), Outcome::Changed),
            record(planned(2, "h", 1, label()), Outcome::Changed),
            record(planned(1, "h", 0, label()), Outcome::Changed),
            record(planned(3, "h", 0, label()), superseded),
            record(planned(4, "h", 0, label()), Outcome::DryRun),
            (name, parked),
        ];
        let (found, asked) = superseded_by(&late, others).await;
        assert_eq!(found, None);
        assert_eq!(asked.len(), 1 + 3 * MAX_POSITIONS, "the snapshot, and of the three newer versions only");
    }

    #[tokio::test]
    async fn every_way_of_being_performed_counts() {
        let ticket: TicketId = "t-2".parse().unwrap();
        let contact = "c-1".parse().unwrap();
        for outcome in [
            Outcome::Changed,
            Outcome::NoOp,
            Outcome::Sent,
            Outcome::Created { ticket: ticket.clone() },
            Outcome::LeadCreated { contact, ticket },
        ] {
            let newer = record(planned(3, "h", 0, label()), outcome.clone());
            let found = superseded_by(&planned(2, "h", 0, label()), [newer]).await.0;
            assert!(found.is_some(), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_notice_is_superseded_by_one_to_the_same_destination_only() {
        let notice = |to: &str| Action::notify(&testing::ticket(), &DestinationName::parse(to).unwrap(), "x");
        let newer = || [record(planned(3, "h", 0, notice("team")), Outcome::Sent)];
        assert!(superseded_by(&planned(2, "h", 0, notice("team")), newer()).await.0.is_some());
        assert_eq!(superseded_by(&planned(2, "h", 0, notice("other")), newer()).await.0, None);
        assert_eq!(superseded_by(&planned(2, "h", 0, label()), newer()).await.0, None);
    }

    #[tokio::test]
    async fn an_action_of_no_known_version_is_not_compared() {
        let late = PlannedAction { ticket_version: None, ..planned(2, "h", 0, label()) };
        let newer = record(planned(3, "h", 0, label()), Outcome::Changed);
        assert_eq!(superseded_by(&late, [newer]).await, (None, vec![]));
    }
}
