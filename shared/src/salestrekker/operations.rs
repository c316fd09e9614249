//! A typed function for each operation that public code has shown to exist. Each document says how well it is
//! known.

use super::contact::{Contact, NewContact, Who};
use super::document as documents;
use super::model::{FullTicket, Membership, NewTicket, TicketExtras, Workflow, WorkflowName, required_field};
use super::mutation::{Filled, Missing, fill};
use super::own_fields;
use super::response::Effect;
use super::session::Lookup;
use super::transport::Request;
use super::{Error, Label, Session};
use crate::id::{ContactId, TicketId, WorkflowId};
use crate::model::ticket_fields::TicketFields;
use crate::private::Private;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

impl Session<'_> {
    /// These tickets, in the order of the ids; `None` if the API returns none.
    ///
    /// # Errors
    /// If a whole request fails. The error of one ticket is its own result.
    pub async fn tickets(&self, ids: &[TicketId]) -> Result<Vec<Lookup<FullTicket>>, Error> {
        let ids: Vec<&str> = ids.iter().map(TicketId::as_str).collect();
        self.request_each(&documents::TICKET, &ids).await
    }

    /// The same with the fields of `TicketFields`, and without them if that is why a ticket cannot be read.
    ///
    /// # Errors
    /// As [`Session::tickets`].
    pub(super) async fn tickets_with(
        &self,
        ids: &[TicketId],
        fields: &TicketFields,
    ) -> Result<Vec<Lookup<FullTicket>>, Error> {
        if fields.is_empty() {
            return self.tickets(ids).await;
        }
        let texts: Vec<&str> = ids.iter().map(TicketId::as_str).collect();
        let found = self.request_each(&documents::TICKET.with_fields(fields), &texts).await;
        let without = async |ids: Vec<TicketId>| self.tickets(&ids).await;
        let (found, is_rejected) = own_fields::or_without(ids, found, without).await?;
        if is_rejected {
            let lines: Vec<String> = fields.iter().map(own_fields::line).collect();
            self.client.dropped_fields.drop(self.organisation, &lines);
        }
        Ok(found)
    }

    /// One ticket.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn ticket(&self, id: &TicketId) -> Result<FullTicket, Error> {
        one("ticket", self.tickets(std::slice::from_ref(id)).await?)
    }

    /// The less certain fields of a ticket. If the vendor's schema lacks any of them, the whole request is
    /// rejected.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn ticket_extras(&self, id: &TicketId) -> Result<TicketExtras, Error> {
        one("ticket", self.request_each(&documents::TICKET_EXTRAS, &[id.as_str()]).await?)
    }

    /// The less certain fields of a ticket, as they come.
    pub(super) async fn ticket_extras_as_received(
        &self,
        id: &TicketId,
    ) -> Result<Private<Map<String, Value>>, Error> {
        one("ticket", self.request_each(&documents::TICKET_EXTRAS, &[id.as_str()]).await?)
    }

    /// These contacts, in the order of the ids; `None` if the API returns none.
    ///
    /// # Errors
    /// If a whole request fails. The error of one contact is its own result.
    pub async fn contacts(&self, ids: &[ContactId]) -> Result<Vec<Lookup<Contact>>, Error> {
        let ids: Vec<&str> = ids.iter().map(ContactId::as_str).collect();
        self.request_each(&documents::CONTACT, &ids).await
    }

    /// One contact.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn contact(&self, id: &ContactId) -> Result<Contact, Error> {
        one("contact", self.contacts(std::slice::from_ref(id)).await?)
    }

    /// These workflows with their stages, in the order of the ids; `None` if the API returns none.
    ///
    /// # Errors
    /// If a whole request fails. The error of one workflow is its own result.
    pub async fn workflows(&self, ids: &[WorkflowId]) -> Result<Vec<Lookup<Workflow>>, Error> {
        let ids: Vec<&str> = ids.iter().map(WorkflowId::as_str).collect();
        self.request_each(&documents::WORKFLOW, &ids).await
    }

    /// The names of all the organisation's workflows.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn all_workflows(&self) -> Result<Vec<WorkflowName>, Error> {
        self.list(documents::WORKFLOWS, json!({})).await
    }

    /// The workflows whose name contains this text.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn search_workflows(&self, text: &str) -> Result<Vec<WorkflowName>, Error> {
        self.list(documents::WORKFLOWS_SEARCH, json!({ "query": text })).await
    }

    /// All the organisation's labels, of tickets and of contacts.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn all_labels(&self) -> Result<Vec<Label>, Error> {
        self.list(documents::LABELS, json!({})).await
    }

    /// The ids that an operator's own query lists: its one field is called `result` and is a list of ids, or
    /// of objects with an `id`. No such query has been observed (salestrekker-facts.md, section 4); the
    /// vendor's schema may have one.
    ///
    /// # Errors
    /// The request's error, or [`Error::InvalidResponse`] if the response is not such a list.
    pub async fn listed_tickets(&self, query: &str) -> Result<Vec<TicketId>, Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Listed {
            Id(TicketId),
            Ticket { id: TicketId },
        }
        let document = documents::Document::of_handler(query.to_owned());
        let listed = self.list::<Listed>(document, json!({})).await?;
        let ids = listed.into_iter().map(|listed| match listed {
            Listed::Id(id) | Listed::Ticket { id } => id,
        });
        Ok(ids.collect())
    }

    /// The organisations that the token's user may enter; [`super::Transport::sign_in`] takes the id of one.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn organizations(&self) -> Result<Vec<Membership>, Error> {
        self.list(documents::ORGANIZATIONS, json!({})).await
    }

    /// The API's own schema, as an introspection returns it: `{"data": {"__schema"}}`. Whether an ordinary
    /// key may request it is not known (salestrekker-facts.md, section 4).
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn introspect(&self) -> Result<Value, Error> {
        let schema: Value = self.request(documents::INTROSPECTION, json!({}), Effect::ReadOnly).await?;
        Ok(json!({ "data": { "__schema": schema } }))
    }

    /// Creates a ticket and returns its id. Not idempotent: after [`Error::OutcomeUnknown`] the ticket may
    /// exist.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn create_ticket(&self, ticket: &NewTicket) -> Result<TicketId, Error> {
        self.create(documents::TICKET_CREATE, ticket).await
    }

    /// Creates a contact and returns its id. Not idempotent: after [`Error::OutcomeUnknown`] the contact may
    /// exist.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn create_contact(&self, contact: &NewContact) -> Result<ContactId, Error> {
        let document = match contact.who {
            Who::Person { .. } => documents::CONTACT_CREATE_PERSON,
            Who::Company { .. } => documents::CONTACT_CREATE_COMPANY,
        };
        self.create(document, contact).await
    }

    /// Replaces a ticket by this one, with everything that was read of it. After any error, fetch the ticket again before it is sent again: another user may
    /// have changed it meanwhile. So the client does not repeat it.
    ///
    /// # Errors
    /// [`Error::InvalidResponse`] if the ticket lacks a field that an update must send; else the request's
    /// error.
    pub async fn update_ticket(&self, ticket: FullTicket) -> Result<(), Error> {
        let filled = ticket_update(ticket)?;
        let _: Value = self.request(filled.document, filled.variables, Effect::NonIdempotent).await?;
        Ok(())
    }

    /// Sends a handler's own mutation. `repeatable`: sending it twice does no harm.
    ///
    /// # Errors
    /// The request's [`Error`].
    pub async fn mutate(&self, document: &str, variables: Value, repeatable: bool) -> Result<(), Error> {
        let effect = if repeatable { Effect::Idempotent } else { Effect::NonIdempotent };
        let document = documents::Document::of_handler(document.to_owned());
        self.send(&Request { document, variables, effect }).await?.check_complete(effect)
    }

    async fn create<Id: DeserializeOwned>(
        &self,
        document: documents::Document,
        input: &impl Serialize,
    ) -> Result<Id, Error> {
        let filled = fill(&document, &fields(input)?, Missing::LeftOut)?;
        let response = self.request(filled.document, filled.variables, Effect::NonIdempotent).await;
        // The object exists, so an id that cannot be read must not lead to a second one.
        response.map_err(|error| match error {
            Error::InvalidResponse { .. } => Error::OutcomeUnknown,
            other => other,
        })
    }

    /// A list that the API returns whole; no paging has been observed.
    async fn list<T: DeserializeOwned>(
        &self,
        document: documents::Document,
        variables: Value,
    ) -> Result<Vec<T>, Error> {
        let list: Option<Vec<T>> = self.request(document, variables, Effect::ReadOnly).await?;
        Ok(list.unwrap_or_default())
    }
}

/// The mutation that replaces a ticket by this one.
pub(super) fn ticket_update(mut ticket: FullTicket) -> Result<Filled, Error> {
    // An amount that the API did not return cannot be sent back.
    required_field(ticket.values.as_ref().and_then(|values| values.once_off.as_ref()), "values.onceOff")?;
    ticket.ticket_client_types.get_or_insert_default();
    fill(&documents::TICKET_UPDATE, &fields(&ticket)?, Missing::Refused)
}

/// The fields of an input, by the names of the variables of its document.
fn fields(input: &impl Serialize) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(input) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) | Err(_) => Err(Error::InvalidResponse { at: "the input".to_owned() }),
    }
}

fn one<T>(what: &str, found: Vec<Lookup<T>>) -> Result<T, Error> {
    let found = found.into_iter().next().transpose()?.flatten();
    found.ok_or_else(|| Error::NotFound { what: what.to_owned() })
}
