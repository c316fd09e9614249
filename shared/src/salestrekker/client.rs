//! The client: what a process keeps, whichever organisation it works for.

use super::name_cache::Names;
use super::rate_limit::Pace;
use super::{Limits, Transport};
use crate::aws::secret::{ApiToken, Secrets};
use crate::cache::ttl::TtlCache;
use crate::clock::Timestamp;
use crate::id::OrganisationId;

/// The client. One per process: it keeps connections, tokens, names and each organisation's pace.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
    pub(super) secrets: Secrets,
    pub(super) names: Names,
    pub(super) pace: Pace,
    /// By organisation: the token that was refused last, and the deadline of the invocation in which it was.
    pub(super) refused: TtlCache<OrganisationId, (Timestamp, ApiToken)>,
}

impl Client {
    /// A client that takes each organisation's token from `secrets`.
    ///
    /// # Errors
    /// As [`Transport::new`]; fatal in init.
    pub fn new(secrets: Secrets, limits: Limits) -> Result<Self, reqwest::Error> {
        let (names, pace) = (Names::new(&limits), Pace::new(&limits));
        let refused = TtlCache::new(1_000);
        Ok(Self { transport: Transport::new(limits)?, secrets, names, pace, refused })
    }
}
