use super::*;
use crate::failure::{Failure as _, Remedy};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const CONDITION: &str = "ConditionalCheckFailed";

/// One item of this name and about this many bytes.
fn unit(name: &str, bytes: usize) -> WriteUnit {
    let [name, rest] = [name.to_owned(), "x".repeat(bytes)].map(AttributeValue::S);
    WriteUnit::default().put(Put::builder().table_name("t").item("pk", name).item("rest", rest))
}

/// The results of writing these units to a table that responds so, and the names in each request.
async fn written(
    units: Vec<WriteUnit>,
    response: impl Fn(&[String]) -> (u16, Value) + Send + Sync + 'static,
) -> (Vec<Result<(), Unwritten>>, Vec<Vec<String>>) {
    let requests: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let seen = Arc::clone(&requests);
    let config = aws::stub::config_with_responses(move |request| {
        let items = request["TransactItems"].as_array().unwrap().iter();
        let names: Vec<_> =
            items.map(|item| item["Put"]["Item"]["pk"]["S"].as_str().unwrap().to_owned()).collect();
        seen.lock().unwrap().push(names.clone());
        response(&names)
    });
    let results = Store::new(aws::dynamodb(&config), "t".to_owned()).transact_each(units).await;
    let requests = requests.lock().unwrap().clone();
    (results, requests)
}

fn canceled(names: &[String]) -> (u16, Value) {
    let code = |name: &String| if name.starts_with("bad") { CONDITION } else { NONE };
    let reasons: Vec<_> = names.iter().map(|name| json!({ "Code": code(name) })).collect();
    (400, json!({ "__type": "TransactionCanceledException", "CancellationReasons": reasons }))
}

fn fifty_with_one_bad() -> Vec<WriteUnit> {
    (0..50).map(|number| unit(&if number == 7 { "bad".into() } else { format!("{number}") }, 10)).collect()
}

#[tokio::test]
async fn what_nothing_is_wrong_with_is_sent_again_without_what_failed() {
    let response = |names: &[String]| {
        if names.iter().any(|name| name == "bad") { canceled(names) } else { (200, json!({})) }
    };
    let (results, requests) = written(fifty_with_one_bad(), response).await;
    let mut expected = vec![Ok(()); 50];
    expected[7] = Err(Unwritten::Condition);
    assert_eq!(results, expected);
    assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [50, 49]);
}

#[tokio::test]
async fn where_a_refusal_names_nobody_each_is_sent_alone() {
    let response = |names: &[String]| {
        let is_bad = names.iter().any(|name| name == "bad");
        if is_bad { (400, json!({ "__type": "ValidationException" })) } else { (200, json!({})) }
    };
    let (results, requests) = written(fifty_with_one_bad(), response).await;
    let mut expected = vec![Ok(()); 50];
    expected[7] = Err(Unwritten::Refused(ErrorCode::parse("ValidationException")));
    assert_eq!((results, requests.len()), (expected, 51));
}

#[tokio::test]
async fn somebody_who_is_always_in_the_way_ends_the_rounds() {
    let (results, requests) = written(vec![unit("a", 1), unit("b", 1)], |names| {
        let codes = ["TransactionConflict", NONE].iter().take(names.len());
        let reasons: Vec<_> = codes.map(|code| json!({ "Code": code })).collect();
        (400, json!({ "__type": "TransactionCanceledException", "CancellationReasons": reasons }))
    })
    .await;
    assert_eq!(results, [Err(Unwritten::Conflict), Err(Unwritten::Conflict)]);
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_request_is_within_the_bounds_and_what_is_too_large_stands_alone() {
    let size = |number| if number == 9 { MAX_ITEM + 1 } else { 200_000 };
    let units = (0..30).map(|number| unit(&number.to_string(), size(number))).collect();
    let (results, requests) = written(units, |_| (200, json!({}))).await;
    assert!(results.iter().all(Result::is_ok));
    assert!(requests.contains(&vec!["9".to_owned()]), "{requests:?}");
    assert!(requests.iter().all(|names| names.len() * 200_000 <= MAX_TRANSACTION), "{requests:?}");
    let many = (0..101).map(|number| unit(&number.to_string(), 1)).collect();
    let (_, requests) = written(many, |_| (200, json!({}))).await;
    let mut lengths: Vec<_> = requests.iter().map(Vec::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 100]);
}

fn of_pairs(codes: &[&str]) -> Vec<Verdict> {
    verdicts(std::iter::repeat_n(2, codes.len() / 2), codes)
}

#[test]
fn the_bytes_of_packed_json_count() {
    let of = |value: AttributeValue| size(&Item::from([("events".to_owned(), value)]));
    assert_eq!(of(AttributeValue::S("x".repeat(300))), 306);
    assert_eq!(of(AttributeValue::B(vec![7; 300].into())), 306);
}

#[test]
fn who_is_at_fault_is_told_and_the_others_are_sent_again() {
    let is = |why| Verdict::Final(Err(why));
    let found =
        of_pairs(&[NONE, NONE, CONDITION, NONE, NONE, "TransactionConflict", NONE, "ValidationError"]);
    let refused = Unwritten::Refused(ErrorCode::parse("ValidationError"));
    let expected = [Verdict::Again, is(Unwritten::Condition), is(Unwritten::Conflict), is(refused)];
    assert_eq!(found, expected);
}

#[test]
fn a_busy_table_and_an_answer_without_reasons_are_not_asked_again_at_once() {
    let unavailable = |code| Verdict::Final(Err(Unwritten::Unavailable(ErrorCode::parse(code))));
    let throttled = unavailable("ThrottlingError");
    assert_eq!(of_pairs(&[NONE, NONE, "ThrottlingError", NONE]), [throttled.clone(), throttled]);
    assert_eq!(of_pairs(&[NONE; 4]), [unavailable(""), unavailable("")]);
    assert_eq!(verdicts([2, 2].into_iter(), &[]), [unavailable(""), unavailable("")]);
    let code = "ProvisionedThroughputExceeded";
    let busy = of_pairs(&[CONDITION, NONE, code, NONE]);
    assert_eq!(busy, [Verdict::Final(Err(Unwritten::Condition)), unavailable(code)]);
}

/// The reasons of the API reference, and what each is for the caller.
#[test]
fn only_a_failed_condition_is_a_conflict_of_versions_and_nothing_that_passes_is_final() {
    let error = |codes: &[&str]| worst(codes).map(Error::from);
    let code = ErrorCode::parse;
    assert_eq!(error(&[NONE, NONE]), None);
    assert_eq!(error(&[CONDITION]), Some(Error::VersionConflict));
    for busy in [CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let error = error(&[NONE, busy]).unwrap();
        assert_eq!(error, Error::Unavailable { code: code(busy) });
        assert_eq!(error.remedy(), Remedy::Wait { after: None }, "{busy}");
    }
    for refused in ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"] {
        assert_eq!(error(&[refused, NONE]), Some(Error::Refused { code: code(refused) }));
    }
    assert_eq!(error(&["SomethingNew"]), Some(Error::Unavailable { code: code("SomethingNew") }));
    let mixed = [NONE, "ThrottlingError", CONFLICT, CONDITION];
    assert_eq!(error(&mixed), Some(Error::VersionConflict), "it failed, whatever else is busy");
    assert_eq!(error(&mixed[..3]), Some(Error::Unavailable { code: code(CONFLICT) }));
}

/// A record of an action that is not written for a conflict would make the action's outcome unknown.
#[tokio::test]
async fn one_unit_is_written_although_another_write_of_its_item_was_in_progress() {
    let (conflict, throttled, always, condition) = futures::join!(
        transacted(CONFLICT, MAX_TRIES - 1),
        transacted("ThrottlingError", 1),
        transacted(CONFLICT, u32::MAX),
        transacted(CONDITION, 1)
    );
    assert_eq!((conflict, throttled), ((Ok(()), MAX_TRIES), (Ok(()), 2)));
    assert_eq!(always, (Err(Unwritten::Conflict), MAX_TRIES), "not for ever");
    assert_eq!(condition, (Err(Unwritten::Condition), 1));
}

/// The result of one unit, and the number of requests, if this number of transactions is cancelled for this reason.
async fn transacted(code: &'static str, times: u32) -> (Result<(), Unwritten>, u32) {
    let requests: Arc<Mutex<u32>> = Arc::default();
    let seen = Arc::clone(&requests);
    let config = aws::stub::config_with_responses(move |_| {
        let mut count = seen.lock().unwrap();
        *count = count.saturating_add(1);
        let reasons = json!([{ "Code": code }]);
        let canceled = json!({ "__type": "TransactionCanceledException", "CancellationReasons": reasons });
        if *count <= times { (400, canceled) } else { (200, json!({})) }
    });
    let result = Store::new(aws::dynamodb(&config), "t".to_owned()).transact(unit("a", 1)).await;
    let requests = *requests.lock().unwrap();
    (result, requests)
}

proptest! {
    #[test]
    fn a_unit_is_written_again_only_where_all_of_its_items_are_sound(
        units in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..4), 1..60)
    ) {
        let code = |sound: &bool| if *sound { NONE } else { CONDITION };
        let codes: Vec<&str> = units.iter().flatten().map(code).collect();
        let found = verdicts(units.iter().map(Vec::len), &codes);
        prop_assert_eq!(found.len(), units.len());
        for (unit, verdict) in units.iter().zip(found) {
            prop_assert_eq!(verdict == Verdict::Final(Err(Unwritten::Condition)), unit.contains(&false));
            prop_assert!(verdict != Verdict::Final(Ok(())), "nothing of a canceled transaction is written");
        }
    }
}
