//! How an operator says a time.

use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use std::time::Duration;

/// A moment as an operator writes it: seconds since 1970 began, or so long ago, such as 90m, 36h or 14d.
///
/// # Errors
/// Where it is neither.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp> {
    let wrong =
        || format!("{text} is no time: write seconds since 1970 began, or 90m, 36h or 14d for so long ago");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Ok(Timestamp::from_seconds(text.parse().with_context(wrong)?)),
    };
    let digits = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let count: u64 = digits.parse().with_context(wrong)?;
    let ago = Duration::from_secs(count.checked_mul(unit).with_context(wrong)?);
    Ok(Timestamp::from_seconds(now.as_seconds().saturating_sub(ago.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_so_long_ago() {
        let now = Timestamp::from_seconds(1_000_000);
        for (text, seconds) in
            [("999", 999), ("10s", 999_990), ("2m", 999_880), ("1h", 996_400), ("1d", 913_600)]
        {
            assert_eq!(moment(text, now).unwrap(), Timestamp::from_seconds(seconds), "{text}");
        }
        for wrong in ["", "h", "-1h", "yesterday", "1.5h", "99999999999999999999d", "1ä"] {
            assert!(moment(wrong, now).unwrap_err().to_string().contains("is no time"), "{wrong}");
        }
    }
}
