//! The feed of events over a journal with many entries.

use super::*;
use automations::clock::{self, Timestamp};
use automations::json::to_json;
use automations::testing::{a_ticket, stage_changed};
use serde_json::json;
use std::sync::{Arc, Mutex};

const DAY: u64 = 86_400_000;
/// Partitions of a day in the index.
const SHARDS: u64 = 16;

/// A journal with this number of entries, one a second back from now: every tenth is of `south`, and has a label.
pub(super) struct Entries {
    pub(super) all: Vec<Value>,
}

impl Entries {
    pub(super) fn of(number: u64) -> Self {
        let now = clock::now();
        let entry = |back: u64| {
            let at = now.earlier(Duration::from_secs(back));
            let of_south = back.is_multiple_of(10);
            let mut event =
                if of_south { a_ticket().gets_label("VIP") } else { stage_changed("Approved", "<script>") };
            event.observed_at = at;
            let organisation = if of_south { "south" } else { "north" };
            event.organisation = organisation.parse().unwrap();
            json!({
                "pk": { "S": format!("TICKET#{organisation}#t-{back}") }, "sk": { "S": "JOURNAL#0000000001" },
                "journal_day": { "S": format!("{}#{}", at.as_millis() / DAY, back % SHARDS) },
                "at": { "N": at.as_millis().to_string() }, "events": { "S": to_json(&[event]) },
            })
        };
        Self { all: (0..number).map(entry).collect() }
    }

    pub(super) fn respond(&self, operation: &str, request: &Value) -> Value {
        match operation {
            "Query" => {
                let value = |name: &str| request["ExpressionAttributeValues"][name].clone();
                let at = |value: &Value| value["N"].as_str().unwrap().parse::<u64>().unwrap();
                let (since, until) = (at(&value(":since")), at(&value(":until")));
                // They are newest first already.
                let found = self.all.iter().filter(|entry| {
                    entry["journal_day"] == value(":day") && (since..=until).contains(&at(&entry["at"]))
                });
                let limit =
                    request["Limit"].as_u64().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
                let keys = found.take(limit).map(|entry| {
                    let mut key = entry.clone();
                    key.as_object_mut().unwrap().remove("events");
                    key
                });
                json!({ "Items": keys.collect::<Vec<_>>() })
            }
            "BatchGetItem" => {
                let (table, wanted) = request["RequestItems"].as_object().unwrap().iter().next().unwrap();
                let wanted = wanted["Keys"].as_array().unwrap();
                let found = wanted.iter().filter_map(|key| {
                    // The number of seconds back is in the ticket's id.
                    let back = key["pk"]["S"].as_str()?.rsplit('-').next()?.parse::<usize>().ok()?;
                    self.all.get(back)
                });
                json!({ "Responses": { table: found.collect::<Vec<_>>() } })
            }
            other => panic!("{other}"),
        }
    }
}

/// A browser at a console on this journal, and the number of items that the table returned.
async fn browser(number: u64) -> (Browser, Arc<Mutex<usize>>) {
    let entries = Entries::of(number);
    let returned: Arc<Mutex<usize>> = Arc::default();
    let count = Arc::clone(&returned);
    let browser = Browser::inside(move |operation, request| {
        let response = entries.respond(operation, request);
        let items = response["Items"].as_array().map_or(0, Vec::len);
        let mut count = count.lock().unwrap();
        *count = count.saturating_add(items);
        (200, response.to_string())
    });
    (browser.await, returned)
}

/// The times of the rows, as they are on the page.
fn times(page: &Shown) -> Vec<Timestamp> {
    let rows = page.text.split("<tr><td><time datetime=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap().parse().unwrap()).collect()
}

fn rows(page: &Shown) -> usize {
    times(page).len()
}

fn older(page: &Shown) -> String {
    let before = page.text.split("\" rel=\"next\"").next().unwrap();
    before.rsplit("href=\"").next().unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn a_page_of_a_large_journal_is_bounded_and_the_next_goes_on() {
    let (browser, returned) = browser(20_000).await;
    let first = browser.get("/events").await;
    assert!((50..=128).contains(&rows(&first)), "{}", rows(&first));
    assert!(first.is_closed() && first.has("Approved → &#60;script&#62;"), "{}", first.text);
    assert!(*returned.lock().unwrap() <= 16 * 50, "{returned:?}");
    let second = browser.get(&older(&first)).await;
    let all = [times(&first), times(&second)].concat();
    let seconds: Vec<u64> = all.iter().map(|at| all[0].since(*at).as_secs()).collect();
    assert_eq!(
        seconds,
        (0..u64::try_from(all.len()).unwrap()).collect::<Vec<u64>>(),
        "each once, newest first"
    );
    assert!(second.has("href=\"/events\">Newest</a>"), "{}", second.text);
    assert!(first.has("data-live=\"10\"") && !second.has("data-live"), "an older page does not move");
}

#[tokio::test]
async fn the_address_holds_the_filter_and_a_rare_kind_ends_at_a_bound() {
    let (browser, _) = browser(20_000).await;
    let south = browser.get("/events?organisation=south&label=VIP").await;
    assert!(rows(&south) >= 50 && !south.has(">north<"), "{}", south.text);
    assert!(south.has("name=\"organisation\" value=\"south\"") && south.has("name=\"label\" value=\"VIP\""));
    let next = older(&south);
    assert!(next.starts_with("/events?organisation=south&label=VIP&before=20"), "{next}");
    // No such event: 2,000 entries are looked through, not 20,000.
    let none = browser.get("/events?stage=Nowhere").await;
    assert!(rows(&none) == 0 && none.has("No such event back to <time"), "{}", none.text);
    let before = older(&none);
    let before: Timestamp = before.split("before=").nth(1).unwrap().replace("%3A", ":").parse().unwrap();
    let back = clock::now().since(before).as_secs();
    assert!((2_000..2_600).contains(&back), "{back}");
}

#[tokio::test]
async fn the_end_of_the_journal_is_said_and_a_wrong_filter_is_an_error_of_the_page() {
    let (browser, _) = browser(20).await;
    let all = browser.get("/events?since=1h").await;
    assert_eq!(rows(&all), 20);
    assert!(all.has("the end of the time asked for") && !all.has("rel=\"next\""), "{}", all.text);
    let wrong = browser.get("/events?since=%3Cscript%3E").await;
    assert!(wrong.has("role=\"alert\"") && wrong.has("not a time: &#60;script&#62;"), "{}", wrong.text);
    assert!(wrong.is_closed());
}
