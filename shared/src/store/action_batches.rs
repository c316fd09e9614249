//! Claims and records of several actions in one request; see `statements.rs`.

use super::actions::{Claim, Claimant, Done, Hold, action_key};
use super::keys::{ItemKey, ItemKind};
use super::outcome_record::record_item;
use super::statements::{SINGLES_AT_ONCE, Statement};
use super::{Error, Store, number, text};
use crate::id::ActionId;
use crate::json;
use crate::model::action::PlannedAction;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, stream};
use std::collections::BTreeSet;

impl Store {
    /// Finds which of these actions may be performed without a claim, as nothing is stored of them. For actions that do no harm if they
    /// are performed twice, and that their queue's message groups keep apart: a claim of each would only say that it was begun. Of which
    /// something is stored, or which an operator sent again, is claimed as by [`Store::claim_each`]. One result for each, in their
    /// order.
    pub async fn unclaimed_each(
        &self,
        actions: &[&PlannedAction],
        claimant: Claimant<'_>,
    ) -> Vec<Result<Claim, Error>> {
        let is_new = |action: &&PlannedAction| action.resent.is_none();
        let new = actions.iter().copied().filter(is_new);
        // A read of several keys takes none twice.
        let new: BTreeSet<_> = new.map(|action| (&action.organisation, &action.id)).collect();
        let keys = new.into_iter().map(|(organisation, id)| action_key(organisation, id)).collect();
        let stored = self.get_all(keys).await.map(|items| -> BTreeSet<_> {
            let action = |item| {
                let ItemKind::Action(action) = ItemKey::of(item)?.kind else { return None };
                Some(action)
            };
            items.iter().filter_map(action).collect()
        });
        let is_stored = |id: &ActionId| stored.as_ref().is_ok_and(|stored| stored.contains(id));
        let claimed = |action: &&PlannedAction| !is_new(action) || is_stored(&action.id);
        let again: Vec<&PlannedAction> = actions.iter().copied().filter(claimed).collect();
        let mut claims = self.claim_each(&again, claimant).await.into_iter();
        let result = |action: &&PlannedAction| {
            if claimed(action) {
                return claims.next().unwrap_or(Err(Error::VersionConflict));
            }
            stored.as_ref().map(|_| Claim::Unclaimed).map_err(Error::clone)
        };
        actions.iter().map(result).collect()
    }

    /// Claims these actions, each as [`Store::claim`] does, or [`Store::claim_not_performed`] if it says that it was sent for that.
    /// One result for each, in their order.
    pub async fn claim_each(
        &self,
        actions: &[&PlannedAction],
        claimant: Claimant<'_>,
    ) -> Vec<Result<Claim, Error>> {
        let is_new = |action: &&&PlannedAction| action.resent.is_none_or(|resent| !resent.not_performed);
        let table = self.quoted();
        let statement =
            format!("INSERT INTO {table} VALUE {{'pk': ?, 'sk': ?, 'state': ?, 'owner': ?, 'lease': ?}}");
        let parameters = |action: &&PlannedAction| {
            let mut key = action_key(&action.organisation, &action.id);
            let own = [text("claimed"), text(claimant.owner), number(claimant.until.as_millis())];
            ["pk", "sk"].iter().filter_map(|name| key.remove(*name)).chain(own).collect()
        };
        let new: Vec<_> = actions.iter().filter(is_new).collect();
        let statements = new.iter().map(|action| (statement.clone(), parameters(action))).collect();
        let mut inserted = self.execute_each(statements).await.into_iter();
        let claims = actions.iter().map(|action| {
            let is_inserted = is_new(&action) && inserted.next().unwrap_or_default();
            async move {
                let PlannedAction { id, organisation, resent, .. } = action;
                if is_inserted {
                    Ok(Claim::Granted { outcome_unknown: false, is_first: true })
                } else if resent.is_some_and(|resent| resent.not_performed) {
                    self.claim_not_performed(organisation, id, claimant).await
                } else {
                    self.claim(organisation, id, claimant).await
                }
            }
        });
        let claims: Vec<_> = claims.collect();
        stream::iter(claims).buffered(SINGLES_AT_ONCE).collect().await
    }

    /// Records that these actions are done, each as [`Store::record`] does. One whose claim was the first, or that has none, must have
    /// created no ticket: its item has nothing that the record must not keep. One result for each, in their order.
    pub async fn record_each(&self, all: &[(Done, Hold)], claimant: Claimant<'_>) -> Vec<Result<(), Error>> {
        let statements: Vec<Option<Statement>> = all
            .iter()
            .map(|(done, hold)| match hold {
                Hold::Unclaimed => Some(self.insert(record_item(done))),
                Hold::Claimed { is_first: true } => Some(self.record_statement(done, claimant)),
                Hold::Claimed { is_first: false } => None,
            })
            .collect();
        let is_sent: Vec<bool> = statements.iter().map(Option::is_some).collect();
        let mut recorded = self.execute_each(statements.into_iter().flatten().collect()).await.into_iter();
        let records = all.iter().zip(is_sent).map(|((done, hold), is_sent)| {
            let is_recorded = is_sent && recorded.next().unwrap_or_default();
            async move {
                if is_recorded {
                    return Ok(());
                }
                match hold {
                    Hold::Unclaimed => self.record_unclaimed(done).await,
                    Hold::Claimed { is_first: _ } => self.record(done, claimant).await,
                }
            }
        });
        let records: Vec<_> = records.collect();
        stream::iter(records).buffered(SINGLES_AT_ONCE).collect().await
    }

    fn record_statement(&self, done: &Done, claimant: Claimant<'_>) -> Statement {
        let PlannedAction { id, organisation, .. } = &done.planned;
        let mut key = action_key(organisation, id);
        let mut set = "SET \"state\" = ? SET \"result\" = ? SET \"at\" = ?".to_owned();
        let mut parameters = vec![text("done"), text(json::to_json(done)), number(done.done_at.as_millis())];
        if done.outcome.is_only_recorded() {
            set.push_str(" SET \"only_recorded\" = ?");
            parameters.push(AttributeValue::Bool(true));
        }
        parameters.extend(["pk", "sk"].iter().filter_map(|name| key.remove(*name)));
        parameters.extend([text("claimed"), text(claimant.owner)]);
        let table = self.quoted();
        let of = "WHERE \"pk\" = ? AND \"sk\" = ? AND \"state\" = ? AND \"owner\" = ?";
        (format!("UPDATE {table} {set} REMOVE \"owner\" REMOVE \"lease\" {of}"), parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use crate::store::Outcome;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    fn planned(position: usize) -> PlannedAction {
        let text = format!(
            r#"{{"id": "e.h.{position}", "organisation": "north", "event": "e", "handler": "h", "attempt": 1,
            "decided_at": "2026-09-21T14:13:20.000Z", "action": {{"do": "add_label", "ticket": "t-1", "label": "x"}}}}"#
        );
        json::from_json(text.as_bytes()).unwrap()
    }

    fn claimant() -> Claimant<'static> {
        Claimant { owner: "i", now: Timestamp::from_millis(1), until: Timestamp::from_millis(9) }
    }

    /// A table in which a request about several items has this response, and another invocation holds every claim that is asked for
    /// alone; and the requests that it gets.
    fn table(batch: (u16, Value)) -> (Store, Arc<Mutex<Vec<Value>>>) {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request: &Value| {
            seen.lock().unwrap().push(request.clone());
            if ["Statements", "RequestItems"].iter().any(|of_several| request.get(of_several).is_some()) {
                return batch.clone();
            }
            if request.get("ConditionExpression").is_some() {
                return (400, json!({ "__type": "ConditionalCheckFailedException" }));
            }
            let other =
                json!({ "state": { "S": "claimed" }, "owner": { "S": "other" }, "lease": { "N": "7" } });
            (200, json!({ "Item": other }))
        });
        (Store::new(aws::dynamodb(&config), "a-store".to_owned()), requests)
    }

    fn parameters(requests: &Mutex<Vec<Value>>, statement: usize) -> Vec<Value> {
        let requests = requests.lock().unwrap();
        let values = requests[0]["Statements"][statement]["Parameters"].as_array().unwrap();
        values.iter().flat_map(|value| value.as_object().unwrap().values().cloned()).collect()
    }

    /// What was logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const GRANTED: Claim = Claim::Granted { outcome_unknown: false, is_first: true };

    fn held() -> Claim {
        Claim::Held { until: Timestamp::from_millis(7) }
    }

    #[tokio::test]
    async fn a_claim_that_another_invocation_holds_stops_only_that_action() {
        let duplicate = json!({ "Error": { "Code": "DuplicateItem" } });
        let (store, requests) = table((200, json!({ "Responses": [{}, duplicate, {}] })));
        let actions = [0, 1, 2].map(planned);
        let claims = store.claim_each(&actions.each_ref(), claimant()).await;
        assert_eq!(claims, [Ok(GRANTED), Ok(held()), Ok(GRANTED)]);
        assert_eq!(parameters(&requests, 2), ["ACTION#north#e.h.2", "RESULT", "claimed", "i", "9"]);
        let statement = requests.lock().unwrap()[0]["Statements"][0]["Statement"].clone();
        assert!(statement.as_str().unwrap().starts_with(r#"INSERT INTO "a-store" VALUE {'pk': ?, "#));
    }

    #[tokio::test]
    async fn without_a_batch_each_action_is_claimed_alone_and_one_action_is_no_batch() {
        for batch in [(400, json!({ "__type": "AccessDeniedException" })), (200, json!({}))] {
            let (store, requests) = table(batch);
            let actions = [0, 1].map(planned);
            assert_eq!(store.claim_each(&actions.each_ref(), claimant()).await, [Ok(held()), Ok(held())]);
            assert_eq!(requests.lock().unwrap().len(), 1 + 2 * 2);
        }
        let (store, requests) = table((200, json!({ "Responses": [{}] })));
        assert_eq!(store.claim_each(&[&planned(0)], claimant()).await, [Ok(held())]);
        assert_eq!(requests.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_refuses_a_statement_is_logged_once_a_request_unless_it_is_its_condition() {
        let lines = Lines::default();
        let writer = lines.clone();
        let logged = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        // While there is only one subscriber, a line that another thread reaches first is disabled in this one too.
        let _other = tracing::Dispatch::new(tracing_subscriber::registry());
        let _guard = tracing::subscriber::set_default(logged);
        let failed = |code: &str| json!({ "Error": { "Code": code, "Message": "about Jane Citizen" } });
        let actions = [0, 1, 2].map(planned);
        for (codes, expected) in [
            (["DuplicateItem", "ConditionalCheckFailed", "DuplicateItem"], None),
            (["DuplicateItem", "AccessDenied", "AccessDenied"], Some(("table_rejected", "AccessDenied", 2))),
            (
                ["ThrottlingError", "DuplicateItem", "Other"],
                Some(("table_unavailable", "ThrottlingError", 2)),
            ),
            (["InternalServerError"; 3], Some(("table_unavailable", "InternalServerError", 3))),
        ] {
            lines.0.lock().unwrap().clear();
            let (store, _) = table((200, json!({ "Responses": codes.map(failed) })));
            assert_eq!(store.claim_each(&actions.each_ref(), claimant()).await, [(); 3].map(|()| Ok(held())));
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let found: Vec<&Value> = found
                .iter()
                .map(|line| &line["fields"])
                .filter(|fields| fields["event_name"] == "table.batch_refused")
                .collect();
            assert_eq!(found.len(), usize::from(expected.is_some()), "{text}");
            if let (Some(fields), Some((reason, code, statements))) = (found.first(), expected) {
                assert_eq!((&fields["reason"], &fields["statements"]), (&json!(reason), &json!(statements)));
                assert!(
                    fields["error"].as_str().unwrap().ends_with(code) && !text.contains("Jane"),
                    "{text}"
                );
            }
        }
    }

    #[tokio::test]
    async fn an_action_that_is_sent_to_be_performed_at_last_is_claimed_alone() {
        let (store, requests) = table((200, json!({ "Responses": [{}, {}] })));
        let mut late = planned(1);
        late.resent =
            Some(json::from_json(br#"{"at": "2026-09-21T14:13:20.000Z", "not_performed": true}"#).unwrap());
        let actions = [&planned(0), &late, &planned(2)];
        let claims = store.claim_each(&actions, claimant()).await;
        assert_eq!(claims, [Ok(GRANTED), Ok(Claim::Done), Ok(GRANTED)]);
        assert_eq!(requests.lock().unwrap()[0]["Statements"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_record_says_what_a_single_one_says_and_only_while_the_claim_is_held() {
        let failed = json!({ "Error": { "Code": "ConditionalCheckFailed" } });
        let (store, requests) = table((200, json!({ "Responses": [{}, failed] })));
        let all = [(0, Outcome::Changed, true), (1, Outcome::NoOp, false), (2, Outcome::DryRun, true)];
        let all = all.map(|(position, outcome, is_first)| {
            let done = Done { planned: planned(position), outcome, done_at: Timestamp::from_millis(5) };
            (done, Hold::Claimed { is_first })
        });
        let recorded = store.record_each(&all, claimant()).await;
        assert_eq!(recorded, [Ok(()), Err(Error::VersionConflict), Err(Error::VersionConflict)]);
        let first = json::to_json(&all[0].0);
        let expected = ["done", &first, "5", "ACTION#north#e.h.0", "RESULT", "claimed", "i"];
        assert_eq!(parameters(&requests, 0), expected.map(|text| json!(text)));
        let sent = requests.lock().unwrap()[0]["Statements"].clone();
        let of = r#"WHERE "pk" = ? AND "sk" = ? AND "state" = ? AND "owner" = ?"#;
        assert!(sent[0]["Statement"].as_str().unwrap().ends_with(of));
        assert!(sent[1]["Statement"].as_str().unwrap().contains(r#" SET "only_recorded" = ? REMOVE"#));
    }

    #[tokio::test]
    async fn only_an_edit_of_which_something_is_stored_or_that_was_sent_again_is_claimed() {
        let item = json!({ "pk": { "S": "ACTION#north#e.h.1" }, "sk": { "S": "RESULT" } });
        let (store, requests) = table((200, json!({ "Responses": { "a-store": [item] } })));
        let mut again = planned(3);
        again.resent = Some(json::from_json(br#"{"at": "2026-09-21T14:13:20.000Z"}"#).unwrap());
        let actions = [&planned(0), &planned(1), &planned(2), &again, &planned(2)];
        let claims = store.unclaimed_each(&actions, claimant()).await;
        let free = Ok(Claim::Unclaimed);
        assert_eq!(claims, [free.clone(), Ok(held()), free.clone(), Ok(held()), free]);
        let keys = requests.lock().unwrap()[0]["RequestItems"]["a-store"]["Keys"].clone();
        let keys: Vec<&str> =
            keys.as_array().unwrap().iter().filter_map(|it| it["pk"]["S"].as_str()).collect();
        assert_eq!(keys, ["ACTION#north#e.h.0", "ACTION#north#e.h.1", "ACTION#north#e.h.2"], "none twice");
    }

    #[tokio::test]
    async fn if_the_records_cannot_be_read_no_edit_may_be_performed() {
        let (store, _) = table((400, json!({ "__type": "AccessDeniedException" })));
        let actions = [planned(0), planned(1)];
        let claims = store.unclaimed_each(&actions.each_ref(), claimant()).await;
        assert!(claims.iter().all(Result::is_err), "{claims:?}");
    }

    #[tokio::test]
    async fn a_record_without_a_claim_is_stored_only_if_there_is_none() {
        let duplicate = json!({ "Error": { "Code": "DuplicateItem" } });
        let (store, requests) = table((200, json!({ "Responses": [{}, duplicate] })));
        let all = [0, 1].map(|position| {
            let (planned, done_at) = (planned(position), Timestamp::from_millis(5));
            (Done { planned, outcome: Outcome::Changed, done_at }, Hold::Unclaimed)
        });
        let recorded = store.record_each(&all, claimant()).await;
        assert_eq!(recorded, [Ok(()), Err(Error::VersionConflict)]);
        let sent = requests.lock().unwrap().clone();
        let statement = sent[0]["Statements"][0]["Statement"].as_str().unwrap();
        assert_eq!(
            statement,
            r#"INSERT INTO "a-store" VALUE {'at': ?, 'pk': ?, 'result': ?, 'sk': ?, 'state': ?}"#
        );
        assert_eq!(sent[1]["ConditionExpression"], "attribute_not_exists(pk)");
        // One alone is not sent with others.
        let (store, requests) = table((200, json!({ "Responses": [{}] })));
        assert_eq!(store.record_each(&all[..1], claimant()).await, [Err(Error::VersionConflict)]);
        assert_eq!(requests.lock().unwrap()[0]["ConditionExpression"], "attribute_not_exists(pk)");
    }
}
