//! What a handler can read if it needs more than its event, and its errors if it cannot decide.

use crate::aws::secret::Access;
use crate::failure::{Failure, Remedy, chain};
use crate::id::{ContactId, TicketId};
use crate::model::ticket::Ticket;
use crate::private::Private;
use crate::reason::Reason;
use crate::salestrekker::{Contact, Error, FullTicket, Session, Values};
use std::collections::BTreeMap;

/// Why a handler does not decide. The texts are constant: they are in logs, so they must not contain personal data.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The event is retried later.
    #[error("the handler asks for a retry: {0}")]
    Retry(&'static str),
    /// The event is moved to the handler's dead-letter queue.
    #[error("the handler rejects the event: {0}")]
    DeadLetter(&'static str),
    /// Something could not be read. The error decides whether the event is retried or dead-lettered.
    #[error("the handler cannot read what it needs: {}", chain(.0))]
    Salestrekker(Error),
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        Self::Salestrekker(error)
    }
}

impl Failure for HandlerError {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Retry(_) => Remedy::Retry { after: None },
            Self::DeadLetter(_) => Remedy::DeadLetter,
            Self::Salestrekker(error) => error.remedy(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Retry(_) => Reason::HandlerRequestedRetry,
            Self::DeadLetter(_) => Reason::HandlerRejectedEvent,
            Self::Salestrekker(error) => error.reason(),
        }
    }
}

/// Read access to the organisation's tickets and contacts as they are now, which may be later than the event.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a>(ReadSource<'a>);

#[derive(Debug, Clone, Copy)]
enum ReadSource<'a> {
    Salestrekker(Session<'a>),
    Memory(&'a Memory),
    Nothing,
}

impl<'a> Reading<'a> {
    /// From Salestrekker.
    pub(crate) fn of(session: Session<'a>) -> Self {
        Self(ReadSource::Salestrekker(session))
    }

    /// Without an API, in a dry run.
    pub(crate) fn nothing() -> Self {
        Self(ReadSource::Nothing)
    }

    /// A ticket, with its name.
    ///
    /// # Errors
    /// [`HandlerError::Salestrekker`] with [`Error::NotFound`] if there is none, or with the error of the request.
    pub async fn ticket(&self, id: &TicketId) -> Result<FullTicket, HandlerError> {
        match self.0 {
            ReadSource::Salestrekker(session) => Ok(allowed(session).await?.ticket(id).await?),
            ReadSource::Memory(memory) => remembered(memory.tickets.get(id), "ticket"),
            ReadSource::Nothing => Err(no_api()),
        }
    }

    /// A contact. All data of a person is [`Private`].
    ///
    /// # Errors
    /// [`HandlerError::Salestrekker`] with [`Error::NotFound`] if there is none, or with the error of the request.
    pub async fn contact(&self, id: &ContactId) -> Result<Contact, HandlerError> {
        match self.0 {
            ReadSource::Salestrekker(session) => Ok(allowed(session).await?.contact(id).await?),
            ReadSource::Memory(memory) => remembered(memory.contacts.get(id), "contact"),
            ReadSource::Nothing => Err(no_api()),
        }
    }
}

/// An API in memory, for a handler's tests.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    tickets: BTreeMap<TicketId, FullTicket>,
    contacts: BTreeMap<ContactId, Contact>,
}

impl Memory {
    /// With this ticket, which has this name.
    #[must_use]
    pub fn with_ticket(mut self, ticket: &Ticket, name: &str) -> Self {
        let Ticket { id, workflow, stage, owner, labels, clients, value, active, .. } = ticket.clone();
        let full = FullTicket {
            id: id.clone(),
            name: Some(Private::new(name.to_owned())),
            id_owner: owner,
            id_workflow: Some(workflow.id),
            id_stage: Some(stage.id),
            id_labels: Some(labels.into_iter().map(|label| label.id).collect()),
            id_clients: Some(clients),
            ticket_client_types: None,
            values: Some(Values { once_off: value, rest: Private::default() }),
            is_active: active,
            rest: Private::default(),
        };
        self.tickets.insert(id, full);
        self
    }

    /// With this contact.
    #[must_use]
    pub fn with_contact(mut self, contact: Contact) -> Self {
        self.contacts.insert(contact.id.clone(), contact);
        self
    }

    /// The read access that a handler gets.
    pub fn reading(&self) -> Reading<'_> {
        Reading(ReadSource::Memory(self))
    }
}

/// The session, unless the organisation is write-only.
async fn allowed(session: Session<'_>) -> Result<Session<'_>, HandlerError> {
    match session.access().await?.0 {
        Access::ReadWrite | Access::ReadOnly => Ok(session),
        Access::WriteOnly => {
            Err(HandlerError::DeadLetter("the organisation is write-only, so that nothing can be read"))
        }
    }
}

fn remembered<T: Clone>(found: Option<&T>, what: &str) -> Result<T, HandlerError> {
    let absent = || HandlerError::Salestrekker(Error::NotFound { what: what.to_owned() });
    found.cloned().ok_or_else(absent)
}

fn no_api() -> HandlerError {
    HandlerError::DeadLetter(
        "a dry run has no API unless SECRETS_PREFIX names a stack; `automations dry-run` does",
    )
}
