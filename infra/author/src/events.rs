//! The events that there are, by the samples that `automations` makes of them.

use anyhow::{Result, bail};
use automations::{Event, example};

/// Every kind of event with a sample, in alphabetical order.
pub fn samples() -> Vec<Event> {
    let mut events = example::one_of_each();
    events.sort_by_key(|event| event.what.kind());
    events.dedup_by_key(|event| event.what.kind());
    events
}

/// Whether there is such a kind of event.
///
/// # Errors
/// Where there is none, with the nearest.
pub fn known(kind: &str) -> Result<()> {
    let kinds: Vec<_> = samples().iter().map(|event| event.what.kind()).collect();
    if kinds.contains(&kind) {
        return Ok(());
    }
    let nearest = kinds
        .into_iter()
        .max_by(|left, right| strsim::jaro_winkler(kind, left).total_cmp(&strsim::jaro_winkler(kind, right)));
    let nearest = nearest.unwrap_or_default();
    bail!("there is no event `{kind}`; the nearest is `{nearest}` (`cargo xtask events` lists them all)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_told_with_the_nearest() {
        assert!(known("ticket.created").is_ok());
        let told = known("ticket.stage_change").unwrap_err().to_string();
        assert!(told.contains("the nearest is `ticket.stage_changed`"), "{told}");
    }
}
