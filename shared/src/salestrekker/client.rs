//! The client: what one process shares between all organisations.

use super::inferred::DroppedFields;
use super::name_cache::NameCache;
use super::rate_limit::RateLimit;
use super::{Limits, Transport};
use crate::aws::secret::{ApiToken, Secrets};
use crate::cache::ttl::TtlCache;
use crate::clock::Timestamp;
use crate::id::OrganisationId;

/// The client. Create one per process: it holds connections, tokens, cached names and each organisation's
/// rate limit.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
    pub(super) secrets: Secrets,
    pub(super) names: NameCache,
    pub(super) rate_limit: RateLimit,
    pub(super) dropped_fields: DroppedFields,
    /// By organisation: the token that was rejected last, and the deadline of the invocation that sent it.
    pub(super) rejected_tokens: TtlCache<OrganisationId, (Timestamp, ApiToken)>,
}

impl Client {
    /// A client that reads each organisation's token from `secrets`.
    ///
    /// # Errors
    /// As [`Transport::new`]; fatal in init.
    pub fn new(secrets: Secrets, limits: Limits) -> Result<Self, reqwest::Error> {
        let (names, rate_limit) = (NameCache::new(&limits), RateLimit::new(&limits));
        let (dropped_fields, rejected_tokens) = (DroppedFields::default(), TtlCache::new(1_000));
        let transport = Transport::new(limits)?;
        Ok(Self { transport, secrets, names, rate_limit, dropped_fields, rejected_tokens })
    }
}
