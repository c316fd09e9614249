//! The keys `QuietPeriod` and `Collect` of handlers' entries in template.yaml.

use crate::template_table::Row;
use automations::model::collect::Collect;
use automations::model::quiet_period::QuietPeriod;
use automations::model::until::{OfEntry, Until};
use std::fmt::Display;
use std::str::FromStr;

/// A key, and the cause of the event that comes in the end.
const QUIET_PERIOD: (&str, &str) = ("QuietPeriod", "quiet_period");
const COLLECT: (&str, &str) = ("Collect", "collection");
/// Kinds of events that have no ticket which could wait.
const WITHOUT_TICKET: [&str; 3] = ["inbound.", "clock.", "webhook."];

impl Row {
    /// Until when its decisions are put off, if they are.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn until(&self) -> Result<Option<Until>, String> {
        let period: Option<QuietPeriod> = self.of_entry(QUIET_PERIOD, "5m")?;
        let collect: Option<Collect> = self.of_entry(COLLECT, "owner 17:00 Australia/Sydney")?;
        let (key, until) = match (period, collect) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err("it has a QuietPeriod and Collect: one decides for a ticket, one for many; make two entries".to_owned());
            }
            (Some(period), None) => (QUIET_PERIOD.0, Until::QuietPeriod(period)),
            (None, Some(collect)) => (COLLECT.0, Until::Collect(collect)),
        };
        if self.column("Schedule").is_some() {
            return Err(format!(
                "it has {key} and a Schedule: a schedule has no ticket that could wait; make two entries"
            ));
        }
        let other =
            self.list("Events").into_iter().find(|kind| WITHOUT_TICKET.iter().any(|it| kind.starts_with(it)));
        match other {
            Some(kind) => {
                Err(format!("it has {key}, and {kind} has no ticket that could wait; make two entries"))
            }
            None => Ok(Some(until)),
        }
    }

    /// The value of a key, if it is not `none`; then the cause is among its causes, and else it is not.
    fn of_entry<T: FromStr<Err: Display>>(
        &self,
        (key, cause): (&str, &str),
        example: &str,
    ) -> Result<Option<T>, String> {
        let text =
            self.text(key).ok_or_else(|| format!("it has no {key}: write none, or for example {example}"))?;
        let OfEntry(value) = text
            .parse()
            .map_err(|error| format!("{key} {text:?}: {error}; or none, to decide on each event"))?;
        let is_heard = self.list("Causes").iter().any(|it| it == cause);
        match (&value, is_heard) {
            (None, false) | (Some(_), true) => Ok(value),
            (None, true) => Err(format!("{cause} is among its Causes, and its {key} is none")),
            (Some(_), false) => {
                Err(format!("it has {key}, so {cause} is to be among its Causes: else it never decides"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template_table::rows;

    fn bee(changes: &[(&str, &str)]) -> Result<Option<Until>, String> {
        let columns = [
            ("Name", "bee"),
            ("Events", "[ticket.label_added, ticket.stage_changed]"),
            ("Causes", "[webhook, reconciler, quiet_period]"),
            ("QuietPeriod", "5m"),
            ("Collect", "none"),
            ("Schedule", ""),
        ];
        let own = |(key, value): (&str, &str)| {
            let own = changes.iter().find(|(other, _)| *other == key);
            (key.to_owned(), own.map_or(value, |(_, value)| *value).to_owned())
        };
        let columns = columns.map(own).into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Row { id: "Bee".to_owned(), columns }.until()
    }

    #[test]
    fn a_quiet_period_is_one_that_can_end_and_that_the_handler_hears() {
        assert_eq!(bee(&[]), Ok(Some(Until::QuietPeriod("5m".parse().unwrap()))));
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
    fn a_list_ends_at_a_time_in_a_zone_and_its_handler_hears_it() {
        let collects =
            |text| [("QuietPeriod", "none"), ("Causes", "[webhook, collection]"), ("Collect", text)];
        let text = "owner 17:00 Australia/Sydney";
        assert_eq!(bee(&collects(text)), Ok(Some(Until::Collect(text.parse().unwrap()))));
        for (changes, says) in [
            (collects("owner 17:00"), "a zone of Australia or New Zealand"),
            (collects("17:00 Australia/Sydney"), "expected `owner` or `organisation`"),
            (collects(""), "it has no Collect"),
            (
                [("QuietPeriod", "none"), ("Causes", "[webhook]"), ("Collect", text)],
                "collection is to be among",
            ),
            ([("Causes", "[quiet_period, collection]"), ("Collect", text), ("", "")], "make two entries"),
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
                assert!(row.until().is_ok(), "{table}: {}: {:?}", row.id, row.until());
            }
        }
    }
}
