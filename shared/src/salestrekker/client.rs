//! Requests in an organisation's name: with its token, fetched anew once where it is refused.

use super::document::{self, alias, variable};
use super::model::TicketUpdate;
use super::names::Names;
use super::transport::{Answer, Effect, GraphQlError, fit, rejected};
use super::{Error, FullTicket, NewTicket, Transport, Workflow};
use crate::endpoint::Endpoint;
use crate::id::{OrganisationId, TicketId, WorkflowId};
use crate::secret::{ApiToken, Secrets};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// So many ids go into one request.
const IDS_PER_REQUEST: usize = 25;
/// So many requests of one batch are on their way at once.
const REQUESTS_AT_ONCE: usize = 4;

/// The client. One per process.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    secrets: Secrets,
    pub(super) names: Names,
}

/// What became of one id of a batch: the thing, nothing there, or an error of its own.
pub(super) type Found<T> = Result<Option<T>, Error>;

impl Client {
    /// A client that takes each organisation's token from `secrets`.
    pub fn new(transport: Transport, secrets: Secrets) -> Self {
        Self { transport, secrets, names: Names::default() }
    }

    /// These tickets, in their order: 25 to a request, at most four requests at once. One bad id spoils only itself.
    ///
    /// # Errors
    /// Where a whole request failed.
    pub async fn tickets(
        &self,
        organisation: &OrganisationId,
        ids: &[TicketId],
    ) -> Result<Vec<Result<Option<FullTicket>, Error>>, Error> {
        let texts: Vec<&str> = ids.iter().map(TicketId::as_str).collect();
        self.batch(organisation, &texts, document::tickets).await
    }

    /// One ticket.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; else as the request failed.
    pub async fn ticket(&self, organisation: &OrganisationId, id: &TicketId) -> Result<FullTicket, Error> {
        let found = self.tickets(organisation, std::slice::from_ref(id)).await?;
        found
            .into_iter()
            .next()
            .transpose()?
            .flatten()
            .ok_or_else(|| Error::NotFound { what: "ticket".to_owned() })
    }

    /// Creates a ticket and tells its id. Not idempotent: after [`Error::Ambiguous`] there may be one.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn create_ticket(
        &self,
        organisation: &OrganisationId,
        ticket: &NewTicket,
    ) -> Result<TicketId, Error> {
        let variables = json!({ "ticket": ticket });
        let answer = self.ask(organisation, document::TICKET_CREATE, &variables, Effect::Mutation).await?;
        // The ticket exists, so an id that cannot be read must not lead to a second one.
        answer.field("ticketCreate").map_err(|error| match error {
            Error::Malformed { .. } => Error::Ambiguous,
            other => other,
        })
    }

    /// Replaces a ticket by this one. Idempotent.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the ticket lacks what an update must send; else as the request failed.
    pub async fn update_ticket(
        &self,
        organisation: &OrganisationId,
        ticket: FullTicket,
    ) -> Result<(), Error> {
        let variables = json!({ "ticket": TicketUpdate::try_from(ticket)? });
        let answer = self.ask(organisation, document::TICKET_UPDATE, &variables, Effect::Mutation).await?;
        let _: Option<String> = answer.field("ticketUpdate")?;
        Ok(())
    }

    pub(super) async fn workflows(
        &self,
        organisation: &OrganisationId,
        ids: &[WorkflowId],
    ) -> Result<Vec<Found<Workflow>>, Error> {
        let texts: Vec<&str> = ids.iter().map(WorkflowId::as_str).collect();
        self.batch(organisation, &texts, document::workflows).await
    }

    /// The answer to a query or mutation in this organisation's name. A refused token is fetched anew once: rotation
    /// may have replaced it a moment ago.
    pub(super) async fn ask(
        &self,
        organisation: &OrganisationId,
        document: &str,
        variables: &Value,
        effect: Effect,
    ) -> Result<Answer, Error> {
        let token = self.secrets.api_token(organisation).await?;
        match self.send(&token, document, variables, effect).await {
            Err(Error::CredentialRefused) => {
                let fresh = self.secrets.fresh_api_token(organisation).await?;
                self.send(&fresh, document, variables, effect).await
            }
            answer => answer,
        }
    }

    async fn send(
        &self,
        token: &ApiToken,
        document: &str,
        variables: &Value,
        effect: Effect,
    ) -> Result<Answer, Error> {
        self.transport.send(&token.endpoint, Some(&token.token), document, variables, effect).await
    }

    async fn batch<T: DeserializeOwned>(
        &self,
        organisation: &OrganisationId,
        ids: &[&str],
        document: fn(usize) -> String,
    ) -> Result<Vec<Found<T>>, Error> {
        let requests = ids.chunks(IDS_PER_REQUEST).map(|chunk| async move {
            let variables: Map<String, Value> =
                chunk.iter().enumerate().map(|(position, id)| (variable(position), json!(id))).collect();
            let answer =
                self.ask(organisation, &document(chunk.len()), &variables.into(), Effect::None).await?;
            Ok::<_, Error>(by_position(answer, chunk.len()))
        });
        let chunks: Vec<Vec<Found<T>>> =
            stream::iter(requests).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        Ok(chunks.into_iter().flatten().collect())
    }
}

impl Transport {
    /// A new token for this API key. The token acts in the organisation that the key belongs to.
    ///
    /// # Errors
    /// As the request failed; a wrong key is [`Error::Rejected`] or [`Error::CredentialRefused`]: what the vendor
    /// answers is not known (salestrekker-facts.md, section 2).
    pub async fn authenticate(
        &self,
        endpoint: &Endpoint,
        api_key: &SecretString,
    ) -> Result<SecretString, Error> {
        #[derive(Deserialize)]
        struct Authentication {
            token: SecretString,
        }
        #[expect(clippy::disallowed_methods, reason = "this is where the key is sent")]
        let variables = json!({ "apiKey": api_key.expose_secret() });
        // A token that nobody received is of no use to anybody, so asking twice is harmless.
        let answer = self.send(endpoint, None, document::AUTHENTICATE, &variables, Effect::None).await?;
        Ok(answer.field::<Authentication>("authenticate")?.token)
    }

    /// Whether the API takes this token: one harmless query.
    ///
    /// # Errors
    /// [`Error::CredentialRefused`] where it does not; else as the request failed.
    pub async fn try_token(&self, token: &ApiToken) -> Result<(), Error> {
        let answer = self
            .send(&token.endpoint, Some(&token.token), document::LABELS, &json!({}), Effect::None)
            .await?;
        let _: Option<Value> = answer.field("labels")?;
        Ok(())
    }
}

/// Sorts an aliased answer by place. An error belongs to the alias at the head of its path; one without a path spoils
/// every place that has no data.
fn by_position<T: DeserializeOwned>(mut answer: Answer, count: usize) -> Vec<Found<T>> {
    (0..count)
        .map(|position| {
            let alias = alias(position);
            let value = answer.data.get_mut(&alias).map(Value::take).unwrap_or_default();
            if !value.is_null() {
                return fit(value, &alias).map(Some);
            }
            let errors: Vec<GraphQlError> = answer
                .errors
                .iter()
                .filter(|error| error.path.first().is_none_or(|head| head.as_str() == Some(&alias)))
                .cloned()
                .collect();
            if errors.iter().all(GraphQlError::is_not_found) { Ok(None) } else { Err(rejected(errors)) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(json: Value) -> GraphQlError {
        serde_json::from_value(json).unwrap()
    }

    proptest! {
        #[test]
        fn each_id_of_a_batch_gets_exactly_its_own_result(fates in proptest::collection::vec(0..4_u8, 0..25)) {
            let mut answer = Answer { data: json!({}), errors: Vec::new() };
            for (position, fate) in fates.iter().enumerate() {
                let alias = alias(position);
                match fate {
                    0 => answer.data[&alias] = json!(position),
                    1 => answer.data[&alias] = Value::Null,
                    2 => answer.errors.push(error(json!({"message": "no", "path": [alias, "name"]}))),
                    _ => answer.errors.push(error(json!({"path": [alias], "extensions": {"code": "NOT_FOUND"}}))),
                }
            }
            let found: Vec<Found<usize>> = by_position(answer, fates.len());
            prop_assert_eq!(found.len(), fates.len());
            for (position, (fate, found)) in fates.iter().zip(&found).enumerate() {
                match fate {
                    0 => prop_assert_eq!(found.as_ref().unwrap(), &Some(position)),
                    2 => prop_assert!(found.is_err()),
                    _ => prop_assert_eq!(found.as_ref().unwrap(), &None),
                }
            }
        }
    }

    #[test]
    fn an_error_without_a_path_spoils_only_what_has_no_data() {
        let answer =
            Answer { data: json!({"a0": 7}), errors: vec![error(json!({"message": "half of it failed"}))] };
        let found: Vec<Found<u8>> = by_position(answer, 2);
        assert!(matches!(found[0], Ok(Some(7))) && found[1].is_err());
    }
}
