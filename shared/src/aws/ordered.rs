//! Batch requests that keep the order of each message group. A batch request can fail entry by entry, so it has at most one entry of
//! a group: a group's next entry is sent after the one before it was accepted.

use crate::aws::batching::batches;
use futures::{StreamExt as _, stream};
use std::collections::{BTreeMap, VecDeque};

/// Requests that are in flight at the same time.
const MAX_CONCURRENT_REQUESTS: usize = 8;

/// What a batch request may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

/// An entry to send.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// The group whose order it keeps; none for an entry that needs no order.
    pub(crate) group: Option<String>,
    /// Its size in bytes.
    pub(crate) size: usize,
    /// What is sent.
    pub(crate) content: T,
}

/// Sends all entries with `send`, which returns one result for each entry of a request. One result for each entry, in their order.
/// What follows a failed entry in its group is not sent, and fails with the same error.
pub(crate) async fn send_in_order<T, E: Clone, F: Future<Output = Vec<Result<(), E>>>>(
    entries: Vec<Entry<T>>,
    limits: BatchLimits,
    send: impl Fn(Vec<T>) -> F,
) -> Vec<Result<(), E>> {
    let mut results: Vec<Option<Result<(), E>>> = entries.iter().map(|_| None).collect();
    let mut groups: BTreeMap<Option<String>, VecDeque<(usize, Entry<T>)>> = BTreeMap::new();
    for (position, entry) in entries.into_iter().enumerate() {
        groups.entry(entry.group.clone()).or_default().push_back((position, entry));
    }
    let mut set = |position: usize, result| {
        if let Some(slot) = results.get_mut(position) {
            *slot = Some(result);
        }
    };
    loop {
        let round: Vec<(usize, Entry<T>)> = next_round(&mut groups);
        if round.is_empty() {
            break;
        }
        let requests = batches(round, limits.entries, limits.bytes, |(_, entry)| entry.size);
        let (keys, requests): (Vec<Vec<_>>, Vec<F>) = requests
            .into_iter()
            .map(|request| {
                let parts =
                    request.into_iter().map(|(position, entry)| ((position, entry.group), entry.content));
                let (keys, contents): (Vec<_>, Vec<T>) = parts.unzip();
                (keys, send(contents))
            })
            .unzip();
        let responses: Vec<_> = stream::iter(requests).buffered(MAX_CONCURRENT_REQUESTS).collect().await;
        let answered =
            keys.into_iter().zip(responses).flat_map(|(keys, results)| keys.into_iter().zip(results));
        for ((position, group), result) in answered {
            if let (Err(error), Some(_)) = (&result, &group) {
                for (later, _) in groups.remove(&group).unwrap_or_default() {
                    set(later, Err(error.clone()));
                }
            }
            set(position, result);
        }
    }
    results.into_iter().flatten().collect()
}

/// The first entry of each group, and every entry that needs no order.
fn next_round<T>(
    groups: &mut BTreeMap<Option<String>, VecDeque<(usize, Entry<T>)>>,
) -> Vec<(usize, Entry<T>)> {
    let mut round: Vec<_> = groups.remove(&None).unwrap_or_default().into();
    round.extend(groups.values_mut().filter_map(VecDeque::pop_front));
    groups.retain(|_, waiting| !waiting.is_empty());
    round.sort_by_key(|(position, _)| *position);
    round
}

/// Sets the result of the entry with this id, which is its position in the request. An id that is not of the request is ignored.
pub(crate) fn set_result<E>(results: &mut [Result<(), E>], id: &str, result: Result<(), E>) {
    if let Some(slot) = id.parse::<usize>().ok().and_then(|position| results.get_mut(position)) {
        *slot = result;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    const LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: 1_000 };

    fn entry(group: Option<u8>, content: usize, size: usize) -> Entry<(Option<u8>, usize)> {
        Entry { group: group.map(|group| group.to_string()), size, content: (group, content) }
    }

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    proptest! {
        /// B2 and B3 of the AWS facts: entries of a batch fail one by one.
        #[test]
        fn a_request_has_one_entry_of_a_group_and_a_group_stops_at_its_first_failure(
            groups in proptest::collection::vec((proptest::option::weighted(0.9, 0..6_u8), 1..400_usize), 0..60),
            failing in proptest::collection::btree_set(0..60_usize, 0..6),
        ) {
            let entries = groups.iter().enumerate().map(|(number, (group, size))| entry(*group, number, *size));
            let accepted: RefCell<Vec<(Option<u8>, usize)>> = RefCell::default();
            let results = run(send_in_order(entries.collect(), LIMITS, |request: Vec<(Option<u8>, usize)>| {
                let named: Vec<u8> = request.iter().filter_map(|(group, _)| *group).collect();
                assert_eq!(named.len(), named.iter().collect::<BTreeSet<_>>().len(), "two of a group");
                assert!(request.len() <= LIMITS.entries);
                let results = request.into_iter().map(|(group, number)| {
                    if failing.contains(&number) { return Err(number) }
                    accepted.borrow_mut().push((group, number));
                    Ok(())
                });
                std::future::ready(results.collect())
            }));
            prop_assert_eq!(results.len(), groups.len());
            let accepted = accepted.into_inner();
            for (number, ((group, _), result)) in groups.iter().zip(&results).enumerate() {
                prop_assert_eq!(result.is_ok(), accepted.contains(&(*group, number)), "what is reported is so");
                let before = (0..=number).find(|before| {
                    failing.contains(before) && (*before == number || (group.is_some() && groups[*before].0 == *group))
                });
                prop_assert_eq!(result.as_ref().err(), before.as_ref(), "nothing is sent after a failure of its group");
            }
            for group in 0..6 {
                let own: Vec<usize> = accepted.iter().filter(|(of, _)| *of == Some(group)).map(|(_, number)| *number).collect();
                prop_assert!(own.is_sorted(), "{own:?}");
            }
        }

        #[test]
        fn entries_of_different_groups_share_requests(count in 0..100_u8) {
            let entries = (0..count).map(|number| entry(Some(number), 0, 1)).collect();
            let requests: RefCell<Vec<usize>> = RefCell::default();
            run(send_in_order(entries, LIMITS, |request: Vec<_>| {
                requests.borrow_mut().push(request.len());
                std::future::ready(request.into_iter().map(|_| Ok::<(), ()>(())).collect())
            }));
            prop_assert_eq!(requests.into_inner().len(), usize::from(count).div_ceil(10));
        }
    }
}
