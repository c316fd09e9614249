//! What a command prints: results on standard output, everything else on standard error.

use anyhow::Result;
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// A command that takes longer says what it is doing.
const PATIENCE: Duration = Duration::from_secs(2);

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub seen: String,
}

/// A line on standard error, for a person.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The line of an error, its first word in red on a terminal.
pub fn say_error(text: &str) {
    let (red, plain) = if std::io::stderr().is_terminal() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    say(&format!("{red}error:{plain} {text}"));
}

/// A line of the result.
///
/// # Errors
/// If standard output is closed.
pub fn print(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// The result as one line of JSON.
///
/// # Errors
/// If standard output is closed.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string(value)?)
}

/// Does the work, and says what it is after two seconds.
pub async fn during<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    say(&format!("… {what}"));
    work.await
}

/// Rows under their heads, each column as wide as its widest cell.
pub fn table<const COLUMNS: usize>(heads: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let heads = heads.map(str::to_owned);
    let all = || std::iter::once(&heads).chain(rows);
    let mut widths = [0; COLUMNS];
    for row in all() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = all().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `1 message`, `2 messages`.
pub fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["3 min".to_owned(), "north".to_owned()], ["12 d".to_owned(), "x".to_owned()]];
        assert_eq!(table(["age", "organisation"], &rows), "age    organisation\n3 min  north\n12 d   x");
        assert_eq!(table(["age"], &[]), "age");
    }
}
