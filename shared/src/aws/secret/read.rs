//! Reading secrets through a cache: they are read again after a rejection, and used for longer while Secrets
//! Manager does not respond.

use super::{ApiToken, Error, Kind, TokenOf, TokenStage, WebhookToken, WebhookTokens, parse};
use crate::aws::ErrorCode;
use crate::cache::refreshing::{Bounds, Cached, Freshness, RefreshError, RefreshingCache};
use crate::clock;
use crate::id::OrganisationId;
use crate::telemetry::EventName;
use crate::telemetry::metric::{self, Metric};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};

/// How long a secret is cached.
const CACHE_TIME: Duration = Duration::from_mins(5);
/// How long it is cached that a secret does not exist. Names that nothing lists are not asked for: see `store/listed_names.rs`.
const ABSENCE_CACHE_TIME: Duration = Duration::from_secs(30);
/// How much longer a secret is used while Secrets Manager does not respond.
const GRACE: Duration = Duration::from_hours(1);
/// A token that Salestrekker rejected is read again at once, but at most once in this time.
const MIN_RENEWAL_INTERVAL: Duration = Duration::from_secs(1);
/// Webhook tokens are read again for an unknown token, which may be a new one, but at most once in this time.
const MIN_WEBHOOK_RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// The time limit of a request if there is a cached value to use instead.
const TIMEOUT_WITH_FALLBACK: Duration = Duration::from_secs(2);
const BOUNDS: Bounds = Bounds { grace: GRACE, pause: Duration::from_secs(15), most: 1_000 };

/// The organisations' secrets. Create one per process. Each read is boxed: nested in its callers' futures it
/// would be too deep for the compiler.
#[derive(Debug)]
pub struct Secrets {
    client: Client,
    prefix: String,
    api_token: Kind,
    api_tokens: RefreshingCache<Option<SecretString>>,
    webhook_tokens: RefreshingCache<Option<WebhookTokens>>,
    others: RefreshingCache<Option<SecretString>>,
}

impl Secrets {
    /// Secrets whose names begin with `prefix`.
    pub fn new(client: Client, prefix: String) -> Self {
        let [api_tokens, others] = [RefreshingCache::new(BOUNDS), RefreshingCache::new(BOUNDS)];
        let api_token = Kind::ApiToken;
        Self { client, prefix, api_token, api_tokens, webhook_tokens: RefreshingCache::new(BOUNDS), others }
    }

    /// The same, with another kind of secret as the API token.
    #[must_use]
    pub fn with_api_token(self, api_token: Kind) -> Self {
        Self { api_token, ..self }
    }

    /// The tokens that this organisation's webhook URLs may end in: one, or more during a rotation.
    ///
    /// # Errors
    /// [`Error`]; [`Error::NotFound`] may mean that there is no such organisation.
    pub async fn webhook_tokens(
        &self,
        organisation: &OrganisationId,
        of: TokenOf<'_>,
    ) -> Result<WebhookTokens, Error> {
        self.webhook_tokens_within(organisation, of, Duration::MAX).await
    }

    /// The same, at most ten seconds old: for a token that is not among the cached ones, as it may be new.
    ///
    /// # Errors
    /// As [`Self::webhook_tokens`].
    pub async fn latest_webhook_tokens(
        &self,
        organisation: &OrganisationId,
        of: TokenOf<'_>,
    ) -> Result<WebhookTokens, Error> {
        self.webhook_tokens_within(organisation, of, MIN_WEBHOOK_RENEWAL_INTERVAL).await
    }

    /// The organisation's API token, cached for five minutes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn api_token(&self, organisation: &OrganisationId) -> Result<ApiToken, Error> {
        let name = self.name(organisation, self.api_token);
        let fetch = async |has_fallback| self.fetch_current(&name, has_fallback).await;
        let cached = Box::pin(self.api_tokens.get(&name, Duration::MAX, Instant::now(), fetch)).await;
        Self::api_token_of(organisation, &name, cached?)
    }

    /// The organisation's API token after this one was rejected: the cached one if it differs, else read
    /// again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn another_api_token(
        &self,
        organisation: &OrganisationId,
        rejected: &ApiToken,
    ) -> Result<ApiToken, Error> {
        let now = Instant::now();
        let known = self.api_token(organisation).await?;
        if !known.is(rejected) {
            return Ok(known);
        }
        let name = self.name(organisation, self.api_token);
        let fetch = async |has_fallback| self.fetch_current(&name, has_fallback).await;
        let cached = Box::pin(self.api_tokens.renew(&name, MIN_RENEWAL_INTERVAL, now, fetch)).await;
        Self::api_token_of(organisation, &name, cached?)
    }

    /// A secret of the organisation by the last part of its name, cached for five minutes. Names such as `inbound-survey` end in a
    /// hyphen and six characters, against which Secrets Manager's API reference warns (`CreateSecret`): only of partial ARNs, and every
    /// request has the full name.
    pub(crate) async fn named<T: DeserializeOwned>(
        &self,
        organisation: &OrganisationId,
        last: &str,
    ) -> Result<T, Error> {
        let name = format!("{}/{organisation}/{last}", self.prefix);
        let fetch = async |has_fallback| self.fetch_current(&name, has_fallback).await;
        let cached = Box::pin(self.others.get(&name, Duration::MAX, Instant::now(), fetch)).await?;
        if let Freshness::Stale(age) = cached.freshness {
            report_stale(&name, age);
        }
        decode(&name, cached.value)
    }

    fn api_token_of(
        organisation: &OrganisationId,
        name: &str,
        cached: Cached<Option<SecretString>>,
    ) -> Result<ApiToken, Error> {
        let token: ApiToken = decode(name, cached.value)?;
        match cached.freshness {
            Freshness::Fetched => {
                if let Some(days) = token.days_left(clock::now()) {
                    metric::record(Metric::TokenDaysLeft, days);
                    tracing::info!(
                        event_name = EventName::SecretTokenRead.as_str(),
                        organisation = organisation.as_str(),
                        token_days_left = days,
                        "an API token was read"
                    );
                }
            }
            // An expired token is useless, even if Secrets Manager cannot give a newer one.
            Freshness::Stale(_) if token.has_expired(clock::now()) => {
                return Err(Error::Unavailable { name: name.to_owned(), code: None });
            }
            Freshness::Stale(age) => report_stale(name, age),
            Freshness::Cached => {}
        }
        Ok(token)
    }

    async fn webhook_tokens_within(
        &self,
        organisation: &OrganisationId,
        of: TokenOf<'_>,
        max_age: Duration,
    ) -> Result<WebhookTokens, Error> {
        let name = format!("{}/{organisation}/{}", self.prefix, of.as_str());
        let fetch = async |has_fallback| self.fetch_versions(&name, has_fallback).await;
        let cached = Box::pin(self.webhook_tokens.get(&name, max_age, Instant::now(), fetch)).await?;
        if let Freshness::Stale(age) = cached.freshness {
            report_stale(&name, age);
        }
        cached.value.ok_or(Error::NotFound { name })
    }

    fn name(&self, organisation: &OrganisationId, kind: Kind) -> String {
        format!("{}/{organisation}/{}", self.prefix, kind.as_str())
    }

    async fn fetch_current(
        &self,
        name: &str,
        has_fallback: bool,
    ) -> Result<(Option<SecretString>, Duration), RefreshError<Error>> {
        let value = self.fetch(name, TokenStage::Current, has_fallback).await?;
        let value = value.and_then(|response| response.secret_string).map(SecretString::from);
        let ttl = if value.is_some() { CACHE_TIME } else { ABSENCE_CACHE_TIME };
        Ok((value, ttl))
    }

    /// The webhook tokens at all three version stages, if the secret exists. An invalid pending or previous
    /// version is ignored; an invalid current one is an error.
    async fn fetch_versions(
        &self,
        name: &str,
        has_fallback: bool,
    ) -> Result<(Option<WebhookTokens>, Duration), RefreshError<Error>> {
        // The others only if the secret exists.
        let current = self.fetch(name, TokenStage::Current, has_fallback).await?;
        let Some(current) = current else { return Ok((None, ABSENCE_CACHE_TIME)) };
        let others = [TokenStage::Pending, TokenStage::Previous];
        let [pending, previous] = others.map(|stage| self.fetch(name, stage, has_fallback));
        let (pending, previous) = futures::join!(pending, previous);
        let mut tokens = vec![
            version::<WebhookToken>(name, TokenStage::Current, current).map_err(RefreshError::Rejected)?,
        ];
        for (stage, response) in [(TokenStage::Pending, pending?), (TokenStage::Previous, previous?)] {
            tokens.extend(response.and_then(|response| version(name, stage, response).ok()));
        }
        Ok((Some(WebhookTokens::new(tokens)), CACHE_TIME))
    }

    async fn fetch(
        &self,
        name: &str,
        stage: TokenStage,
        has_fallback: bool,
    ) -> Result<Option<GetSecretValueOutput>, RefreshError<Error>> {
        let request = self.client.get_secret_value().secret_id(name).version_stage(stage.label()).send();
        let unavailable =
            |code| RefreshError::Unavailable(Error::Unavailable { name: name.to_owned(), code });
        let response = if has_fallback {
            tokio::time::timeout(TIMEOUT_WITH_FALLBACK, request)
                .await
                .map_err(|_elapsed| unavailable(None))?
        } else {
            request.await
        };
        match response {
            Ok(response) => Ok(Some(response)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) if crate::aws::is_client_error(&error) => {
                let (name, code) = (name.to_owned(), ErrorCode::of(&error));
                Err(RefreshError::Rejected(Error::AccessDenied { name, code }))
            }
            Err(error) => Err(unavailable(ErrorCode::of(&error))),
        }
    }
}

fn report_stale(name: &str, age: Duration) {
    let secret_stale_s = age.as_secs();
    metric::record(Metric::StaleSecretAge, secret_stale_s);
    tracing::warn!(
        event_name = EventName::SecretStaleUsed.as_str(),
        secret = name,
        secret_stale_s,
        "Secrets Manager does not respond; a cached secret is used past its time"
    );
}

fn version<T: DeserializeOwned>(
    name: &str,
    stage: TokenStage,
    response: GetSecretValueOutput,
) -> Result<(TokenStage, String, T), Error> {
    let id = response.version_id.unwrap_or_default();
    Ok((stage, id, decode(name, response.secret_string.map(SecretString::from))?))
}

fn decode<T: DeserializeOwned>(name: &str, value: Option<SecretString>) -> Result<T, Error> {
    let name = name.to_owned();
    let Some(value) = value else { return Err(Error::NotFound { name }) };
    parse(&value).map_err(|decode_error| Error::Invalid { name, decode_error })
}

fn is_not_found(error: &SdkError<GetSecretValueError>) -> bool {
    error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception)
}
