//! A handler's decision: from the event alone, or with data that it reads from Salestrekker.

use crate::aws::batch::MessageError;
use crate::clock::Timestamp;
use crate::handler::reading::{HandlerError, Reading};
use crate::model::action::Action;
use crate::model::event::Event;
use crate::salestrekker::Client;

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
}

impl<D> Reads<D> {
    /// This decision, with this client.
    pub fn new(decide: D, client: Client) -> Self {
        Self { decide, client: Some(client) }
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
        let session = self.client.as_ref().map(|client| client.session(&event.organisation, until));
        let reading = session.map_or_else(Reading::nothing, Reading::of);
        Ok((self.decide)(event, settings, &reading).await?)
    }
}
