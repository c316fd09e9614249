//! What a handler may read that must know more than its event carries, and what it says where it cannot decide.

use crate::aws::secret::Access;
use crate::failure::{Failure, Remedy, chain};
use crate::id::{ContactId, TicketId};
use crate::model::ticket::Ticket;
use crate::private::Private;
use crate::reason::Reason;
use crate::salestrekker::{Contact, Error, FullTicket, Session, Values};
use std::collections::BTreeMap;

/// Why a handler does not decide now. Words are fixed: they stand in logs, so they hold nobody's data.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The event comes again, later.
    #[error("the handler asks for another try: {0}")]
    Retry(&'static str),
    /// The event goes to the handler's dead-message queue.
    #[error("the handler gives the event up: {0}")]
    DeadLetter(&'static str),
    /// Something could not be read; what happens to the event is what that error says.
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

/// The organisation's things at Salestrekker as they are now, which may be later than the event. It cannot write.
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

    /// From nowhere: a dry run without an API.
    pub(crate) fn nothing() -> Self {
        Self(ReadSource::Nothing)
    }

    /// A ticket, with its name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn ticket(&self, id: &TicketId) -> Result<FullTicket, HandlerError> {
        match self.0 {
            ReadSource::Salestrekker(session) => Ok(allowed(session).await?.ticket(id).await?),
            ReadSource::Memory(memory) => remembered(memory.tickets.get(id), "ticket"),
            ReadSource::Nothing => Err(no_api()),
        }
    }

    /// A contact. All that is known of a person is [`Private`].
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn contact(&self, id: &ContactId) -> Result<Contact, HandlerError> {
        match self.0 {
            ReadSource::Salestrekker(session) => Ok(allowed(session).await?.contact(id).await?),
            ReadSource::Memory(memory) => remembered(memory.contacts.get(id), "contact"),
            ReadSource::Nothing => Err(no_api()),
        }
    }
}

/// An API that answers from memory, for a handler's tests.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    tickets: BTreeMap<TicketId, FullTicket>,
    contacts: BTreeMap<ContactId, Contact>,
}

impl Memory {
    /// With this ticket, under this name, more.
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
            values: Some(Values { once_off: value }),
            is_active: active,
        };
        self.tickets.insert(id, full);
        self
    }

    /// With this contact more.
    #[must_use]
    pub fn with_contact(mut self, contact: Contact) -> Self {
        self.contacts.insert(contact.id.clone(), contact);
        self
    }

    /// As a handler reads it.
    pub fn reading(&self) -> Reading<'_> {
        Reading(ReadSource::Memory(self))
    }
}

/// What is let into an organisation and not out of it cannot be read.
async fn allowed(session: Session<'_>) -> Result<Session<'_>, HandlerError> {
    match session.access().await? {
        Access::ReadWrite | Access::ReadOnly => Ok(session),
        Access::WriteOnly => Err(HandlerError::DeadLetter("nothing may be read in this organisation")),
    }
}

fn remembered<T: Clone>(found: Option<&T>, what: &str) -> Result<T, HandlerError> {
    let absent = || HandlerError::Salestrekker(Error::NotFound { what: what.to_owned() });
    found.cloned().ok_or_else(absent)
}

fn no_api() -> HandlerError {
    HandlerError::DeadLetter(
        "a dry run has no API unless SECRETS_PREFIX names a stack; `cargo xtask dry-run` does",
    )
}
