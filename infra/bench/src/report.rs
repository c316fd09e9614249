//! The report: tables as text or JSON, and whether each bound holds.

use crate::bounds::Limit;
use serde::Serialize;
use std::fmt::Write as _;

/// All results.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The tables, in order.
    pub(crate) tables: Vec<Table>,
    /// The bounds.
    pub(crate) bounds: Vec<Bound>,
}

/// A table of measurements.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// The title.
    pub(crate) title: String,
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Conditions of the measurement.
    pub(crate) note: String,
}

/// A cell of a table.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// A name or unit.
    Text(String),
    /// A measurement.
    Number(f64),
}

/// A limit with what was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Bound {
    /// What is measured.
    pub(crate) name: String,
    /// The measurement.
    pub(crate) measured: f64,
    /// The largest allowed value.
    pub(crate) limit: f64,
    /// What the limit is to come down to.
    pub(crate) target: f64,
    /// The unit of all three.
    pub(crate) unit: &'static str,
    /// Whether it is the same on every machine (a size or a count, not a time), so that `--short` fails if it does not hold.
    pub(crate) is_stable: bool,
    /// Whether it holds.
    pub(crate) holds: bool,
    #[serde(skip)]
    of: &'static Limit,
}

impl Bound {
    /// The limit, of one function if it is one on several, with what was measured.
    pub(crate) fn new(of: &'static Limit, function: Option<&str>, measured: f64) -> Self {
        let Limit { name, at_most, target, unit, is_stable, .. } = of;
        // Of a limit on this function alone, the name has it already.
        let function = function.filter(|function| !name.ends_with(function));
        let name = function.map_or_else(|| (*name).to_owned(), |function| format!("{name}: {function}"));
        // What is not a number was not measured. A sum of shares may be off in its last digit.
        let holds = measured <= *at_most * (1.0 + 1e-9);
        Self { name, measured, limit: *at_most, target: *target, unit, is_stable: *is_stable, holds, of }
    }

    /// Whether it is a measurement of this limit.
    pub(crate) fn is_of(&self, limit: &Limit) -> bool {
        std::ptr::eq(self.of, limit)
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: &str, columns: &[&str], note: &str) -> Self {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new(), note: note.to_owned() }
    }

    /// Adds a row: its name and its measurements.
    pub(crate) fn row(&mut self, name: impl Into<String>, metrics: impl IntoIterator<Item = f64>) {
        let mut row = vec![Cell::Text(name.into())];
        row.extend(metrics.into_iter().map(Cell::Number));
        self.rows.push(row);
    }

    fn print(&self, out: &mut String) {
        let texts: Vec<Vec<String>> = std::iter::once(self.columns.clone())
            .chain(self.rows.iter().map(|row| row.iter().map(format_cell).collect()))
            .collect();
        let width = |column: usize| {
            texts.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..self.columns.len()).map(|column| width(column).unwrap_or_default()).collect();
        let _ = writeln!(out, "\n{}", self.title);
        for row in &texts {
            let mut line = String::from(" ");
            for (position, (text, width)) in row.iter().zip(&widths).enumerate() {
                let _ = if position == 0 {
                    write!(line, " {text:width$}")
                } else {
                    write!(line, "  {text:>width$}")
                };
            }
            let _ = writeln!(out, "{line}");
        }
        if !self.note.is_empty() {
            let _ = writeln!(out, "  {}", self.note);
        }
    }
}

fn format_cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) if number.is_nan() => "–".to_owned(),
        Cell::Number(number) if number.fract() == 0.0 || number.abs() >= 1_000.0 => format!("{number:.0}"),
        Cell::Number(number) if number.abs() >= 10.0 => format!("{number:.1}"),
        Cell::Number(number) => format!("{number:.3}"),
    }
}

impl Report {
    /// The report as text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            table.print(&mut out);
        }
        let columns = ["", "measured", "limit", "unit", "holds", "to become"];
        let mut bounds = Table::new("bounds", &columns, "");
        for Bound { name, measured, limit, target, unit, holds, .. } in &self.bounds {
            bounds.row(name.clone(), [*measured, *limit]);
            if let Some(row) = bounds.rows.last_mut() {
                row.push(Cell::Text((*unit).to_owned()));
                row.push(Cell::Text((if *holds { "yes" } else { "NO" }).to_owned()));
                row.push(Cell::Number(if target < limit { *target } else { f64::NAN }));
            }
        }
        bounds.print(&mut out);
        out
    }

    /// Whether all bounds hold, or all stable ones.
    pub(crate) fn holds(&self, only_stable: bool) -> bool {
        self.bounds.iter().filter(|bound| bound.is_stable || !only_stable).all(|bound| bound.holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds;

    #[test]
    fn the_short_form_fails_by_counts_and_not_by_times() {
        let slow = bounds::GROWTH.measured(3.0);
        let mut report = Report { bounds: vec![slow], ..Report::default() };
        assert!(report.holds(true) && !report.holds(false));
        report.bounds.push(bounds::REQUESTS_TEN.measured(1.0));
        assert!(report.holds(true));
        report.bounds.push(bounds::ZIPPED.of("reconciler", 5.1));
        assert!(!report.holds(true));
        assert!(
            report.text().contains("NO") && report.text().contains("zipped: any other function: reconciler")
        );
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        assert!(!bounds::GROWTH.measured(f64::NAN).holds);
        let calls = &bounds::ACTION_CALLS;
        assert!(
            calls.measured(calls.at_most * (1.0 + 1e-12)).holds
                && !calls.measured(calls.at_most * 1.001).holds
        );
    }
}
