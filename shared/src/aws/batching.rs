//! Splitting items into as few batches as a service's limits allow, in order.

/// Batches of at most `max_items` items and at most `max_bytes` bytes, by `size`. An item that is larger is a
/// batch of its own, and the service will reject it.
pub(crate) fn batches<T>(
    items: impl IntoIterator<Item = T>,
    max_items: usize,
    max_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0_usize;
    for item in items {
        let item_bytes = size(&item);
        match batches.last_mut() {
            Some(batch) if batch.len() < max_items && bytes.saturating_add(item_bytes) <= max_bytes => {
                bytes = bytes.saturating_add(item_bytes);
                batch.push(item);
            }
            _ => {
                bytes = item_bytes;
                batches.push(vec![item]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packs_keep_order_and_every_limit(sizes in proptest::collection::vec(0..=100_usize, 0..60)) {
            let batches = batches(sizes.clone(), 10, 100, |size| *size);
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= 10);
                prop_assert!(batch.iter().sum::<usize>() <= 100);
            }
            prop_assert_eq!(batches.concat(), sizes);
        }
    }

    #[test]
    fn a_thing_above_the_limit_stands_alone() {
        assert_eq!(batches([3, 9, 2], 10, 8, |size| *size), [vec![3], vec![9], vec![2]]);
    }
}
