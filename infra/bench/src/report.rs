//! The report: tables as text or JSON, and whether each bound holds.

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

/// A limit on a measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Bound {
    /// What is measured.
    pub(crate) name: String,
    /// The measurement.
    pub(crate) measured: f64,
    /// The largest allowed value.
    pub(crate) limit: f64,
    /// The unit of both.
    pub(crate) unit: &'static str,
    /// Whether it is the same on every machine (a size or a count, not a time), so that `--short` fails if it does not hold.
    pub(crate) is_stable: bool,
    /// Whether it holds.
    pub(crate) holds: bool,
}

impl Bound {
    /// A bound on a time or a ratio of times.
    pub(crate) fn timed(name: impl Into<String>, measured: f64, limit: f64, unit: &'static str) -> Self {
        Self { name: name.into(), measured, limit, unit, is_stable: false, holds: measured <= limit }
    }

    /// A bound on a size or a count.
    pub(crate) fn stable(name: impl Into<String>, measured: f64, limit: f64, unit: &'static str) -> Self {
        Self { is_stable: true, ..Self::timed(name, measured, limit, unit) }
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
        let mut bounds = Table::new("bounds", &["", "measured", "limit", "unit", "holds"], "");
        for Bound { name, measured, limit, unit, holds, .. } in &self.bounds {
            bounds.row(name.clone(), [*measured, *limit]);
            if let Some(row) = bounds.rows.last_mut() {
                row.push(Cell::Text((*unit).to_owned()));
                row.push(Cell::Text((if *holds { "yes" } else { "NO" }).to_owned()));
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

    #[test]
    fn the_short_form_fails_by_counts_and_not_by_times() {
        let slow = Bound::timed("a time", 3.0, 2.0, "ms");
        let mut report = Report { bounds: vec![slow], ..Report::default() };
        assert!(report.holds(true) && !report.holds(false));
        report.bounds.push(Bound::stable("a count", 5.0, 4.0, "calls"));
        assert!(!report.holds(true));
        assert!(report.text().contains("NO"));
    }
}
