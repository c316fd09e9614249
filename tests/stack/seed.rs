//! Creates one organisation on a stack that was just deployed, and prints the addresses.

use end_to_end::stack::Stack;
use std::io::Write as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stack = Stack::seeded("demo").await?;
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&stack.addresses)?)?)
}
