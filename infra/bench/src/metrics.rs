//! Small sums over measurements.

use std::time::Duration;

/// A duration in milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The value below which this share of the values lies; the middle one for 0.5.
pub(crate) fn at(share: f64, values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = number(sorted.len().saturating_sub(1));
    // A share of an index is one.
    let place = (0..sorted.len()).find(|place| number(*place) >= (last * share).round());
    place.and_then(|place| sorted.get(place)).copied().unwrap_or(f64::NAN)
}

/// A count as a number to divide by.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// The same for a large one.
pub(crate) fn large(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_end_of_an_unsorted_list() {
        let values = [9.0, 1.0, 5.0];
        assert_eq!((at(0.5, &values), at(0.0, &values), at(0.99, &values)), (5.0, 1.0, 9.0));
        assert!(at(0.5, &[]).is_nan());
    }
}
