//! The promise under fire: nothing lost, nothing twice. Tickets change at random while function processes are killed, the
//! API is cut before and after it acts, webhooks come twice, out of order or not at all, and credentials are rotated.
//! Afterwards the stand-in's mutations are compared with what the journal says should have happened.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "small counts of a test; a panic is a run that failed"
)]

mod harm;
mod verdict;

use anyhow::{Result, ensure};
use clap::Parser;
use end_to_end::stack::{Organisation, Stack, eventually};
use fastrand::Rng;
use harm::Harm;
use reqwest::Method;
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use verdict::Verdict;

const ORGANISATIONS: usize = 3;
/// With more messages than this on their way (or than there are tickets), the tickets rest: else most changes would be seen
/// as one.
const MAX_ON_THE_WAY: usize = 40;
/// Seconds after which what is still on its way never arrives: the longest retries included.
const PATIENCE: u64 = 1_200;

/// Break everything at random, and see whether anything is lost or happens twice
#[derive(Parser)]
#[command(name = "cargo xtask chaos")]
struct Arguments {
    /// What makes the run repeatable, as far as processes are
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many tickets
    #[arg(long, default_value_t = 30)]
    tickets: usize,
    /// How many changes of tickets
    #[arg(long, default_value_t = 600)]
    events: usize,
    /// How many function processes are killed [default: one for 10 changes]
    #[arg(long)]
    kills: Option<usize>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let stack = Stack::found().await?;
    let mut random = Rng::with_seed(arguments.seed);
    let mut offices = Vec::new();
    for number in 0..ORGANISATIONS {
        offices.push(stack.organisation(&format!("chaos-{number}")).await?);
    }
    let tickets = make_tickets(&offices, arguments.tickets).await?;
    let kills = arguments.kills.unwrap_or(arguments.events / 10);
    let mut harm = Harm::new(&stack, Rng::with_seed(random.u64(..)), kills);
    for office in &offices {
        let manner = json!({ "urls": urls(office), "duplicates": 1, "reorder": true, "lose_every": 7, "on_api_changes": true });
        stack.control(Method::PUT, &format!("webhooks/{}", office.name), &manner).await?;
    }
    for number in 0..arguments.events {
        let (office, ticket) = &tickets[random.usize(..tickets.len())];
        change(&offices[*office], ticket, &mut random).await?;
        harm.perhaps(&offices, &tickets, number, arguments.events).await?;
        if number % 100 == 99 {
            say(&format!("  … {} of {} changes", number + 1, arguments.events));
        }
        if number % 5 == 4 {
            rest_below(&stack, MAX_ON_THE_WAY.max(tickets.len())).await?;
        }
    }
    harm.end().await?;
    say("\n  the harm is over; waiting until everything has come to rest");
    for _ in 0..3 {
        // What was lost with its webhook is found by the reconciler, whose time is brought forward.
        rest_below(&stack, 0).await?;
        reconcile(&stack, &offices, &tickets).await?;
    }
    rest_below(&stack, 0).await?;
    let verdict = Verdict::of(&stack, &offices, &tickets, &harm).await?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
    } else {
        write!(out, "{verdict}")?;
    }
    Ok(if verdict.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tickets that the system has seen once, each in an organisation.
async fn make_tickets(offices: &[Organisation<'_>], count: usize) -> Result<Vec<(usize, String)>> {
    let mut tickets = Vec::new();
    for number in 0..count {
        let place = number % offices.len();
        let fields = json!({ "stage": "Approved", "name": format!("Ticket {number}") });
        let ticket = offices[place].new_ticket(fields).await?;
        offices[place].webhook("ticket-created", &ticket).await?;
        tickets.push((place, ticket));
    }
    for (place, ticket) in &tickets {
        eventually("the first look at every ticket", 120, async || {
            ensure!(!offices[*place].journal(ticket).await?.is_empty(), "not seen yet");
            Ok(())
        })
        .await?;
    }
    Ok(tickets)
}

/// A person moves the ticket, in or out of the stage that the handler answers to, and sometimes takes its labels away.
async fn change(office: &Organisation<'_>, ticket: &str, random: &mut Rng) -> Result<()> {
    let stages = ["Settled", "Settled", "Approved", "Application"];
    let mut fields = json!({ "stage": stages[random.usize(..stages.len())] });
    if random.u8(..4) == 0 {
        fields["labels"] = json!([]);
    }
    office.change(ticket, fields).await.map(drop)
}

fn urls(office: &Organisation<'_>) -> serde_json::Value {
    let actions = ["ticket-created", "ticket-updated"];
    actions.map(|action| (action.to_owned(), json!(office.webhook_url(action)))).into_iter().collect()
}

async fn rest_below(stack: &Stack, most: usize) -> Result<()> {
    let events = format!("{}-follow-up-on-settlement", stack.place.stack);
    let mut told = Instant::now();
    eventually("rest", PATIENCE, async || {
        let post = stack.control(Method::GET, "post", &json!({})).await?;
        let mut depth = post["pending"].as_u64().unwrap_or(0);
        for queue in [&stack.place.hints_queue, &events, &stack.place.actions_queue] {
            depth += stack.depth(queue).await?;
        }
        if told.elapsed() > Duration::from_secs(10) {
            say(&format!("  … {depth} messages are on their way"));
            told = Instant::now();
        }
        ensure!(depth <= u64::try_from(most)?, "{depth} messages are still on their way");
        Ok(())
    })
    .await
}

/// Lets every ticket be due, and has the reconciler run.
async fn reconcile(stack: &Stack, offices: &[Organisation<'_>], tickets: &[(usize, String)]) -> Result<()> {
    for (place, ticket) in tickets {
        offices[*place].let_be_due(ticket).await?;
    }
    let name = format!("{}-reconciler", stack.place.stack);
    let answer = stack.lambda.invoke().function_name(name).send().await?;
    ensure!(answer.function_error.is_none(), "the reconciler fails");
    Ok(())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
