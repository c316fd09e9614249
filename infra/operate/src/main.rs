//! `cargo xtask dlq`: see the library beside it.

use anyhow::{Result, bail};
use automations::store::Store;
use automations::{aws, clock};
use clap::{Args, Parser, Subcommand};
use operate::{Account, DeadLetterQueues, Selection, ending};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

/// Look at dead letters, send them back, or let them go
#[derive(Parser)]
#[command(name = "cargo xtask dlq", bin_name = "cargo xtask dlq", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    account: Account,
}

#[derive(Subcommand)]
enum Command {
    /// Count them, by queue and reason, with the age of the oldest
    List,
    /// Tell of each why it was given up
    Show {
        #[command(flatten)]
        which: Which,
        /// Print what it says too; it may hold personal data
        #[arg(long)]
        body: bool,
    },
    /// Send them back to the queue that they came from; what was done is not done again
    Redrive {
        #[command(flatten)]
        which: Which,
        /// Also those whose action may have taken effect: you looked at Salestrekker, and it is to be done (again)
        #[arg(long)]
        redo_in_doubt: bool,
    },
    /// Delete them
    Drop {
        #[command(flatten)]
        which: Which,
    },
}

/// All of them where nothing is named.
#[derive(Args)]
struct Which {
    /// Only those in queues whose name holds this
    #[arg(long)]
    queue: Option<String>,
    /// Only those that were given up for this reason
    #[arg(long)]
    reason: Option<String>,
    /// Only this message
    #[arg(long)]
    id: Option<String>,
}

impl From<Which> for Selection {
    fn from(Which { queue, reason, id }: Which) -> Self {
        Self { queue, reason, id }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ending(run(Arguments::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { command, account } = arguments;
    let config = account.config().await?;
    let table = Store::new(aws::dynamodb(&config), account.table());
    let letters = DeadLetterQueues::new(&config, account.stack, clock::now().as_seconds());
    let json = account.json;
    let mut out = std::io::stdout().lock();
    match command {
        Command::List => {
            let summaries = letters.list().await?;
            if json {
                return Ok(writeln!(out, "{}", serde_json::to_string(&summaries)?)?);
            }
            for summary in summaries {
                let oldest =
                    summary.oldest_s.map(|age| format!(", the oldest {}", long(age))).unwrap_or_default();
                writeln!(out, "{:>6}  {}{oldest}", summary.count, summary.queue)?;
                for (reason, count) in summary.reasons {
                    writeln!(out, "        {count:>6}  {reason}")?;
                }
            }
        }
        Command::Show { which, body } => {
            for (letter, text) in letters.show(&which.into()).await? {
                let mut shown = serde_json::to_value(&letter)?;
                if let (true, Some(fields)) = (body, shown.as_object_mut()) {
                    fields.insert("body".to_owned(), json!(text));
                }
                writeln!(out, "{shown}")?;
            }
        }
        Command::Redrive { which, redo_in_doubt } => {
            let redriven = letters.redrive(&which.into(), redo_in_doubt.then_some(&table)).await?;
            if json {
                return Ok(writeln!(out, "{}", serde_json::to_string(&redriven)?)?);
            }
            writeln!(out, "{} sent back", redriven.redriven)?;
            if redriven.on_unknown_outcome > 0 {
                let next = "look at Salestrekker whether they took effect, then `drop` them, or `redrive --redo-in-doubt`";
                writeln!(
                    out,
                    "{} stay, as their actions may have taken effect: {next}",
                    redriven.on_unknown_outcome
                )?;
            }
        }
        Command::Drop { which } => {
            let selection = Selection::from(which);
            if selection.reason.is_none() && selection.id.is_none() {
                bail!("say which: --reason or --id");
            }
            writeln!(out, "{} deleted", letters.drop(&selection).await?)?;
        }
    }
    Ok(())
}

/// An age as a person reads it.
fn long(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
