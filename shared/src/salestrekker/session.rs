//! Requests for one organisation until a deadline: its token, its rate limit, and retries if they are
//! harmless.

use super::document::{Document, alias, variable};
use super::response::{Effect, GraphQlResponse};
use super::transport::Request;
use super::{Client, Error};
use crate::aws::secret::{Access, ApiToken, Rehearsal};
use crate::clock::pause;
use crate::clock::{self, Timestamp};
use crate::id::OrganisationId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Time that the caller keeps to record the result, and to settle its messages, before the invocation's deadline.
const RESERVE: Duration = Duration::from_millis(1_500);

/// A rejected token is remembered for the rest of its invocation, which lasts at most 15 minutes.
const REJECTED_TOKEN_CACHE_TIME: Duration = Duration::from_mins(15);

/// A [`Client`] bound to one organisation; cheap to create.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) organisation: &'a OrganisationId,
    pub(super) until: Timestamp,
    may_retry: bool,
}

impl Client {
    /// Requests on behalf of this organisation. They end before `until`, the invocation's deadline.
    pub fn session<'a>(&'a self, organisation: &'a OrganisationId, until: Timestamp) -> Session<'a> {
        Session { client: self, organisation, until, may_retry: true }
    }
}

/// The result for one id of a batch: the object, nothing, or its own error.
pub type Lookup<T> = Result<Option<T>, Error>;

impl Session<'_> {
    /// The same, but for requests that the caller can do without: a failed one is not retried.
    #[must_use]
    pub fn once(self) -> Self {
        Session { may_retry: false, ..self }
    }

    /// The response to a request whose one field is called `result`.
    pub(super) async fn request<T: DeserializeOwned>(
        &self,
        document: Document,
        variables: Value,
        effect: Effect,
    ) -> Result<T, Error> {
        self.send(&Request { document, variables, effect }).await?.single(effect)
    }

    /// The result for each id, in their order, with `ids_per_request` ids in a request and
    /// `concurrent_requests` requests at the same time. An invalid id affects only its own result.
    ///
    /// # Errors
    /// If a whole request fails.
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

    /// One request for all of these ids; if it fails with an error that does not name its id, or the response cannot be used, two
    /// requests for half of them each, and so on: with one id in a request the error can only be that one's.
    async fn request_chunk<T: DeserializeOwned>(
        &self,
        document: &Document,
        ids: &[&str],
    ) -> Result<Vec<Lookup<T>>, Error> {
        let mut results = Vec::with_capacity(ids.len());
        let mut parts = vec![ids];
        while let Some(ids) = parts.pop() {
            match self.request_batch(document, ids).await {
                Ok(response) if response.errors_name_their_alias() || ids.len() == 1 => {
                    results.extend(response.by_alias((0..ids.len()).map(alias)));
                }
                Err(error @ (Error::Rejected { .. } | Error::InvalidResponse { .. })) if ids.len() == 1 => {
                    results.push(Err(error));
                }
                Ok(_) | Err(Error::Rejected { .. } | Error::InvalidResponse { .. }) => {
                    let (first, second) = ids.split_at(ids.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(results)
    }

    async fn request_batch(&self, document: &Document, ids: &[&str]) -> Result<GraphQlResponse, Error> {
        let variables: Map<String, Value> =
            ids.iter().enumerate().map(|(position, id)| (variable(position), json!(id))).collect();
        let document = document.batch(ids.len());
        self.send(&Request { document, variables: variables.into(), effect: Effect::ReadOnly }).await
    }

    /// Sends a request within the rate limit, and retries it if that is harmless and there is time: without the inferred fields
    /// that the API rejects, if it names them. A token that is rejected or expired is read again once: rotation may have just replaced it.
    pub(super) async fn send(&self, request: &Request) -> Result<GraphQlResponse, Error> {
        let Client { transport, secrets, rate_limit, .. } = self.client;
        let left = self.until.since(clock::now()).saturating_sub(RESERVE);
        let now = Instant::now();
        let end = now.checked_add(left.min(transport.limits().operation())).unwrap_or(now);
        let mut token = secrets.api_token(self.organisation).await?;
        let mut is_fresh = false;
        // A token that was rejected in this invocation is not sent again in it: the rest of a batch fails early.
        let rejected =
            self.client.rejected_tokens.get(self.organisation).filter(|(until, _)| *until == self.until);
        let rejected = rejected.map(|(_, token)| token);
        if token.has_expired(clock::now()) || rejected.as_ref().is_some_and(|rejected| rejected.is(&token)) {
            (token, is_fresh) = (self.another_token(&token).await?, true);
        }
        if rejected.is_some_and(|rejected| rejected.is(&token)) {
            return Err(Error::CredentialRefused);
        }
        let mut retried = 0_u32;
        let mut request = Cow::Borrowed(request);
        loop {
            let dropped = self.client.dropped_fields.of(self.organisation);
            if !dropped.is_empty() {
                request.to_mut().document = request.document.without(&dropped);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Unavailable { why: "no time is left in this invocation" });
            }
            rate_limit.wait_for_turn(self.organisation, end).await?;
            let error = match transport.send(&token.endpoint, Some(&token.token), &request, left).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if matches!(error, Error::CredentialRefused) && !is_fresh {
                (token, is_fresh) = (self.another_token(&token).await?, true);
                continue;
            }
            if matches!(error, Error::CredentialRefused) {
                self.client.rejected_tokens.put(
                    self.organisation.clone(),
                    (self.until, token),
                    REJECTED_TOKEN_CACHE_TIME,
                );
                return Err(error);
            }
            let is_query = request.effect == Effect::ReadOnly;
            if is_query
                && self.client.dropped_fields.learn(self.organisation, request.document.text(), &error)
            {
                continue;
            }
            let may_retry = self.may_retry && request.effect.may_retry_after(&error);
            let wait = may_retry.then(|| rate_limit.retry_delay(retried, &error, end)).flatten();
            let Some(wait) = wait else { return Err(error) };
            retried = retried.saturating_add(1);
            pause(wait).await;
        }
    }

    /// The permitted access to the organisation, and whether a rehearsal has passed, from the secret of its API token.
    ///
    /// # Errors
    /// If the secret cannot be read.
    pub async fn access(&self) -> Result<(Access, Rehearsal), Error> {
        let token = self.client.secrets.api_token(self.organisation).await?;
        Ok((token.access, token.rehearsal))
    }

    /// The host of the organisation's API, with its port if that is not the usual one. The web app has the same host
    /// (salestrekker-facts.md, section 1).
    ///
    /// # Errors
    /// If the secret cannot be read.
    pub async fn host(&self) -> Result<String, Error> {
        let endpoint = self.client.secrets.api_token(self.organisation).await?.endpoint;
        let url = endpoint.url();
        let host = url.host_str().unwrap_or_default();
        Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    async fn another_token(&self, rejected: &ApiToken) -> Result<ApiToken, Error> {
        Ok(self.client.secrets.another_api_token(self.organisation, rejected).await?)
    }
}
