//! The key `QuietPeriod` of handlers' entries in template.yaml.

use crate::template_table::Row;
use automations::model::quiet_period::{OfEntry, QuietPeriod};

/// The cause of the event that comes when a quiet period ends.
const CAUSE: &str = "quiet_period";
/// Kinds of events that have no ticket which could be left alone.
const WITHOUT_TICKET: [&str; 3] = ["inbound.", "clock.", "webhook."];

impl Row {
    /// Its quiet period, if it has one.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn quiet_period(&self) -> Result<Option<QuietPeriod>, String> {
        let text =
            self.text("QuietPeriod").ok_or("it has no QuietPeriod: write none, or a period such as 5m")?;
        let OfEntry(period) = text
            .parse()
            .map_err(|error| format!("QuietPeriod {text:?}: {error}; or none, to decide on each event"))?;
        let is_heard = self.list("Causes").iter().any(|cause| cause == CAUSE);
        match (period, is_heard) {
            (None, false) => return Ok(None),
            (None, true) => return Err(format!("{CAUSE} is among its Causes, and its QuietPeriod is none")),
            (Some(_), false) => {
                return Err(format!(
                    "it has a QuietPeriod, so {CAUSE} is to be among its Causes: else it never decides"
                ));
            }
            (Some(_), true) => {}
        }
        if self.column("Schedule").is_some() {
            return Err("it has a QuietPeriod and a Schedule: a schedule has no ticket that could be left alone; make two entries"
                .to_owned());
        }
        let other =
            self.list("Events").into_iter().find(|kind| WITHOUT_TICKET.iter().any(|it| kind.starts_with(it)));
        match other {
            Some(kind) => Err(format!(
                "it has a QuietPeriod, and {kind} has no ticket that could be left alone; make two entries"
            )),
            None => Ok(period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template_table::rows;

    fn bee(changes: &[(&str, &str)]) -> Result<Option<QuietPeriod>, String> {
        let columns = [
            ("Name", "bee"),
            ("Events", "[ticket.label_added, ticket.stage_changed]"),
            ("Causes", "[webhook, reconciler, quiet_period]"),
            ("QuietPeriod", "5m"),
            ("Schedule", ""),
        ];
        let own = |(key, value): (&str, &str)| {
            let changed = changes.iter().find(|(other, _)| *other == key);
            (key.to_owned(), changed.map_or(value, |(_, value)| *value).to_owned())
        };
        let columns = columns.map(own).into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Row { id: "Bee".to_owned(), columns }.quiet_period()
    }

    #[test]
    fn a_quiet_period_is_one_that_can_end_and_that_the_handler_hears() {
        assert_eq!(bee(&[]), Ok("5m".parse().ok()));
        assert_eq!(bee(&[("QuietPeriod", "none"), ("Causes", "[webhook]")]), Ok(None));
        for (changes, says) in [
            ([("QuietPeriod", "0m"), ("", "")], "from 1m to 24h"),
            ([("QuietPeriod", "25h"), ("", "")], "from 1m to 24h"),
            ([("QuietPeriod", "30s"), ("", "")], "from 1m to 24h"),
            ([("QuietPeriod", ""), ("", "")], "it has no QuietPeriod"),
            ([("QuietPeriod", "none"), ("", "")], "and its QuietPeriod is none"),
            ([("Causes", "[webhook]"), ("", "")], "is to be among its Causes"),
            ([("Schedule", "rate(1 hour)"), ("", "")], "a Schedule"),
            ([("Events", "[inbound.lead]"), ("", "")], "inbound.lead has no ticket"),
            ([("Events", "[ticket.renamed, clock.bee]"), ("", "")], "clock.bee has no ticket"),
        ] {
            let error = bee(&changes).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_entries_of_every_table_have_a_valid_one() {
        for table in ["template.yaml", "tests/handlers.yaml", "tests/chaos/handlers.yaml"] {
            let path = format!("{}/../../{table}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            // Those of the tests are two spaces less deep.
            let indented = format!("  {}", text.replace('\n', "\n  "));
            for row in rows(if table == "template.yaml" { &text } else { &indented }).unwrap() {
                assert!(row.quiet_period().is_ok(), "{table}: {}: {:?}", row.id, row.quiet_period());
            }
        }
    }
}
