//! Makes one organisation on a stack that was deployed a moment ago, and prints where everything is.

use end_to_end::stack::Stack;
use std::io::Write as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stack = Stack::seeded("demo").await?;
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&stack.place)?)?)
}
