//! The stand-in as a server of its own, on 127.0.0.1.

use anyhow::{Context as _, Result};
use clap::Parser;
use end_to_end::stand_in::{self, Seeded};
use std::io::Write as _;
use std::net::Ipv4Addr;

/// Salestrekker's stand-in: a GraphQL server over the reconstructed schema, with its state in memory, to learn the API on
/// and to test against
#[derive(Parser)]
#[command(name = "cargo xtask stand-in")]
struct Arguments {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Begin with nothing rather than with an invented brokerage
    #[arg(long)]
    empty: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { port, empty } = Arguments::parse();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener =
        listener.with_context(|| format!("port {port} cannot be used; name another with --port"))?;
    let server = if empty {
        stand_in::server()
    } else {
        let (server, seeded) = stand_in::seeded();
        greet(port, &seeded)?;
        server
    };
    Ok(axum::serve(listener, server).await?)
}

fn greet(port: u16, seeded: &Seeded) -> Result<()> {
    let Seeded { api_key, email, password, ticket } = seeded;
    Ok(write!(
        std::io::stdout(),
        "Salestrekker's stand-in, with an invented brokerage

  try it in a browser   http://127.0.0.1:{port}/graphql
  endpoint              http://127.0.0.1:{port}/graphql
  API key               {api_key}
  or as a user          {email} / {password}
  a ticket              {ticket}

  mutation {{ authenticate(apiKey: \"{api_key}\") {{ token }} }}
  query {{ ticket(id: \"{ticket}\") {{ name idStage values {{ onceOff }} }} }}

  What it can be made to do wrong, and how its webhooks are switched on: tests/stand-in/control.rs. Ctrl-C ends it.
"
    )?)
}
