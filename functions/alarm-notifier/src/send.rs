//! Where messages go: a destination of an organisation, as notices do, or a topic that sends e-mail, or both.

use crate::message::Message;
use automations::aws::mail_topic::{MailError, MailTopic};
use automations::clock::Timestamp;
use automations::failure::{Failure, Remedy};
use automations::id::{DestinationName, OrganisationId};
use automations::notice::{self, Destinations, Report};
use automations::reason::Reason;
use automations::store;
use std::str::FromStr;

/// Where messages go.
#[derive(Debug)]
pub struct Channels {
    /// The organisations' destinations.
    pub destinations: Destinations,
    /// The one for alarms.
    pub recipient: Option<Recipient>,
    /// A topic of e-mails.
    pub mail: Option<MailTopic>,
}

/// A destination of an organisation, as the end of its secret's name: `north/destination-operators`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    organisation: OrganisationId,
    destination: DestinationName,
}

/// The same, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaybeRecipient(pub Option<Recipient>);

/// A text is not the end of a destination's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write ORGANISATION/destination-NAME, for example north/destination-operators")]
pub struct InvalidRecipient;

/// Why a change of an alarm was not reported. It is delivered again, or the next run of the schedule sends what is unsent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table failed.
    #[error("the problem cannot be read or stored")]
    Store(#[from] store::Error),
    /// The destination did not accept the message.
    #[error("the destination does not accept the message")]
    Notice(#[from] notice::Error),
    /// The topic of e-mails did not accept the message.
    #[error("the topic of e-mails does not accept the message")]
    Mail(#[from] MailError),
    /// Other invocations changed the problem at the same time.
    #[error("other invocations change the problem at the same time")]
    Busy,
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Store(error) => error.remedy(),
            Self::Notice(error) => error.remedy(),
            Self::Mail(error) => error.remedy(),
            Self::Busy => Remedy::Retry { after: None },
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Notice(error) => error.reason(),
            Self::Mail(error) => error.reason(),
            Self::Busy => Reason::VersionConflict,
        }
    }
}

impl FromStr for Recipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        let (organisation, name) = text.split_once("/destination-").ok_or(InvalidRecipient)?;
        let organisation = OrganisationId::parse(organisation).map_err(|_invalid| InvalidRecipient)?;
        let destination = DestinationName::parse(name).map_err(|_invalid| InvalidRecipient)?;
        Ok(Self { organisation, destination })
    }
}

impl FromStr for MaybeRecipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        text.parse().map(|recipient| Self(Some(recipient)))
    }
}

impl Channels {
    /// Sends a message on every channel before `until`, the invocation's deadline.
    pub(crate) async fn send(&self, message: &Message, until: Timestamp) -> Result<(), Error> {
        let Message { id, at, subject, text, data, .. } = message;
        let mut result = Ok(());
        if let Some(Recipient { organisation, destination }) = &self.recipient {
            let report = Report { id, kind: "alarm", at: *at, text, data };
            let sent = self.destinations.report((organisation, destination), &report, until).await;
            result = result.and(sent.map_err(Error::from));
        }
        if let Some(mail) = &self.mail {
            result = result.and(mail.publish(subject, text).await.map_err(Error::from));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_the_end_of_a_secrets_name() {
        let recipient: Recipient = "north/destination-operators".parse().unwrap();
        assert_eq!((recipient.organisation.as_str(), recipient.destination.as_str()), ("north", "operators"));
        for wrong in
            ["", "north", "north/operators", "/destination-x", "north/destination-", "a/b/destination-x"]
        {
            assert_eq!(wrong.parse::<Recipient>(), Err(InvalidRecipient), "{wrong}");
        }
    }
}
