//! The fault proxy: between the functions and the local engine, it makes AWS fail as AWS documents that it may.

mod call;
mod dynamodb;
mod entries;
mod error;
mod injector;
mod proxy;
mod rule;

use anyhow::{Context as _, Result};
use clap::Parser;
use std::net::Ipv4Addr;

/// Forward AWS calls to the local engine, and inject faults when it is asked to: see tests/faults/rules.yaml
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// The engine's port on 127.0.0.1
    #[arg(long)]
    engine: u16,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { port, engine } = Arguments::parse();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    Ok(axum::serve(listener, proxy::server(format!("http://127.0.0.1:{engine}"))?).await?)
}
