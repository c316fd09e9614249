//! What is printed: tables for a person, JSON for a machine, and whether each bound holds.

use serde::Serialize;
use std::fmt::Write as _;

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The tables, in order.
    pub(crate) tables: Vec<Table>,
    /// What must hold.
    pub(crate) bounds: Vec<Bound>,
}

/// A table of figures.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// What it is about.
    pub(crate) title: String,
    /// The columns' names.
    pub(crate) columns: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What there is to know about it.
    pub(crate) note: String,
}

/// One figure, or a name.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// A name.
    Text(String),
    /// A figure.
    Number(f64),
}

/// What must hold.
#[derive(Debug, Serialize)]
pub(crate) struct Bound {
    /// Of what.
    pub(crate) what: String,
    /// What was measured.
    pub(crate) measured: f64,
    /// The most that it may be.
    pub(crate) most: f64,
    /// Of what both are numbers.
    pub(crate) unit: &'static str,
    /// Whether it is the same on every machine, so that a check may fail by it: a size or a count, no time.
    pub(crate) is_stable: bool,
    /// Whether it holds.
    pub(crate) holds: bool,
}

impl Bound {
    /// A bound on a time or a ratio of times.
    pub(crate) fn timed(what: impl Into<String>, measured: f64, most: f64, unit: &'static str) -> Self {
        Self { what: what.into(), measured, most, unit, is_stable: false, holds: measured <= most }
    }

    /// A bound on a size or a count.
    pub(crate) fn stable(what: impl Into<String>, measured: f64, most: f64, unit: &'static str) -> Self {
        Self { is_stable: true, ..Self::timed(what, measured, most, unit) }
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: &str, columns: &[&str], note: &str) -> Self {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new(), note: note.to_owned() }
    }

    /// Adds a row: its name and its figures.
    pub(crate) fn row(&mut self, name: impl Into<String>, metrics: impl IntoIterator<Item = f64>) {
        let mut row = vec![Cell::Text(name.into())];
        row.extend(metrics.into_iter().map(Cell::Number));
        self.rows.push(row);
    }

    fn print(&self, out: &mut String) {
        let texts: Vec<Vec<String>> = std::iter::once(self.columns.clone())
            .chain(self.rows.iter().map(|row| row.iter().map(shown).collect()))
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

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) if number.is_nan() => "–".to_owned(),
        Cell::Number(number) if number.fract() == 0.0 || number.abs() >= 1_000.0 => format!("{number:.0}"),
        Cell::Number(number) if number.abs() >= 10.0 => format!("{number:.1}"),
        Cell::Number(number) => format!("{number:.3}"),
    }
}

impl Report {
    /// As text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            table.print(&mut out);
        }
        let mut bounds = Table::new("bounds", &["", "measured", "at most", "unit", "holds"], "");
        for Bound { what, measured, most, unit, holds, .. } in &self.bounds {
            bounds.row(what.clone(), [*measured, *most]);
            if let Some(row) = bounds.rows.last_mut() {
                row.push(Cell::Text((*unit).to_owned()));
                row.push(Cell::Text((if *holds { "yes" } else { "NO" }).to_owned()));
            }
        }
        bounds.print(&mut out);
        out
    }

    /// Whether every bound holds that is to be judged: those that are the same on every machine, or all.
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
