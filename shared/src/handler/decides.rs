//! What a handler decides with: the event alone, or what it reads besides.

use super::{AnyError, Decide};
use crate::aws;
use crate::aws::batch::MessageError;
use crate::aws::secret::Secrets;
use crate::clock::Timestamp;
use crate::handler::reading::{HandlerError, Reading};
use crate::model::action::Action;
use crate::model::event::Event;
use crate::salestrekker::{Client, Limits};

/// What decides: a pure function, or one that reads too.
#[expect(async_fn_in_trait, reason = "nobody else implements it, and nothing here is sent between threads")]
pub trait Decides<Settings> {
    /// What to do about one event, before the invocation's deadline.
    ///
    /// # Errors
    /// Where it cannot decide now, or at all.
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
    /// None where there is no API to read from.
    pub(super) client: Option<Client>,
}

impl<D> Reads<D> {
    /// What decides so, by this client.
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

/// Where an organisation's secrets are, and what its API is granted.
pub(super) struct AwsContext {
    pub(super) config: aws_config::SdkConfig,
    pub(super) secrets: String,
    pub(super) limits: Limits,
}

impl AwsContext {
    pub(super) fn client(self) -> Result<Client, AnyError> {
        let Self { config, secrets, limits } = self;
        Ok(Client::new(Secrets::new(aws::secrets_manager(&config), secrets), limits)?)
    }
}
