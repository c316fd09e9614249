//! Requests in one organisation's name until a deadline: its token, its rate_limit, repetitions where they are harmless.

use super::document::{Document, alias, variable};
use super::rate_limit::pause;
use super::response::{Effect, GraphQlResponse};
use super::transport::Request;
use super::{Client, Error};
use crate::aws::secret::{Access, ApiToken};
use crate::clock::{self, Timestamp};
use crate::id::OrganisationId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// What is left for the caller to say what happened, before the invocation's deadline.
const RESERVE: Duration = Duration::from_millis(500);

/// A refusal is remembered for the rest of its invocation, which lasts 15 minutes at most.
const REFUSAL_CACHE_TIME: Duration = Duration::from_mins(15);

/// A [`Client`] at work for one organisation; cheap, made for each piece of work.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) organisation: &'a OrganisationId,
    pub(super) until: Timestamp,
}

impl Client {
    /// Requests in this organisation's name, which end before `until`: the invocation's deadline.
    pub fn session<'a>(&'a self, organisation: &'a OrganisationId, until: Timestamp) -> Session<'a> {
        Session { client: self, organisation, until }
    }
}

/// What became of one id of a batch: the thing, nothing there, or an error of its own.
pub type Lookup<T> = Result<Option<T>, Error>;

impl Session<'_> {
    /// The answer to a request whose one field is called `result`.
    pub(super) async fn request<T: DeserializeOwned>(
        &self,
        document: Document,
        variables: Value,
        effect: Effect,
    ) -> Result<T, Error> {
        self.send(&Request { document, variables, effect }).await?.single(effect)
    }

    /// Each id's own result, in order: so many ids to a request, so many requests at once. One bad id spoils only itself.
    ///
    /// # Errors
    /// Where a whole request failed.
    pub(super) async fn request_each<T: DeserializeOwned>(
        &self,
        document: &Document,
        ids: &[&str],
    ) -> Result<Vec<Lookup<T>>, Error> {
        let limits = self.client.transport.limits();
        let chunks = ids.chunks(limits.ids_per_request.get()).map(|ids| self.request_chunk(document, ids));
        let chunks: Vec<Vec<Lookup<T>>> =
            stream::iter(chunks).buffered(limits.concurrent_requests.get()).try_collect().await?;
        Ok(chunks.into_iter().flatten().collect())
    }

    async fn request_chunk<T: DeserializeOwned>(
        &self,
        document: &Document,
        ids: &[&str],
    ) -> Result<Vec<Lookup<T>>, Error> {
        let response = self.request_batch(document, ids).await?;
        if response.errors_name_their_alias() || ids.len() == 1 {
            return Ok(response.by_alias((0..ids.len()).map(alias)));
        }
        // An error that does not say whose it is: one id at a time, it can be only that one's.
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let response = self.request_batch(document, &[id]).await?;
            results.extend(response.by_alias([alias(0)]));
        }
        Ok(results)
    }

    async fn request_batch(&self, document: &Document, ids: &[&str]) -> Result<GraphQlResponse, Error> {
        let variables: Map<String, Value> =
            ids.iter().enumerate().map(|(position, id)| (variable(position), json!(id))).collect();
        let document = document.batch(ids.len());
        self.send(&Request { document, variables: variables.into(), effect: Effect::ReadOnly }).await
    }

    /// Sends a request, in the organisation's turn, and again where that is harmless and there is time. A token that is
    /// refused or has expired is fetched anew once: rotation may have replaced it a moment ago.
    pub(super) async fn send(&self, request: &Request) -> Result<GraphQlResponse, Error> {
        let Client { transport, secrets, rate_limit, .. } = self.client;
        let left = self.until.since(clock::now()).saturating_sub(RESERVE);
        let now = Instant::now();
        let end = now.checked_add(left.min(transport.limits().operation())).unwrap_or(now);
        let mut token = secrets.api_token(self.organisation).await?;
        let mut is_fresh = false;
        // A batch stops early: what was refused in this invocation is not sent again in it, unless there is another token.
        let refused = self.client.refused.get(self.organisation).filter(|(until, _)| *until == self.until);
        let refused = refused.map(|(_, token)| token);
        if token.has_expired(clock::now()) || refused.as_ref().is_some_and(|refused| refused.is(&token)) {
            (token, is_fresh) = (self.another_token(&token).await?, true);
        }
        if refused.is_some_and(|refused| refused.is(&token)) {
            return Err(Error::CredentialRefused);
        }
        let mut repeated = 0_u32;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Unavailable { why: "no time is left in this invocation" });
            }
            rate_limit.wait_for_turn(self.organisation, end).await?;
            let error = match transport.send(&token.endpoint, Some(&token.token), request, left).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if matches!(error, Error::CredentialRefused) && !is_fresh {
                (token, is_fresh) = (self.another_token(&token).await?, true);
                continue;
            }
            if matches!(error, Error::CredentialRefused) {
                self.client.refused.put(self.organisation.clone(), (self.until, token), REFUSAL_CACHE_TIME);
                return Err(error);
            }
            let may_repeat = request.effect.may_retry_after(&error);
            let wait = may_repeat.then(|| rate_limit.retry_delay(repeated, &error, end)).flatten();
            let Some(wait) = wait else { return Err(error) };
            repeated = repeated.saturating_add(1);
            pause(wait).await;
        }
    }

    /// What may be done in the organisation, as the secret of its API token says.
    ///
    /// # Errors
    /// Where the secret cannot be read.
    pub async fn access(&self) -> Result<Access, Error> {
        Ok(self.client.secrets.api_token(self.organisation).await?.access)
    }

    async fn another_token(&self, refused: &ApiToken) -> Result<ApiToken, Error> {
        Ok(self.client.secrets.another_api_token(self.organisation, refused).await?)
    }
}
