//! The console over a full table: 100,000 events in the journal, 5,000 dead letters. How long each page takes beside the engine's own
//! time, and that pages and memory are bounded. It takes minutes: `cargo xtask load`.

mod engine_time;

use self::engine_time::EngineTime;
use crate::console::Browser;
use crate::support::alone;
use anyhow::{Context as _, Result, ensure};
use automations::clock::{self, Timestamp};
use automations::id::{ActionId, EventId, OrganisationId, TicketId};
use automations::json::to_json;
use automations::model::action::PlannedAction;
use automations::store::{ItemKey, ItemKind, Version};
use automations::{Action, Event, aws, testing};
use automations_cli::account::Target;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use end_to_end::stack::Stack;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const ORGANISATION: &str = "loaded";
const TICKETS: u64 = 200;
const VERSIONS: u64 = 500;
const DEAD_LETTERS: u64 = 5_000;
const AT_ONCE: usize = 8;
/// How often each page is loaded.
const LOADS: usize = 20;
/// A page of a full table is at most this many times as large as one of an empty one would be.
const LARGEST_PAGE: usize = 400_000;

#[tokio::test]
#[ignore = "it fills the table for minutes: `cargo xtask load`"]
async fn pages_stay_quick_and_small_over_a_hundred_thousand_events_and_five_thousand_dead_letters()
-> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let start = Instant::now();
    let ticket = fill_journal(&stack).await?;
    println!("{} events after {:.0?}", TICKETS.saturating_mul(VERSIONS), start.elapsed());
    fill_dead_letters(&stack).await?;
    println!("{DEAD_LETTERS} dead letters after {:.0?}", start.elapsed());
    let engine = EngineTime::default();
    let local = Some(stack.addresses.aws_endpoint_url.clone());
    let config = engine.of(&aws::load()?);
    let browser = Browser::of(Target { config, local, stack: stack.addresses.stack.clone() }).await?;
    let timeline = format!("/timeline?organisation={ORGANISATION}&kind=ticket&id={ticket}");
    let feed = format!("/events?organisation={ORGANISATION}");
    let by_kind = format!("{feed}&kind=ticket.stage_changed");
    let by_nothing = format!("{feed}&label=There-is-none");
    let dead_letters = "/dead-letters?queue=actions-dead-letters.fifo";
    let pages =
        ["/", &timeline, &feed, &by_kind, &by_nothing, dead_letters, "/handlers", "/organisations", "/audit"];
    let before = resident()?;
    println!(
        "| page | p50 | p95 | without the engine's time, p50 | p95 | requests | largest |\n|---|---|---|---|---|---|---|"
    );
    for path in pages {
        let (mut times, mut own_times) = (Vec::with_capacity(LOADS), Vec::with_capacity(LOADS));
        let (mut largest, mut requests) = (0, 0);
        for _ in 0..LOADS {
            engine.take();
            let start = Instant::now();
            let page = browser.get(path).await?;
            let (time, waited) = (start.elapsed(), engine.take());
            times.push(time);
            own_times.push(time.saturating_sub(waited.time));
            requests = requests.max(waited.requests);
            largest = largest.max(page.len());
            ensure!(!page.contains("role=\"alert\""), "{path}: {page}");
        }
        let [p50, p95, own_p50, own_p95] = [(&times, 50), (&times, 95), (&own_times, 50), (&own_times, 95)]
            .map(|(times, share)| of(times, share));
        let kilobytes = largest / 1_000;
        println!(
            "| `{path}` | {p50:.0?} | {p95:.0?} | {own_p50:.0?} | {own_p95:.0?} | {requests} | {kilobytes} KB |"
        );
        ensure!(largest < LARGEST_PAGE, "{path} has {largest} bytes");
    }
    let after = resident()?;
    println!(
        "memory of the console and this test: {before} MB before {LOADS} loads of each, {after} MB after"
    );
    ensure!(after < before.saturating_mul(2).max(200), "{before} MB became {after} MB");
    Ok(())
}

/// 500 versions of each of 200 tickets, within the last day. Only the first is written by the store: the others are its journal entry again,
/// under their own keys and times. Returns a ticket.
async fn fill_journal(stack: &Stack) -> Result<TicketId> {
    let organisation = OrganisationId::parse(ORGANISATION)?;
    stack.organisation(ORGANISATION).await?;
    let now = clock::now();
    let tickets = (0..TICKETS).map(|number| TicketId::parse(format!("{ORGANISATION}-{number:03}")));
    let tickets = tickets.collect::<Result<Vec<_>, _>>()?;
    for ticket in &tickets {
        let written = first_entry(stack, &organisation, ticket, now).await?;
        let day = written.get("journal_day").context("no day")?;
        let requests = (2..=VERSIONS).map(|version| {
            let at = now.earlier(Duration::from_secs(version.saturating_mul(170)));
            let event = moved(&organisation, ticket, version, at)?;
            let mut item =
                ItemKey::new(&organisation, ItemKind::Journal(ticket.clone(), version)).attributes();
            item.insert("events".to_owned(), AttributeValue::S(to_json(&[event])));
            item.insert("at".to_owned(), AttributeValue::N(at.as_millis().to_string()));
            item.insert("journal_day".to_owned(), of_day(day, at)?);
            let put = PutRequest::builder().set_item(Some(item)).build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        let requests = requests.collect::<Result<Vec<_>>>()?;
        let writes = requests.chunks(25).map(async |chunk| {
            let items = HashMap::from([(stack.addresses.table.clone(), chunk.to_vec())]);
            let written = stack.dynamodb.batch_write_item().set_request_items(Some(items)).send().await?;
            ensure!(written.unprocessed_items.is_none_or(|left| left.is_empty()), "not all were written");
            Ok(())
        });
        stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    }
    tickets.into_iter().next().context("no ticket")
}

/// The journal entry of a ticket's first version, as the store writes it.
async fn first_entry(
    stack: &Stack,
    organisation: &OrganisationId,
    ticket: &TicketId,
    now: Timestamp,
) -> Result<HashMap<String, AttributeValue>> {
    use automations::model::diff::change;
    use automations::model::snapshot::Seen;
    let seen = Seen::without_fields(automations::Ticket { id: ticket.clone(), ..testing::ticket() }, "d");
    let snapshot = change(None, Some(seen), false).context("no change")?.snapshot;
    let event = moved(organisation, ticket, 1, now)?;
    let version =
        Version { snapshot: &snapshot, events: &[event], outbox: &[], reminders: &[], extra_check: None };
    stack.store().write(organisation, version, now).await?;
    let key = ItemKey::new(organisation, ItemKind::Journal(ticket.clone(), 1)).attributes();
    let item = stack.dynamodb.get_item().table_name(&stack.addresses.table).set_key(Some(key)).send().await?;
    item.item.context("no entry")
}

/// The attribute of the index by day, of the same ticket on another day: `{day}#{shard}`.
fn of_day(written: &AttributeValue, at: Timestamp) -> Result<AttributeValue> {
    let written = written.as_s().ok().and_then(|day| day.split_once('#')).context("another form of day")?;
    Ok(AttributeValue::S(format!("{}#{}", at.as_seconds() / 86_400, written.1)))
}

fn moved(organisation: &OrganisationId, ticket: &TicketId, version: u64, at: Timestamp) -> Result<Event> {
    let stage = if version.is_multiple_of(2) { "Approved" } else { "Settled" };
    let moved = testing::a_ticket().with_id(ticket.as_str()).moves_to(stage);
    let id = EventId::parse(format!("{ticket}-{version}"))?;
    Ok(Event { id, organisation: organisation.clone(), observed_at: at, ..moved })
}

/// Actions of 500 tickets, ten of each, that Salestrekker rejected.
async fn fill_dead_letters(stack: &Stack) -> Result<()> {
    let organisation = OrganisationId::parse(ORGANISATION)?;
    let url = stack.queue_url(&stack.addresses.actions_dead_letters_queue).await?;
    let messages = (0..DEAD_LETTERS).map(|number| {
        let ticket = TicketId::parse(format!("{ORGANISATION}-{:03}", number / 10))?;
        let event = moved(&organisation, &ticket, number, clock::now())?;
        let action = Action::add_label(event.ticket().context("no ticket")?, "Loaded");
        let planned = PlannedAction {
            id: ActionId::of(&event.id, "follow-up-on-settlement", 0)?,
            organisation: organisation.clone(),
            event: event.id.clone(),
            chain: vec![],
            hint: None,
            ticket_version: None,
            handler: "follow-up-on-settlement".to_owned(),
            decided_at: event.observed_at,
            attempt: 1,
            resent: None,
            action,
        };
        let attribute =
            |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
        let message = SendMessageBatchRequestEntry::builder()
            .id(number.to_string())
            .message_body(to_json(&planned))
            .message_group_id(planned.message_group().as_str())
            .message_deduplication_id(planned.id.to_string())
            .message_attributes("reason", attribute("salestrekker_rejected")?)
            .message_attributes("error", attribute("rejected")?)
            .message_attributes("function", attribute("action-worker")?);
        Ok(message.build()?)
    });
    let messages = messages.collect::<Result<Vec<_>>>()?;
    for chunk in messages.chunks(10) {
        let sent = stack.sqs.send_message_batch().queue_url(&url).set_entries(Some(chunk.to_vec()));
        ensure!(sent.send().await?.failed().is_empty(), "not all were sent");
    }
    Ok(())
}

/// The time that this share of them, in percent, does not exceed.
fn of(times: &[Duration], share: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len().saturating_mul(share) / 100).copied().unwrap_or_default()
}

/// The resident memory of this process, in which the console runs, in MB.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1_000)
}
