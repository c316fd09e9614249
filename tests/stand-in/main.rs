//! The stand-in as a server of its own, on 127.0.0.1.

use clap::Parser;
use end_to_end::stand_in;
use std::net::Ipv4Addr;

/// Salestrekker's stand-in: a GraphQL server over the reconstructed schema, with its state in memory.
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { port } = Arguments::parse();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(axum::serve(listener, stand_in::server()).await?)
}
