//! The address of an organisation's API (the host differs by aggregator), or of a destination for notices.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use url::{Host, Url};

/// An HTTPS address. HTTP is permitted for this machine only, for the stand-in: a token never crosses a
/// network unencrypted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Url", into = "Url")]
pub struct Endpoint(Url);

/// The address is not HTTPS.
#[derive(Debug, thiserror::Error)]
#[error("the address must begin with https://")]
pub struct InvalidEndpoint;

impl TryFrom<Url> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(url: Url) -> Result<Self, InvalidEndpoint> {
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() == "https" || (url.scheme() == "http" && loopback) {
            Ok(Self(url))
        } else {
            Err(InvalidEndpoint)
        }
    }
}

impl Endpoint {
    /// The address.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl From<Endpoint> for Url {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_over_https_or_on_this_machine_only() {
        for good in
            ["https://app.example.com/graphql", "http://127.0.0.1:4000/graphql", "http://localhost/graphql"]
        {
            assert!(Endpoint::try_from(Url::parse(good).unwrap()).is_ok(), "{good}");
        }
        for bad in
            ["http://app.example.com/graphql", "ftp://127.0.0.1/", "http://127.0.0.1.example.com/graphql"]
        {
            assert!(Endpoint::try_from(Url::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
