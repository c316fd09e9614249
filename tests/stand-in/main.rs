//! The stand-in as a server on 127.0.0.1.

use anyhow::{Context as _, Result};
use clap::Parser;
use end_to_end::stand_in::{self, Seeded};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;

/// Run the Salestrekker stand-in: a GraphQL server over the reconstructed schema, with its state in memory, to learn the API
/// and to test against
#[derive(Parser)]
#[command(name = "cargo xtask stand-in")]
struct Arguments {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Start without data instead of an invented brokerage
    #[arg(long)]
    empty: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { port, empty }: Arguments) -> Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| {
        format!(
            "cannot listen on 127.0.0.1:{port}; choose another port with --port, for example --port {}",
            alternative(port)
        )
    })?;
    let server = if empty {
        stand_in::server()
    } else {
        let (server, seeded) = stand_in::seeded();
        greet(port, &seeded)?;
        server
    };
    Ok(axum::serve(listener, server).await?)
}

/// A port to suggest if this one is in use.
fn alternative(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(4000)
}

fn greet(port: u16, seeded: &Seeded) -> Result<()> {
    let Seeded { api_key, email, password, ticket } = seeded;
    Ok(write!(
        std::io::stdout(),
        "The Salestrekker stand-in, with an invented brokerage

  in a browser          http://127.0.0.1:{port}
  GraphQL endpoint      http://127.0.0.1:{port}/graphql
  schema                http://127.0.0.1:{port}/schema.graphql
  API key               {api_key}
  or a user             {email} / {password}
  a ticket              {ticket}

  mutation {{ authenticate(apiKey: \"{api_key}\") {{ token }} }}
  query {{ ticket(id: \"{ticket}\") {{ name idStage values {{ onceOff }} }} }}

  How to inject faults and send webhooks: tests/stand-in/control.rs. Press Ctrl-C to stop.
"
    )?)
}
