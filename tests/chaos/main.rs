//! The chaos test: no action is lost, performed twice, out of order or dead-lettered untried. Tickets change at random and in
//! bursts while function processes are killed, AWS calls fail as AWS documents, the API's connections break before and after it
//! acts, webhooks are duplicated, reordered or lost, and credentials are rotated. Then the records and the stand-in's mutations
//! are compared with the journal.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "small counts of a test; a panic fails the run"
)]

mod aws_faults;
mod dead_letters;
mod disruption;
mod effects;
mod expected;
mod order;
mod queues;
mod records;
mod reminders;
mod report;
mod verdict;

use anyhow::{Result, ensure};
use aws_faults::AwsFaults;
use clap::Parser;
use disruption::Disruption;
use end_to_end::stack::{Organisation, Stack, eventually};
use fastrand::Rng;
use queues::Queues;
use reqwest::Method;
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use verdict::Verdict;

const ORGANISATIONS: usize = 3;
/// No ticket changes while more messages than this (or than tickets) are in flight: else most changes would be merged into
/// one.
const MAX_IN_FLIGHT: usize = 40;
/// The timeout for messages in flight, in seconds, the longest retries included.
const TIMEOUT: u64 = 1_200;

/// The timeout for reminders, in seconds: the longest is due a minute after its event.
const REMINDERS_COME: u64 = 180;

/// The number of tickets that a burst changes, at most.
const MAX_IN_BURST: usize = 4;

/// Chaos test: crash, cut, duplicate, drop and reorder at random, and check that every action is performed once and in order
#[derive(Parser)]
#[command(name = "cargo xtask chaos")]
struct Arguments {
    /// The seed of the random numbers; processes make a run only partly repeatable
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of tickets
    #[arg(long, default_value_t = 30)]
    tickets: usize,
    /// The number of changes of tickets
    #[arg(long, default_value_t = 600)]
    events: usize,
    /// The number of function processes to kill [default: one per 10 changes]
    #[arg(long)]
    kills: Option<usize>,
    /// How many AWS faults to inject: a multiple of the frequencies in tests/faults/rules.yaml, 0 for none
    #[arg(long, default_value_t = 1.0)]
    aws_faults: f64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let stack = Stack::found().await?;
    let mut random = Rng::with_seed(arguments.seed);
    let mut organisations = Vec::new();
    for number in 0..ORGANISATIONS {
        organisations.push(stack.organisation(&format!("chaos-{number}")).await?);
    }
    let queues = Queues::of(&stack).await?;
    let tickets = make_tickets(&organisations, arguments.tickets).await?;
    let kills = arguments.kills.unwrap_or(arguments.events / 10);
    let aws_faults = AwsFaults::found()?;
    aws_faults.start(random.u64(..), arguments.aws_faults).await?;
    let mut disruption = Disruption::new(&stack, aws_faults, Rng::with_seed(random.u64(..)), kills);
    for organisation in &organisations {
        let options = json!({ "urls": urls(organisation), "duplicates": 1, "reorder": true, "lose_every": 7, "on_api_changes": true });
        stack.control(Method::PUT, &format!("webhooks/{}", organisation.name), &options).await?;
    }
    let mut done = 0;
    while done < arguments.events {
        let before = done;
        if random.bool() {
            done += burst(&organisations, &tickets, &mut random).await?;
        } else {
            let (organisation, ticket) = &tickets[random.usize(..tickets.len())];
            change(&organisations[*organisation], ticket, &mut random).await?;
            done += 1;
        }
        disruption.maybe(&organisations, &tickets, done.min(arguments.events) - 1, arguments.events).await?;
        if done / 100 > before / 100 {
            say(&format!("  … {done} of {} changes", arguments.events));
        }
        if done / 5 > before / 5 {
            // Reminders that are due come while functions are killed. A run that fails is followed by another one.
            let _ = sweep(&stack).await;
            wait(&stack, &queues, MAX_IN_FLIGHT.max(tickets.len())).await?;
        }
    }
    disruption.stop().await?;
    say("\n  no more disruptions; waiting for empty queues");
    for _ in 0..3 {
        // The reconciler finds changes whose webhook was lost. The tickets are made due, so that it finds them now.
        // Not more of them than one run of the reconciler takes.
        for tickets in tickets.chunks(RECONCILED_AT_ONCE) {
            wait(&stack, &queues, 0).await?;
            reconcile(&stack, &organisations, tickets).await?;
        }
    }
    come(&stack, &organisations, &tickets).await?;
    wait(&stack, &queues, 0).await?;
    let verdict = Verdict::of(&stack, &organisations, &tickets, &disruption).await?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
    } else {
        write!(out, "{verdict}")?;
    }
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fewer than `TicketsPerRun`: what is over it stays due for the next minute's run, which is not started here.
const RECONCILED_AT_ONCE: usize = 100;

/// Creates tickets that the system has seen, each with the index of its organisation.
async fn make_tickets(organisations: &[Organisation<'_>], count: usize) -> Result<Vec<(usize, String)>> {
    let mut tickets = Vec::new();
    for number in 0..count {
        let index = number % organisations.len();
        let fields = json!({ "stage": "Approved", "name": format!("Ticket {number}") });
        let ticket = organisations[index].new_ticket(fields).await?;
        organisations[index].webhook("ticket-created", &ticket).await?;
        tickets.push((index, ticket));
    }
    for (index, ticket) in &tickets {
        eventually("the first event of every ticket", 120, async || {
            ensure!(!organisations[*index].journal(ticket).await?.is_empty(), "not seen yet");
            Ok(())
        })
        .await?;
    }
    Ok(tickets)
}

/// Moves the ticket into or out of the handler's stage, as a person would, and sometimes removes its labels.
async fn change(organisation: &Organisation<'_>, ticket: &str, random: &mut Rng) -> Result<()> {
    let stages = ["Settled", "Settled", "Approved", "Application"];
    let mut fields = saved(stages[random.usize(..stages.len())], random);
    if random.u8(..4) == 0 {
        fields["labels"] = json!([]);
    }
    organisation.change(ticket, fields).await.map(drop)
}

/// What a person saves: the stage, and with it other fields, so that a version has several events.
fn saved(stage: &str, random: &mut Rng) -> serde_json::Value {
    let clients: Vec<String> =
        (0..2).filter(|_| random.bool()).map(|number| format!("contact-{number}")).collect();
    json!({
        "stage": stage,
        "idOwner": format!("owner-{}", random.u8(..3)),
        "values": { "onceOff": u32::from(random.u8(1..9)) * 100_000 },
        "idClients": clients,
    })
}

/// Moves a few tickets to a stage, to another, and back, within seconds. Returns the number of changes.
async fn burst(
    organisations: &[Organisation<'_>],
    tickets: &[(usize, String)],
    random: &mut Rng,
) -> Result<usize> {
    let count = random.usize(1..=MAX_IN_BURST.min(tickets.len()));
    let chosen = random.choose_multiple(tickets, count);
    let stages =
        if random.bool() { ["Approved", "Settled", "Approved"] } else { ["Settled", "Approved", "Settled"] };
    for stage in stages {
        for (organisation, ticket) in &chosen {
            organisations[*organisation].change(ticket, saved(stage, random)).await?;
        }
        disruption::pause(random.u64(200..1_200)).await;
    }
    Ok(count * stages.len())
}

fn urls(organisation: &Organisation<'_>) -> serde_json::Value {
    let actions = ["ticket-created", "ticket-updated"];
    actions.map(|action| (action.to_owned(), json!(organisation.webhook_url(action)))).into_iter().collect()
}

async fn wait(stack: &Stack, queues: &Queues, max: usize) -> Result<()> {
    let mut reported = Instant::now();
    eventually("empty queues", TIMEOUT, async || {
        let webhooks = stack.control(Method::GET, "pending-webhooks", &json!({})).await?;
        let depth = webhooks["pending"].as_u64().unwrap_or(0) + queues.depth(stack).await?;
        if reported.elapsed() > Duration::from_secs(10) {
            say(&format!("  … {depth} messages are in flight"));
            reported = Instant::now();
        }
        ensure!(depth <= u64::try_from(max)?, "{depth} messages are still in flight");
        Ok(())
    })
    .await
}

/// Makes every ticket due, and runs the reconciler.
async fn reconcile(
    stack: &Stack,
    organisations: &[Organisation<'_>],
    tickets: &[(usize, String)],
) -> Result<()> {
    for (index, ticket) in tickets {
        organisations[*index].make_due(ticket).await?;
    }
    ensure!(sweep(stack).await?, "the reconciler failed");
    Ok(())
}

/// Runs the reconciler; returns whether it succeeded.
async fn sweep(stack: &Stack) -> Result<bool> {
    let name = format!("{}-reconciler", stack.addresses.stack);
    let response = stack.lambda.invoke().function_name(name).send().await?;
    Ok(response.function_error.is_none())
}

/// Runs the reconciler until no reminder waits. If one still does in the end, the verdict says so.
async fn come(stack: &Stack, organisations: &[Organisation<'_>], tickets: &[(usize, String)]) -> Result<()> {
    let store = stack.store();
    let come = eventually("all reminders", REMINDERS_COME, async || {
        sweep(stack).await?;
        for (index, ticket) in tickets {
            let organisation = organisations[*index].name.parse()?;
            let stored = store.reminders(&organisation, &ticket.parse()?).await?;
            ensure!(stored.iter().all(|stored| stored.waiting().is_none()), "some wait");
        }
        Ok(())
    });
    if let Err(error) = come.await {
        say(&format!("  {error:#}"));
    }
    Ok(())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
