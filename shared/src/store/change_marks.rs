//! What our actions left at tickets: an item beside the snapshot, an attribute for each trace, whose number is bounded by
//! the labels, stages and people that there are.

use super::snapshots::{ticket_key, ticket_prefix};
use super::{Error, Item, Store, key, text, unavailable};
use crate::id::{OrganisationId, TicketId};
use crate::json;
use crate::model::own_changes::{Attribution, ChangeMark, OwnChanges};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use std::collections::HashMap;

/// The sort key of the item.
const OURS: &str = "OURS";

impl Store {
    /// What actions of ours left at these tickets, read consistently. It is read after the tickets are looked at: what the
    /// look saw of an action was noted before.
    ///
    /// # Errors
    /// [`Error`]; nothing is half read.
    pub async fn ours(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
    ) -> Result<HashMap<TicketId, OwnChanges>, Error> {
        let items = self.items(organisation, tickets, OURS).await?;
        let prefix = ticket_prefix(organisation);
        let ours = items.iter().map(|item| {
            let pk = item.get("pk").and_then(|pk| pk.as_s().ok()?.strip_prefix(&prefix));
            let ticket = pk.and_then(|pk| TicketId::parse(pk).ok());
            Ok((ticket.ok_or(Error::Unusable { attribute: "pk", decode_error: None })?, ours(item)?))
        });
        ours.collect()
    }

    /// Notes what an action is about to leave at a ticket, before it is sent: after it, its webhook would be faster.
    ///
    /// # Errors
    /// [`Error`]; then nothing may be sent.
    pub async fn leave(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        traces: &[ChangeMark],
        left: &Attribution,
    ) -> Result<(), Error> {
        self.change_traces(organisation, ticket, traces, Some(left)).await
    }

    /// Takes back what was noted of an action that was not done.
    ///
    /// # Errors
    /// [`Error`]; somebody else's same change would be taken for ours once.
    pub async fn take_back(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        traces: &[ChangeMark],
    ) -> Result<(), Error> {
        self.change_traces(organisation, ticket, traces, None).await
    }

    /// Sets these traces to what was left, or removes them.
    async fn change_traces(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        traces: &[ChangeMark],
        left: Option<&Attribution>,
    ) -> Result<(), Error> {
        if traces.is_empty() {
            return Ok(());
        }
        let mut request = self.client.update_item().table_name(&self.table);
        for (number, trace) in traces.iter().enumerate() {
            request = request.expression_attribute_names(format!("#t{number}"), trace.as_str());
        }
        let (verb, what) = if left.is_some() { ("SET", " = :left") } else { ("REMOVE", "") };
        let changes = (0..traces.len()).map(|number| format!("#t{number}{what}")).collect::<Vec<_>>();
        let request = request
            .set_key(Some(key(ticket_key(organisation, ticket), OURS)))
            .update_expression(format!("{verb} {}", changes.join(", ")))
            .set_expression_attribute_values(
                left.map(|left| HashMap::from([(":left".to_owned(), value(left))])),
            );
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// The part of a transaction that notes a ticket which an action created.
    pub(super) fn created(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        left: &Attribution,
    ) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(ticket_key(organisation, ticket), OURS)))
            .update_expression("SET #created = :left")
            .expression_attribute_names("#created", ChangeMark::created().as_str())
            .expression_attribute_values(":left", value(left))
    }
}

/// What an item says that our actions left.
fn ours(item: &Item) -> Result<OwnChanges, Error> {
    let traces = item.iter().filter(|(name, _)| !["pk", "sk"].contains(&name.as_str()));
    let traces = traces.map(|(name, value)| {
        let unusable = |decode_error| Error::Unusable { attribute: OURS, decode_error };
        let left = value.as_s().map_err(|_no_text| unusable(None))?;
        let left = json::from_json(left.as_bytes()).map_err(|decode_error| unusable(Some(decode_error)))?;
        Ok((ChangeMark::stored(name.clone()), left))
    });
    Ok(OwnChanges(traces.collect::<Result<_, Error>>()?))
}

fn value(left: &Attribution) -> AttributeValue {
    text(json::to_json(left))
}
