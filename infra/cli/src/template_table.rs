//! The table of handlers in template.yaml and the loop's list, edited as text: the rest of the file stays byte for byte.

use crate::exit_code::Usage;
use crate::filter_policy::FilterPolicy;
use crate::nearest::nearest;
use crate::template_schedules;
use anyhow::{Context as _, Result, bail};
use automations::model::schedule::Schedule;
use std::ops::Range;

const TABLE: &str = "  Handler:";
const LOOP: &str = "  Fn::ForEach::Handlers:";
const LIST: &str = "    - [";

/// A handler's entry in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name in the loop, such as `LabelOnNewTicket`.
    pub id: String,
    /// Its keys and values as they are written, in order.
    pub columns: Vec<(String, String)>,
}

impl Row {
    /// A value as it is written.
    pub fn column(&self, name: &str) -> Option<&str> {
        self.columns.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A value that is text, without its quotes.
    pub fn text(&self, name: &str) -> Option<String> {
        let written = self.column(name)?;
        let quoted = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        Some(quoted.map_or_else(|| written.trim_matches('"').to_owned(), |text| text.replace("''", "'")))
    }

    /// A value that is a list.
    pub fn list(&self, name: &str) -> Vec<String> {
        let inner =
            self.column(name).and_then(|text| text.strip_prefix('[')).and_then(|text| text.strip_suffix(']'));
        inner.map(|inner| inner.split(',').map(|part| part.trim().to_owned()).collect()).unwrap_or_default()
    }

    /// Its subscription's filter policy, as the loop makes it from the entry.
    pub fn filter_policy(&self) -> String {
        let all = |column| self.list(column).join("\", \"");
        let (events, causes, filter) =
            (all("Events"), all("Causes"), self.text("Filter").unwrap_or_default());
        format!(r#"{{"type": ["{events}"], "cause": {{"by": ["{causes}"]}}, {filter}}}"#)
    }

    /// The same, parsed, so that SNS accepts it.
    ///
    /// # Errors
    /// [`Usage`] with the handler's name and what is wrong.
    pub fn subscription(&self) -> Result<FilterPolicy> {
        let name = self.text("Name").unwrap_or_else(|| self.id.clone());
        let invalid = |error| Usage(format!("the filter of {name} in template.yaml: {error}"));
        Ok(FilterPolicy::parse(&self.filter_policy()).map_err(invalid)?)
    }

    /// Its schedule, if it has one.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn schedule(&self) -> Result<Option<Schedule>, String> {
        let Some(expression) = self.text("Schedule") else {
            let alone = self
                .column("ScheduleTimezone")
                .map(|_| "it has a ScheduleTimezone and no Schedule".to_owned());
            return alone.map_or(Ok(None), Err);
        };
        let expression = expression.parse().map_err(|error| format!("Schedule {expression:?}: {error}"))?;
        let zone = self.text("ScheduleTimezone").ok_or("it has a Schedule and no ScheduleTimezone")?;
        let zone = zone.parse().map_err(|_unknown| {
            format!("ScheduleTimezone {zone:?} is none of Australia or New Zealand, such as Australia/Sydney")
        })?;
        let (kind, name) =
            (format!("clock.{}", self.text("Name").unwrap_or_default()), "schedule".to_owned());
        if !self.list("Events").contains(&kind) || !self.list("Causes").contains(&name) {
            return Err(format!(
                "it has a Schedule, so {kind} is to be among its Events, and schedule among its Causes"
            ));
        }
        Ok(Some(Schedule { expression, zone }))
    }

    fn written(&self) -> String {
        let columns = self.columns.iter().map(|(key, value)| format!("      {key}: {value}\n"));
        format!("    {}:\n{}", self.id, columns.collect::<String>())
    }
}

/// The handlers in the table, in its order.
///
/// # Errors
/// If the template has no table of handlers.
pub fn rows(template: &str) -> Result<Vec<Row>> {
    let lines: Vec<&str> = template.split_inclusive('\n').collect();
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.get(table(&lines)?).unwrap_or_default() {
        if let Some(id) = id_of(line) {
            rows.push(Row { id: id.to_owned(), columns: Vec::new() });
        } else if let (Some(row), Some((key, value))) = (rows.last_mut(), line.trim().split_once(": ")) {
            row.columns.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(rows)
}

/// The entry of the handler with this `Name`.
///
/// # Errors
/// [`Usage`], with the names that there are, if the table has none.
pub fn row(template: &str, name: &str) -> Result<Row> {
    let rows = rows(template)?;
    let names: Vec<_> = rows.iter().filter_map(|row| row.text("Name")).collect();
    let missing = || {
        let nearest = nearest(name, names.iter().map(String::as_str));
        let nearest = nearest.map(|nearest| format!("the nearest is {nearest}; ")).unwrap_or_default();
        Usage(format!("there is no handler {name} in template.yaml; {nearest}there are {}", names.join(", ")))
    };
    let row = rows.iter().find(|row| row.text("Name").as_deref() == Some(name));
    Ok(row.cloned().ok_or_else(missing)?)
}

/// The template with one more handler, at its alphabetical position in the table and in the loop.
///
/// # Errors
/// If the handler exists already, or the template has no table or no loop.
pub fn with(template: &str, row: &Row) -> Result<String> {
    if rows(template)?.iter().any(|other| other.id == row.id) {
        bail!("template.yaml has {} already", row.id);
    }
    let mut lines: Vec<&str> = template.split_inclusive('\n').collect();
    let table = table(&lines)?;
    let is_after = |line: &&str| id_of(line).is_some_and(|id| id > row.id.as_str());
    let inside = lines.get(table.clone()).unwrap_or_default();
    let place = inside.iter().position(is_after).map_or(inside.len(), |after| {
        // A comment above an entry belongs to it.
        let before = inside.get(..after).unwrap_or_default();
        before.iter().rposition(|line| !line.trim().starts_with('#')).map_or(0, |last| last.saturating_add(1))
    });
    let written = row.written();
    lines.insert(table.start.saturating_add(place), &written);
    let mut template = lines.concat();
    if row.column("Schedule").is_some() {
        template = template_schedules::with(&template, &row.id)?;
    }
    in_list(&template, |names| listed(names, &row.id))
}

/// The template without a handler.
///
/// # Errors
/// If there is no such handler, or the template has no table or no loop.
pub fn without(template: &str, id: &str) -> Result<String> {
    let mut lines: Vec<&str> = template.split_inclusive('\n').collect();
    let table = table(&lines)?;
    let inside = lines.get(table.clone()).unwrap_or_default();
    let first = inside.iter().position(|line| id_of(line) == Some(id));
    let first = first.with_context(|| format!("template.yaml has no handler {id}"))?;
    let own = inside.iter().skip(first).skip(1).take_while(|line| line.starts_with("      ")).count();
    let first = table.start.saturating_add(first);
    lines.drain(first..=first.saturating_add(own));
    in_list(&template_schedules::without(&lines.concat(), id), |names| Ok(unlisted(names, id)))
}

/// The lines of the table, without its head and what is below it.
fn table(lines: &[&str]) -> Result<Range<usize>> {
    let head = lines.iter().position(|line| line.trim_end() == TABLE);
    let start = head.context("template.yaml has no table of handlers, `Handler:`")?.saturating_add(1);
    let inside: Vec<_> = lines
        .iter()
        .skip(start)
        .take_while(|line| line.trim().is_empty() || line.starts_with("    "))
        .collect();
    let length =
        inside.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last.saturating_add(1));
    Ok(start..start.saturating_add(length))
}

fn id_of(line: &str) -> Option<&str> {
    let id = line.strip_prefix("    ")?.trim_end().strip_suffix(':')?;
    id.chars().all(|character| character.is_ascii_alphanumeric()).then_some(id)
}

/// The template with the names between the brackets of the loop's list changed.
fn in_list(template: &str, change: impl FnOnce(&str) -> Result<String>) -> Result<String> {
    let missing = "template.yaml has no loop `Fn::ForEach::Handlers` with its list on one line";
    let (_, after) = template.split_once(&format!("\n{LOOP}\n")).context(missing)?;
    let (_, after) = after.split_once(LIST).context(missing)?;
    let names = after.split_once(']').map(|(names, _)| names).context(missing)?;
    if names.contains('\n') {
        bail!(missing);
    }
    let start = template.len().saturating_sub(after.len());
    let (before, after) = template.split_at(start);
    Ok(format!("{before}{}{}", change(names)?, after.get(names.len()..).unwrap_or_default()))
}

fn listed(names: &str, id: &str) -> Result<String> {
    if names.trim().is_empty() {
        return Ok(format!("{names}{id}"));
    }
    let Some(after) = names.split(',').map(str::trim).find(|name| *name > id) else {
        return Ok(format!("{names}, {id}"));
    };
    let place = places(names, after).next().context("a name that was just found")?;
    let (before, rest) = names.split_at(place);
    Ok(format!("{before}{id}, {rest}"))
}

fn unlisted(names: &str, id: &str) -> String {
    let Some(place) = places(names, id).next() else { return names.to_owned() };
    let (before, rest) = names.split_at(place);
    let rest = rest.get(id.len()..).unwrap_or_default();
    match rest.strip_prefix(", ") {
        Some(rest) => format!("{before}{rest}"),
        None => format!("{}{rest}", before.strip_suffix(", ").unwrap_or(before)),
    }
}

/// The positions of a name as a whole.
fn places<'a>(names: &'a str, id: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_edge =
        |character: Option<char>| character.is_none_or(|character| !character.is_ascii_alphanumeric());
    names.match_indices(id).map(|(place, _)| place).filter(move |place| {
        let (before, rest) = names.split_at(*place);
        is_edge(before.chars().next_back())
            && is_edge(rest.get(id.len()..).and_then(|rest| rest.chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEMPLATE: &str = "\
# kept
Mappings:
  Handler:
    # of B
    Bee: # by hand
      Name: bee
    Dee:
      Name: dee # kept too
      Events: [ticket.created, ticket.renamed]
      Settings: '{\"it''s\": 1}'

Resources:
  Fn::ForEach::Handlers:
    - Name
    - [Bee,  Dee] # kept
";

    fn row(id: &str) -> Row {
        Row { id: id.to_owned(), columns: vec![("Name".to_owned(), id.to_lowercase())] }
    }

    #[test]
    fn a_row_goes_to_its_place_and_nothing_else_moves() {
        let template = TEMPLATE.replace("Bee: # by hand", "Bee:");
        let first = with(&template, &row("Ant")).unwrap();
        assert!(first.contains("  Handler:\n    Ant:\n      Name: ant\n    # of B\n    Bee:\n"), "{first}");
        assert!(first.contains("- [Ant, Bee,  Dee] # kept\n"), "{first}");
        let between = with(&template, &row("Cow")).unwrap();
        assert!(between.contains("      Name: bee\n    Cow:\n      Name: cow\n    Dee:\n"), "{between}");
        assert!(between.contains("- [Bee,  Cow, Dee] # kept\n"), "{between}");
        let last = with(&template, &row("Eel")).unwrap();
        assert!(last.contains("1}'\n    Eel:\n      Name: eel\n\nResources"), "{last}");
    }

    #[test]
    fn columns_are_read_as_they_are_meant() {
        let rows = rows(TEMPLATE).unwrap();
        let dee = rows.iter().find(|row| row.id == "Dee").unwrap();
        assert_eq!(dee.list("Events"), ["ticket.created", "ticket.renamed"]);
        assert_eq!(dee.text("Settings").unwrap(), "{\"it's\": 1}");
    }

    /// The limits of filter policies are those of SNS, which refuses the deployment otherwise.
    #[test]
    fn sns_accepts_the_filter_of_every_entry() {
        for table in ["template.yaml", "tests/handlers.yaml"] {
            let path = format!("{}/../../{table}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            // The suite's table is two spaces less deep, and has no other line.
            let indented = format!("  {}", text.replace('\n', "\n  "));
            let rows = rows(if table == "template.yaml" { &text } else { &indented }).unwrap();
            assert!(rows.len() >= 4);
            for row in rows {
                row.subscription().unwrap();
            }
        }
    }

    #[test]
    fn a_filter_that_sns_would_refuse_is_refused_with_the_handlers_name() {
        let filter = r#"'"a": ["x"], "b": ["x"], "c": ["x"], "d": ["x"]'"#;
        let columns =
            [("Name", "bee"), ("Events", "[ticket.created]"), ("Causes", "[webhook]"), ("Filter", filter)];
        let columns = columns.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let error = Row { id: "Bee".to_owned(), columns }.subscription().unwrap_err().to_string();
        assert!(error.starts_with("the filter of bee in template.yaml: it has 6 keys"), "{error}");
    }

    #[test]
    fn a_schedule_is_one_that_aws_takes_and_that_the_handler_hears() {
        let bee = |changes: &[(&str, &str)]| {
            let columns = [
                ("Name", "bee"),
                ("Events", "[clock.bee]"),
                ("Causes", "[schedule]"),
                ("Schedule", "cron(0 8 ? * MON *)"),
                ("ScheduleTimezone", "Australia/Sydney"),
            ];
            let own = |(key, value): (&str, &str)| {
                let changed = changes.iter().find(|(other, _)| *other == key);
                (key.to_owned(), changed.map_or(value, |(_, value)| *value).to_owned())
            };
            let columns = columns.map(own).into_iter().filter(|(_, value)| !value.is_empty()).collect();
            Row { id: "Bee".to_owned(), columns }.schedule()
        };
        assert!(
            bee(&[])
                .unwrap()
                .is_some_and(|schedule| schedule.expression.to_string() == "cron(0 8 ? * MON *)")
        );
        assert_eq!(bee(&[("Schedule", ""), ("ScheduleTimezone", "")]), Ok(None));
        for (changed, says) in [
            (("Schedule", "cron(0 8 * * MON *)"), "day-of-week"),
            (("Schedule", ""), "no Schedule"),
            (("ScheduleTimezone", ""), "no ScheduleTimezone"),
            (("ScheduleTimezone", "Europe/London"), "Australia/Sydney"),
            (("Events", "[clock.ant]"), "clock.bee is to be among its Events"),
            (("Causes", "[webhook]"), "schedule among its Causes"),
        ] {
            let error = bee(&[changed]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let template = include_str!("../../../template.yaml");
        let error = super::row(template, "owner-on-new-tickets").unwrap_err().to_string();
        assert!(
            error.contains("the nearest is owner-on-new-ticket; there are digest-of-stalled-tickets"),
            "{error}"
        );
        assert!(with(TEMPLATE, &row("Dee")).unwrap_err().to_string().contains("already"));
        assert!(without(TEMPLATE, "Cow").unwrap_err().to_string().contains("no handler Cow"));
        assert!(with("", &row("Dee")).unwrap_err().to_string().contains("no table"));
    }

    proptest! {
        #[test]
        fn new_then_remove_is_the_identity(there in proptest::collection::btree_set("[A-C][a-c]{0,2}", 0..5), new in "[A-C][a-c]{0,2}") {
            let mut template = TEMPLATE.replace("    Bee: # by hand\n      Name: bee\n", "").replace("[Bee,  Dee]", "[Dee]");
            for id in there.iter().filter(|id| **id != new) {
                template = with(&template, &row(id)).unwrap();
            }
            let more = with(&template, &row(&new)).unwrap();
            let ids: Vec<_> = rows(&more).unwrap().into_iter().map(|row| row.id).collect();
            prop_assert!(ids.is_sorted(), "{ids:?}");
            let list = format!("- [{}] # kept", ids.join(", "));
            prop_assert!(more.contains(&list), "{}", more);
            prop_assert_eq!(without(&more, &new).unwrap(), template);
        }
    }
}
