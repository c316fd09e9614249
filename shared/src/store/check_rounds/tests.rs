use super::*;
use crate::aws;
use crate::model::check_rounds::turns;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A turn: of the slice from 09:20 on.
fn turn() -> Turn {
    turns(None, at("2026-11-25T09:30:00Z")).next().unwrap()
}

fn row(ticket: &str, sk: &str) -> Value {
    json!({ "pk": { "S": format!("TICKET#north#{ticket}") }, "sk": { "S": sk } })
}

/// A table that has these rows in a partition of an index, two pages of them, and the requests that it got.
fn table(rows: Vec<(&'static str, Vec<Value>)>) -> (Store, Arc<Mutex<Vec<Value>>>) {
    let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (seen, rows) = (Arc::clone(&requests), BTreeMap::from_iter(rows));
    let config = aws::stub::config_with_responses(move |request| {
        seen.lock().unwrap().push(request.clone());
        let values = &request["ExpressionAttributeValues"];
        let part = values[":slot"]["S"].as_str().or(values[":day"]["S"].as_str()).unwrap_or_default();
        let rows = rows.get(part).cloned().unwrap_or_default();
        let page = usize::from(request.get("ExclusiveStartKey").is_some());
        let more = rows.len() > page.saturating_add(1);
        let mut response = json!({ "Items": rows.get(page).into_iter().collect::<Vec<_>>() });
        if more {
            response["LastEvaluatedKey"] = rows[page].clone();
        }
        (200, response)
    });
    (Store::new(aws::dynamodb(&config), "t".to_owned()), requests)
}

fn names(candidates: &[Candidate]) -> BTreeSet<&str> {
    candidates.iter().map(|candidate| candidate.ticket.as_str()).collect()
}

#[tokio::test]
async fn the_tickets_of_both_slots_and_those_that_changed_hours_ago_are_asked_for_once_and_on_every_page() {
    let day = at("2026-11-25T00:00:00Z").as_seconds() / DAY;
    let changed: &'static str = format!("{day}#3").leak();
    let slots: Vec<&'static str> = turn().slots().iter().map(|slot| &*slot.to_string().leak()).collect();
    let (store, requests) = table(vec![
        (slots[0], vec![row("t-1", "SNAPSHOT"), row("t-2", "SNAPSHOT")]),
        (slots[1], vec![row("t-3", "SNAPSHOT"), row("t-3", "REMINDER#x")]),
        (changed, vec![row("t-4", "JOURNAL#0000000002"), row("t-1", "JOURNAL#0000000003")]),
    ]);
    let candidates = store.candidates(&turn()).await.unwrap();
    assert_eq!(names(&candidates), BTreeSet::from(["t-1", "t-2", "t-3", "t-4"]));
    assert_eq!(candidates.len(), 4, "each once");
    assert!(candidates.is_sorted_by_key(|candidate| candidate.position));
    let requests = requests.lock().unwrap();
    let windows: BTreeSet<(&str, &str)> = requests
        .iter()
        .filter(|request| request["IndexName"] == "journal_by_day")
        .map(|request| &request["ExpressionAttributeValues"])
        .map(|values| (values[":since"]["N"].as_str().unwrap(), values[":until"]["N"].as_str().unwrap()))
        .collect();
    let expected =
        ["2026-11-25T08:20:00Z", "2026-11-25T06:20:00Z", "2026-11-25T02:20:00Z", "2026-11-24T18:20:00Z"];
    let expected = expected.map(|start| {
        let start = at(start).as_millis();
        (start.to_string(), (start + 10 * 60_000 - 1).to_string())
    });
    assert_eq!(windows, expected.iter().map(|(since, until)| (since.as_str(), until.as_str())).collect());
    // Two slots, and four times sixteen shards; two of the slots have a second page, and each of the shards' partitions that have rows.
    let queries = |index: &str| requests.iter().filter(|request| request["IndexName"] == index).count();
    assert_eq!(queries("checks"), 4);
    assert!(requests.iter().all(|request| request["IndexName"] != "due"));
}

#[tokio::test]
async fn what_was_asked_for_in_an_earlier_run_is_left_out() {
    let slot: &'static str = turn().slots()[0].to_string().leak();
    let (store, _) = table(vec![(slot, vec![row("t-1", "SNAPSHOT"), row("t-2", "SNAPSHOT")])]);
    let all = store.candidates(&turn()).await.unwrap();
    let cursor = turn().done_up_to(all[0].position);
    let rest = turns(Some(cursor), at("2026-11-25T09:30:00Z")).next().unwrap();
    assert_eq!(store.candidates(&rest).await.unwrap(), all[1..]);
}

#[tokio::test]
async fn a_cursor_is_read_back_and_has_no_ticket_in_it() {
    let kept: Arc<Mutex<Option<Value>>> = Arc::default();
    let item = Arc::clone(&kept);
    let config = aws::stub::config_with_responses(move |request| {
        let mut kept = item.lock().unwrap();
        match request.get("Item") {
            Some(new) => *kept = Some(new.clone()),
            None => assert_eq!(request["ConsistentRead"], true, "else a run could go back"),
        }
        (200, kept.clone().map_or(json!({}), |item| json!({ "Item": item })))
    });
    let store = Store::new(aws::dynamodb(&config), "t".to_owned());
    assert_eq!(store.cursor().await, Ok(None));
    let slice = Slice::of(at("2026-11-25T09:20:00Z"));
    for after in [Some(Position(7)), None] {
        let cursor = Cursor { slice, after };
        store.set_cursor(cursor).await.unwrap();
        assert_eq!(store.cursor().await, Ok(Some(cursor)));
        let names: BTreeSet<String> =
            kept.lock().unwrap().as_ref().unwrap().as_object().unwrap().keys().cloned().collect();
        assert!(names.is_subset(&["pk", "sk", "slice", "after"].map(str::to_owned).into()), "{names:?}");
    }
    kept.lock().unwrap().as_mut().unwrap()["slice"] = json!({ "S": "?" });
    let unreadable = store.cursor().await.unwrap();
    assert_eq!(turns(unreadable, at("2026-11-25T09:30:00Z")).count(), 4_320, "everything is checked once");
}
