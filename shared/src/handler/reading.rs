//! What a handler can read if it needs more than its event, and its errors if it cannot decide.

use crate::aws::secret::Access;
use crate::clock::{self, Timestamp};
use crate::failure::{Failure, Remedy, chain};
use crate::id::{ContactId, OrganisationId, TicketId};
use crate::model::snapshot_filter::{SnapshotFilter, StoredTicket};
use crate::model::ticket::Ticket;
use crate::private::Private;
use crate::reason::Reason;
use crate::salestrekker::{Contact, Error, FullTicket, Session, Values};
use crate::store::{self, Store, TicketPage, TicketPosition};
use std::collections::BTreeMap;
use std::time::Duration;

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
    /// The table could not be read. The error decides too.
    #[error("the handler cannot read the stored tickets: {}", chain(.0))]
    Store(store::Error),
}

impl From<store::Error> for HandlerError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
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
            Self::Store(error) => error.remedy(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Retry(_) => Reason::HandlerRequestedRetry,
            Self::DeadLetter(_) => Reason::HandlerRejectedEvent,
            Self::Salestrekker(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

/// With less time than this before the deadline, no further page of tickets is read: the decision is still to be sent.
const TIME_TO_DECIDE: Duration = Duration::from_secs(2);

/// Read access to the organisation's tickets and contacts as they are now, which may be later than the event.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a>(ReadSource<'a>);

/// Where a handler reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) salestrekker: Session<'a>,
    pub(crate) store: Option<&'a Store>,
    pub(crate) organisation: &'a OrganisationId,
    pub(crate) until: Timestamp,
}

#[derive(Debug, Clone, Copy)]
enum ReadSource<'a> {
    Deployed(Sources<'a>),
    Memory(&'a Memory),
    Nothing,
}

impl<'a> Reading<'a> {
    /// From Salestrekker and the table.
    pub(crate) fn of(sources: Sources<'a>) -> Self {
        Self(ReadSource::Deployed(sources))
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
            ReadSource::Deployed(from) => Ok(allowed(from.salestrekker).await?.ticket(id).await?),
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
            ReadSource::Deployed(from) => Ok(allowed(from.salestrekker).await?.contact(id).await?),
            ReadSource::Memory(memory) => remembered(memory.contacts.get(id), "contact"),
            ReadSource::Nothing => Err(no_api()),
        }
    }

    /// Our own stored tickets of the organisation that the filter accepts, without asking Salestrekker: the first page for `None`, then the
    /// one at [`TicketPage::next`]. A page has about 500 tickets at most, in no order. Needs `Snapshots: store` in the handler's entry.
    ///
    /// # Errors
    /// [`HandlerError::Store`], or [`HandlerError::Retry`] if the invocation's time is nearly used up.
    pub async fn snapshots(
        &self,
        filter: &SnapshotFilter,
        from: Option<TicketPosition>,
    ) -> Result<TicketPage, HandlerError> {
        match self.0 {
            ReadSource::Deployed(Sources { store: Some(store), organisation, until, .. }) => {
                if until.since(clock::now()) < TIME_TO_DECIDE {
                    return Err(HandlerError::Retry(
                        "the stored tickets are more than one invocation can read",
                    ));
                }
                let from = from.unwrap_or_else(TicketPosition::first);
                Ok(store.tickets_page(organisation, filter, from).await?)
            }
            ReadSource::Memory(memory) => {
                let tickets = memory.stored.iter().filter(|stored| filter.accepts(stored)).cloned().collect();
                Ok(TicketPage { tickets, next: None })
            }
            ReadSource::Deployed(Sources { store: None, .. }) | ReadSource::Nothing => Err(no_table()),
        }
    }

    /// The same of all pages, at most about this number; and whether there may be more.
    ///
    /// # Errors
    /// As [`Reading::snapshots`].
    pub async fn all_snapshots(
        &self,
        filter: &SnapshotFilter,
        most: usize,
    ) -> Result<(Vec<StoredTicket>, bool), HandlerError> {
        let (mut tickets, mut from) = (Vec::new(), None);
        loop {
            let page = self.snapshots(filter, from).await?;
            tickets.extend(page.tickets);
            if page.next.is_none() || tickets.len() >= most {
                return Ok((tickets, page.next.is_some()));
            }
            from = page.next;
        }
    }
}

/// An API in memory, for a handler's tests.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    tickets: BTreeMap<TicketId, FullTicket>,
    contacts: BTreeMap<ContactId, Contact>,
    stored: Vec<StoredTicket>,
}

impl Memory {
    /// With this ticket among the stored ones, in its stage since then.
    #[must_use]
    pub fn with_snapshot(mut self, ticket: &Ticket, stage_since: Timestamp) -> Self {
        self.stored.push(StoredTicket { ticket: ticket.clone(), stage_since: Some(stage_since) });
        self
    }

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

fn no_table() -> HandlerError {
    HandlerError::DeadLetter(
        "a dry run has no stored tickets unless TABLE_NAME names a table; `automations dry-run` does",
    )
}

fn no_api() -> HandlerError {
    HandlerError::DeadLetter(
        "a dry run has no API unless SECRETS_PREFIX names a stack; `automations dry-run` does",
    )
}
