//! A handler's decision: from the event alone, or with data that it reads from Salestrekker.

use crate::aws::batch::MessageError;
use crate::clock::Timestamp;
use crate::handler::reading::{HandlerError, Reading, Sources};
use crate::model::action::Action;
use crate::model::event::Event;
use crate::salestrekker::Client;
use crate::store::Store;
use tokio::sync::Mutex;

/// A handler: a pure function from an event and the handler's settings to actions. It has no credential, no client and no
/// clock.
pub type Decide<Settings> = fn(&Event, &Settings) -> Vec<Action>;

/// A decision: a pure function, or one that reads too.
#[expect(async_fn_in_trait, reason = "only this crate implements it, and no future is sent between threads")]
pub trait Decides<Settings> {
    /// The actions for one event, before the invocation's deadline.
    ///
    /// # Errors
    /// If it cannot decide now, or at all.
    async fn decide(
        &self,
        event: &Event,
        settings: &Settings,
        until: Timestamp,
    ) -> Result<Vec<Action>, MessageError>;
}

impl<Settings> Decides<Settings> for Decide<Settings> {
    async fn decide(
        &self,
        event: &Event,
        settings: &Settings,
        _: Timestamp,
    ) -> Result<Vec<Action>, MessageError> {
        Ok(self(event, settings))
    }
}

/// A decision that reads from Salestrekker.
#[derive(Debug)]
pub struct Reads<D> {
    pub(super) decide: D,
    /// None if there is no API to read from.
    pub(super) client: Option<Client>,
    /// None without a table to read from.
    pub(super) store: Option<Store>,
    /// Held while it decides on a firing of a schedule.
    pub(super) turn: Mutex<()>,
}

impl<D> Reads<D> {
    /// This decision, with this client.
    pub fn new(decide: D, client: Client) -> Self {
        Self { client: Some(client), ..Self::without_api(decide) }
    }

    /// This decision, without anything to read from.
    pub(super) fn without_api(decide: D) -> Self {
        Self { decide, client: None, store: None, turn: Mutex::default() }
    }

    /// The same, which lists the tickets in this table.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }
}

impl<Settings, D> Decides<Settings> for Reads<D>
where
    D: AsyncFn(&Event, &Settings, &Reading<'_>) -> Result<Vec<Action>, HandlerError>,
{
    async fn decide(
        &self,
        event: &Event,
        settings: &Settings,
        until: Timestamp,
    ) -> Result<Vec<Action>, MessageError> {
        // The firings of all organisations come at once. Side by side, their lists of tickets would share the processor, and none would be
        // done in time; one after the other, some are, and the others are retried.
        let _turn = if event.scheduled_at().is_some() { Some(self.turn.lock().await) } else { None };
        let organisation = &event.organisation;
        let sources = self.client.as_ref().map(|client| Sources {
            salestrekker: client.session(organisation, until),
            store: self.store.as_ref(),
            organisation,
            until,
        });
        let reading = sources.map_or_else(Reading::nothing, Reading::of);
        Ok((self.decide)(event, settings, &reading).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::testing::{fired, stage_changed};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    /// How many of two decisions were made at the same time, at most.
    async fn at_once(event: &Event) -> u32 {
        let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
        let reads = Reads::without_api(async |_: &Event, (): &(), _: &Reading<'_>| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst).saturating_add(1), Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(vec![])
        });
        let until = clock::now().later(Duration::from_secs(9));
        let (one, other) = futures::join!(reads.decide(event, &(), until), reads.decide(event, &(), until));
        assert!(one.is_ok() && other.is_ok());
        most.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn firings_are_decided_one_after_the_other_and_changes_side_by_side() {
        assert_eq!(at_once(&fired("digest", 0)).await, 1);
        assert_eq!(at_once(&stage_changed("Approved", "Settled")).await, 2);
    }
}
