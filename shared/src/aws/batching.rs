//! Things in order, in as few packs as a service's limits allow.

/// Packs of at most `most` things and at most `largest` bytes, by `size`; a thing larger than that stands alone, for
/// the service to refuse.
pub(crate) fn packs<T>(
    things: impl IntoIterator<Item = T>,
    most: usize,
    largest: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<Vec<T>> {
    let mut packs: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0_usize;
    for thing in things {
        let own = size(&thing);
        match packs.last_mut() {
            Some(pack) if pack.len() < most && bytes.saturating_add(own) <= largest => {
                bytes = bytes.saturating_add(own);
                pack.push(thing);
            }
            _ => {
                bytes = own;
                packs.push(vec![thing]);
            }
        }
    }
    packs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packs_keep_order_and_every_limit(sizes in proptest::collection::vec(0..=100_usize, 0..60)) {
            let packs = packs(sizes.clone(), 10, 100, |size| *size);
            for pack in &packs {
                prop_assert!(!pack.is_empty() && pack.len() <= 10);
                prop_assert!(pack.iter().sum::<usize>() <= 100);
            }
            prop_assert_eq!(packs.concat(), sizes);
        }
    }

    #[test]
    fn a_thing_above_the_limit_stands_alone() {
        assert_eq!(packs([3, 9, 2], 10, 8, |size| *size), [vec![3], vec![9], vec![2]]);
    }
}
