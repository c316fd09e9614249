//! Small charts of a series, as the points of a line in SVG.

use crate::commands::status::Series;
use std::fmt::Write as _;

/// The size of the drawing, in its own units; the style sheet scales it.
const WIDTH: u64 = 240;
const HEIGHT: u64 = 48;
/// Above the line and below it.
const MARGIN: u64 = 2;

/// A line, and what it says in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    /// For those who do not see it.
    pub(super) label: String,
    /// `x,y` with spaces between.
    pub(super) points: String,
}

impl Chart {
    /// Of the last day; none if there is nothing in it.
    pub(super) fn of(what: &str, series: &Series) -> Option<Self> {
        let most = series.iter().copied().max().filter(|most| *most > 0)?;
        let last = u64::try_from(series.len()).ok()?.checked_sub(1).filter(|last| *last > 0)?;
        let mut points = String::new();
        for (index, value) in (0_u64..).zip(series) {
            let x = index.saturating_mul(WIDTH).checked_div(last).unwrap_or_default();
            // `u128`, as a value may be any number.
            let height = HEIGHT.saturating_sub(MARGIN.saturating_mul(2));
            let y = u128::from(*value).saturating_mul(u128::from(height)).checked_div(u128::from(most));
            let y = y.and_then(|y| u64::try_from(y).ok()).unwrap_or_default();
            let y = HEIGHT.saturating_sub(MARGIN).saturating_sub(y);
            let _ = write!(points, "{x},{y} ");
        }
        let all: u64 = series.iter().fold(0, |all, value| all.saturating_add(*value));
        let label = format!("{what} in the last day: {all}, at most {most} in half an hour");
        Some(Self { label, points: points.trim_end().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_within_its_drawing_and_says_what_it_shows() {
        let chart = Chart::of("hints", &vec![0, 5, 10]).unwrap();
        assert_eq!(chart.points, "0,46 120,24 240,2");
        assert_eq!(chart.label, "hints in the last day: 15, at most 10 in half an hour");
        for nothing in [vec![], vec![7], vec![0, 0]] {
            assert_eq!(Chart::of("hints", &nothing), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_series_stays_within_its_drawing(series in proptest::collection::vec(proptest::prelude::any::<u64>(), 0..60)) {
            let Some(chart) = Chart::of("x", &series) else { return Ok(()) };
            for point in chart.points.split(' ') {
                let (x, y) = point.split_once(',').unwrap();
                proptest::prop_assert!(x.parse::<u64>().unwrap() <= WIDTH && y.parse::<u64>().unwrap() <= HEIGHT);
            }
        }
    }
}
