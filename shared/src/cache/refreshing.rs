//! A cache that refreshes stale or rejected values, and serves stale ones while their source is down.
//!
//! A value is requested by one caller at a time: the others wait for that request and use its result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::MutexGuard;

/// The limits of a cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// While the source does not respond, a stale value is served for this much longer.
    pub(crate) grace: Duration,
    /// After a failed request, no request is made for this long, if there is a value to serve.
    pub(crate) pause: Duration,
    /// The maximum number of values. If there are more, all are dropped and requested again.
    pub(crate) most: usize,
}

/// A cache of values by name.
#[derive(Debug)]
pub(crate) struct RefreshingCache<T> {
    bounds: Bounds,
    cells: Mutex<HashMap<String, Arc<Cell<T>>>>,
}

type Cell<T> = tokio::sync::Mutex<State<T>>;

#[derive(Debug)]
struct State<T> {
    held: Option<Entry<T>>,
    /// The last request, if it failed.
    failed: Option<Instant>,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    since: Instant,
    keep_for: Duration,
}

/// A value, and whether it is fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cached<T> {
    /// The value.
    pub(crate) value: T,
    /// Whether it was requested just now, or was in the cache.
    pub(crate) freshness: Freshness,
}

/// How fresh a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Requested just now.
    Fetched,
    /// From the cache, and not stale.
    Cached,
    /// Stale, as the source does not respond; its age.
    Stale(Duration),
}

/// Why a request for a value failed.
#[derive(Debug)]
pub(crate) enum RefreshError<E> {
    /// The source does not respond: a cached value is served, within the limits.
    Unavailable(E),
    /// The source refused: a cached value is dropped.
    Rejected(E),
}

impl<T: Clone> RefreshingCache<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, cells: Mutex::default() }
    }

    /// The value of this name, younger than `at_most` and than its own limit. `ask` is called with whether there is a value to
    /// serve if it fails; it returns the value and how long to keep it.
    pub(crate) async fn get<E>(
        &self,
        name: &str,
        at_most: Duration,
        now: Instant,
        ask: impl AsyncFnOnce(bool) -> Result<(T, Duration), RefreshError<E>>,
    ) -> Result<Cached<T>, E> {
        let cell = self.cell(name);
        let state = cell.lock().await;
        self.get_locked(state, at_most, now, ask).await
    }

    /// A value that was requested after `now`: by another caller meanwhile, or by `ask`, at least `apart` after the last
    /// request.
    pub(crate) async fn renew<E>(
        &self,
        name: &str,
        apart: Duration,
        now: Instant,
        ask: impl AsyncFnOnce(bool) -> Result<(T, Duration), RefreshError<E>>,
    ) -> Result<Cached<T>, E> {
        let cell = self.cell(name);
        let state = cell.lock().await;
        match &state.held {
            Some(held) if held.since > now => {
                return Ok(Cached { value: held.value.clone(), freshness: Freshness::Cached });
            }
            Some(held) => wait(apart.saturating_sub(held.since.elapsed())).await,
            None => {}
        }
        self.get_locked(state, Duration::ZERO, Instant::now(), ask).await
    }

    async fn get_locked<E>(
        &self,
        mut cell: MutexGuard<'_, State<T>>,
        at_most: Duration,
        now: Instant,
        ask: impl AsyncFnOnce(bool) -> Result<(T, Duration), RefreshError<E>>,
    ) -> Result<Cached<T>, E> {
        let stale = match &cell.held {
            Some(held) => {
                let age = now.saturating_duration_since(held.since);
                let value = held.value.clone();
                if age < held.keep_for.min(at_most) {
                    return Ok(Cached { value, freshness: Freshness::Cached });
                }
                let freshness = if age < held.keep_for { Freshness::Cached } else { Freshness::Stale(age) };
                (age < held.keep_for.saturating_add(self.bounds.grace)).then_some(Cached { value, freshness })
            }
            None => None,
        };
        let is_pausing =
            cell.failed.is_some_and(|failed| now.saturating_duration_since(failed) < self.bounds.pause);
        match (stale, is_pausing) {
            (Some(stale), true) => Ok(stale),
            (stale, _) => match ask(stale.is_some()).await {
                Ok((value, keep_for)) => {
                    let held = Entry { value: value.clone(), since: now, keep_for };
                    *cell = State { held: Some(held), failed: None };
                    Ok(Cached { value, freshness: Freshness::Fetched })
                }
                Err(RefreshError::Unavailable(error)) => {
                    cell.failed = Some(now);
                    stale.ok_or(error)
                }
                Err(RefreshError::Rejected(error)) => {
                    *cell = State { held: None, failed: None };
                    Err(error)
                }
            },
        }
    }

    fn cell(&self, name: &str) -> Arc<Cell<T>> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() >= self.bounds.most && !cells.contains_key(name) {
            cells.clear();
        }
        let new = || Arc::new(Cell::new(State { held: None, failed: None }));
        Arc::clone(cells.entry(name.to_owned()).or_insert_with(new))
    }
}

async fn wait(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the pause between requests after a rejection")]
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_mins(5);
    const SECOND: Duration = Duration::from_secs(1);
    const BOUNDS: Bounds = Bounds { grace: Duration::from_hours(1), pause: Duration::from_secs(15), most: 2 };

    /// The value at `now`, if requesting it has this result; and whether it was requested.
    async fn got(
        fresh: &RefreshingCache<u8>,
        at_most: Duration,
        now: Instant,
        answer: Result<u8, RefreshError<()>>,
    ) -> (Result<u8, ()>, bool) {
        let mut asked = false;
        let result = fresh.get("x", at_most, now, async |_| {
            asked = true;
            answer.map(|value| (value, KEEP))
        });
        let result = result.await.map(|got| got.value);
        (result, asked)
    }

    #[tokio::test]
    async fn a_value_is_asked_for_once_until_it_is_too_old() {
        let (fresh, start) = (RefreshingCache::new(BOUNDS), Instant::now());
        assert_eq!(got(&fresh, KEEP, start, Ok(1)).await, (Ok(1), true));
        assert_eq!(
            got(&fresh, KEEP, (start + KEEP).checked_sub(SECOND).unwrap(), Ok(2)).await,
            (Ok(1), false)
        );
        assert_eq!(got(&fresh, KEEP, start + KEEP, Ok(2)).await, (Ok(2), true));
    }

    #[tokio::test]
    async fn a_refused_value_is_asked_for_anew_but_once_a_second() {
        let (fresh, start) = (RefreshingCache::new(BOUNDS), Instant::now());
        got(&fresh, KEEP, start, Ok(1)).await.0.unwrap();
        assert_eq!(got(&fresh, SECOND, start + SECOND / 2, Ok(2)).await, (Ok(1), false));
        assert_eq!(got(&fresh, SECOND, start + SECOND, Ok(2)).await, (Ok(2), true));
        assert_eq!(got(&fresh, SECOND, start + SECOND, Ok(3)).await, (Ok(2), false));
    }

    #[tokio::test]
    async fn an_outage_is_bridged_within_a_bound_and_not_hammered() {
        let (fresh, start) = (RefreshingCache::new(BOUNDS), Instant::now());
        got(&fresh, KEEP, start, Ok(1)).await.0.unwrap();
        let outage = || Err(RefreshError::Unavailable(()));
        assert_eq!(got(&fresh, KEEP, start + KEEP, outage()).await, (Ok(1), true));
        assert_eq!(got(&fresh, KEEP, start + KEEP + SECOND, outage()).await, (Ok(1), false), "it pauses");
        assert_eq!(got(&fresh, KEEP, start + KEEP + BOUNDS.pause, outage()).await, (Ok(1), true));
        assert_eq!(got(&fresh, KEEP, start + KEEP + BOUNDS.grace, outage()).await, (Err(()), true));
        assert_eq!(got(&fresh, KEEP, start + KEEP + BOUNDS.grace, Ok(2)).await, (Ok(2), true));
    }

    #[tokio::test]
    async fn a_refusal_is_believed_at_once() {
        let (fresh, start) = (RefreshingCache::new(BOUNDS), Instant::now());
        got(&fresh, KEEP, start, Ok(1)).await.0.unwrap();
        assert_eq!(got(&fresh, KEEP, start + KEEP, Err(RefreshError::Rejected(()))).await, (Err(()), true));
        assert_eq!(
            got(&fresh, KEEP, start + KEEP, Err(RefreshError::Unavailable(()))).await,
            (Err(()), true)
        );
    }

    #[tokio::test]
    async fn a_stale_value_says_so() {
        let (fresh, start) = (RefreshingCache::new(BOUNDS), Instant::now());
        got(&fresh, KEEP, start, Ok(1)).await.0.unwrap();
        let stale = fresh.get("x", KEEP, start + KEEP, async |has_other| {
            assert!(has_other);
            Err(RefreshError::Unavailable(()))
        });
        assert_eq!(stale.await.unwrap().freshness, Freshness::Stale(KEEP));
    }

    #[tokio::test]
    async fn many_at_once_ask_once() {
        let (fresh, now) = (RefreshingCache::new(BOUNDS), Instant::now());
        let asked = std::cell::Cell::new(0);
        let one = async || {
            let ask = async |_: bool| {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, RefreshError<()>>((1, KEEP))
            };
            fresh.get("x", KEEP, now, ask).await.unwrap().value
        };
        assert_eq!(futures::join!(one(), one(), one()), (1, 1, 1));
        assert_eq!(asked.get(), 1);
    }

    #[tokio::test]
    async fn renewals_are_apart_and_shared_by_those_who_wait() {
        let (fresh, start) = (RefreshingCache::new(BOUNDS), Instant::now());
        got(&fresh, KEEP, start, Ok(1)).await.0.unwrap();
        let apart = Duration::from_millis(50);
        let asked = std::cell::Cell::new(1);
        let one = async || {
            let ask = async |_: bool| {
                asked.set(asked.get() + 1);
                Ok::<_, RefreshError<()>>((asked.get(), KEEP))
            };
            fresh.renew("x", apart, Instant::now(), ask).await.unwrap().value
        };
        assert_eq!(futures::join!(one(), one(), one()), (2, 2, 2));
        assert!(start.elapsed() >= apart);
    }

    #[tokio::test]
    async fn it_keeps_a_bounded_number() {
        let fresh: RefreshingCache<u8> = RefreshingCache::new(BOUNDS);
        for name in ["a", "b", "c"] {
            fresh
                .get(name, KEEP, Instant::now(), async |_| Ok::<_, RefreshError<()>>((1, KEEP)))
                .await
                .unwrap();
        }
        assert!(fresh.cells.lock().unwrap().len() <= 2);
    }
}
