//! Notices: messages to destinations other than Salestrekker, signed as the Standard Webhooks specification
//! says.
//!
//! A destination is a secret of the organisation, `{prefix}/{organisation}/destination-{name}`: `{"url",
//! "secrets": ["whsec_…"], "format": "standard" | "slack" | "teams"}`. With several `secrets`, a notice has a
//! signature for each, for their rotation. The URL is secret too: a Slack webhook's URL is all one needs to
//! post to it.

mod body;
mod links;
mod response;
mod signature;

pub use body::Format;
pub use links::{InvalidLinkPattern, LinkPattern, Links};

use crate::aws::secret::{self, Secrets};
use crate::clock::{self, Timestamp};
use crate::endpoint::Endpoint;
use crate::failure::{Failure, Remedy};
use crate::http;
use crate::id::{DestinationName, OrganisationId};
use crate::model::action::PlannedAction;
use crate::private::Private;
use crate::reason::Reason;
use reqwest::header;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// The time limit of a request to a destination.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time that the caller keeps to report the result before the invocation's deadline.
const RESERVE: Duration = Duration::from_millis(500);

/// Sends notices. Create one per process: it holds the connections.
#[derive(Debug)]
pub struct Notices {
    destinations: Destinations,
    links: Links,
}

/// Sends anything to destinations. Create one per process: it holds the connections.
#[derive(Debug)]
pub struct Destinations {
    secrets: Secrets,
    http: reqwest::Client,
}

/// A notice.
#[derive(Debug)]
pub struct Notice<'a> {
    /// The action that it comes from; the action's id is the notice's id.
    pub planned: &'a PlannedAction,
    /// The destination's name.
    pub destination: &'a DestinationName,
    /// What it says.
    pub content: Content,
}

/// A message of the system itself to its operators.
#[derive(Debug)]
pub struct Report<'a> {
    /// Its id: letters, digits, `_` and `-`.
    pub id: &'a str,
    /// Its type in the standard format.
    pub kind: &'static str,
    /// The time of what it reports.
    pub at: Timestamp,
    /// The text for people.
    pub text: &'a str,
    /// The same for a program: an object.
    pub data: &'a Value,
}

/// What a notice says.
#[derive(Debug)]
pub enum Content {
    /// A text for people. It holds a client's name if the handler asked for it.
    Text(Private<String>),
    /// An event for a program.
    Event {
        /// The event's kind.
        kind: String,
        /// The chosen fields by their paths. They hold a client's name if the handler asked for it.
        fields: Private<Map<String, Value>>,
        /// A link to the ticket, if the event has one.
        link: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
struct Destination {
    url: Private<Endpoint>,
    #[serde(default)]
    secrets: Vec<SecretString>,
    #[serde(default)]
    format: Format,
}

/// Why a notice was not delivered. No text of it holds the destination's URL, which may be secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The destination's secret could not be read.
    #[error("the destination's secret could not be read")]
    Secret(#[from] secret::Error),
    /// A signing secret is not valid.
    #[error(
        "a signing secret of the destination {destination} is not base 64; correct the secret destination-{destination}"
    )]
    InvalidSecret {
        /// The destination's name.
        destination: DestinationName,
    },
    /// The destination rejected the notice.
    #[error(
        "the destination {destination} rejects the notice with HTTP status {status}; check its URL and format in the secret destination-{destination}"
    )]
    Rejected {
        /// The destination's name.
        destination: DestinationName,
        /// The HTTP status.
        status: u16,
    },
    /// The destination throttles requests.
    #[error("the destination throttles notices")]
    Throttled {
        /// The delay that it advised.
        after: Option<Duration>,
    },
    /// No response, or one that permits a retry.
    #[error("the destination is unavailable: {why}")]
    Unavailable {
        /// A fixed text.
        why: &'static str,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Secret(error) => error.remedy(),
            // An operator can fix the secret while the message waits.
            Self::InvalidSecret { .. } | Self::Unavailable { .. } => Remedy::Retry { after: None },
            Self::Throttled { after } => Remedy::Wait { after: *after },
            Self::Rejected { .. } => Remedy::DeadLetter,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Secret(error) => error.reason(),
            Self::InvalidSecret { .. } => Reason::DestinationInvalid,
            Self::Rejected { .. } => Reason::DestinationRejected,
            Self::Throttled { .. } => Reason::DestinationThrottled,
            Self::Unavailable { .. } => Reason::DestinationUnavailable,
        }
    }
}

impl Notices {
    /// A sender for the destinations in these secrets, with these patterns of links.
    ///
    /// # Errors
    /// If TLS cannot be set up; fatal in init.
    pub fn new(secrets: Secrets, links: Links) -> Result<Self, reqwest::Error> {
        Ok(Self { destinations: Destinations::new(secrets)?, links })
    }

    /// The patterns of links into Salestrekker's web app.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Sends a notice before `until`, the invocation's deadline. Sending it again is harmless: its id is the
    /// action's, so the receiver can recognise it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send(&self, notice: &Notice<'_>, until: Timestamp) -> Result<(), Error> {
        // The specification joins id and time with a full stop, so an id must not contain one.
        let id = format!("msg_{}", notice.planned.id.as_str().replace('.', "_"));
        let to = (&notice.planned.organisation, notice.destination);
        self.destinations.deliver(to, id, |format| format.body(notice), until).await
    }
}

impl Destinations {
    /// A sender for the destinations in these secrets.
    ///
    /// # Errors
    /// If TLS cannot be set up; fatal in init.
    pub fn new(secrets: Secrets) -> Result<Self, reqwest::Error> {
        let http = http::client()
            .connect_timeout(Duration::from_secs(3))
            .timeout(TIMEOUT)
            .user_agent(concat!("salestrekker-automations/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { secrets, http })
    }

    /// Sends a message of the system to a destination of this organisation before `until`, the invocation's deadline.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn report(
        &self,
        to: (&OrganisationId, &DestinationName),
        report: &Report<'_>,
        until: Timestamp,
    ) -> Result<(), Error> {
        self.deliver(to, format!("msg_{}", report.id), |format| format.report(report), until).await
    }

    async fn deliver(
        &self,
        (organisation, destination): (&OrganisationId, &DestinationName),
        id: String,
        body: impl FnOnce(Format) -> String,
        until: Timestamp,
    ) -> Result<(), Error> {
        let last = format!("destination-{destination}");
        let Destination { url, secrets, format } = self.secrets.named(organisation, &last).await?;
        let now = clock::now();
        let time = until.since(now).saturating_sub(RESERVE).min(TIMEOUT);
        if time.is_zero() {
            return Err(Error::Unavailable { why: "no time is left in this invocation" });
        }
        let (timestamp, body) = (now.as_seconds(), body(format));
        let signatures = signature::signatures(&secrets, &id, timestamp, &body);
        let signatures =
            signatures.ok_or_else(|| Error::InvalidSecret { destination: destination.clone() })?;
        let mut request = self.http.post(url.reveal().url().clone()).timeout(time);
        request = request.header(header::CONTENT_TYPE, "application/json").header("webhook-id", id);
        request = request.header("webhook-timestamp", timestamp);
        if !signatures.is_empty() {
            request = request.header("webhook-signature", signatures);
        }
        let response = request.body(body).send().await;
        response::check(response.map_err(|error| send_error(&error))?, format, destination).await
    }
}

fn send_error(error: &reqwest::Error) -> Error {
    let why = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no response in time"
    } else {
        "the connection broke"
    };
    Error::Unavailable { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_prints_neither_its_address_nor_its_secrets() {
        let text =
            r#"{"url": "https://hooks.example.com/T0/B0/x", "secrets": ["whsec_AAAA"], "format": "slack"}"#;
        let destination: Destination = serde_json::from_str(text).unwrap();
        let printed = format!("{destination:?}");
        assert!(!printed.contains("example.com") && !printed.contains("AAAA"), "{printed}");
        assert!(serde_json::from_str::<Destination>(r#"{"url": "http://hooks.example.com/"}"#).is_err());
    }
}
