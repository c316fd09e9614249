//! The marks of our own changes at tickets: an item beside the snapshot with an attribute for each mark. Their number is
//! bounded by the number of labels, stages and people.

use super::keys::{ItemKey, ItemKind, key};
use super::{Error, Item, Store, report_unreadable, text, unavailable, unusable};
use crate::id::{OrganisationId, TicketId};
use crate::json;
use crate::model::own_changes::{Attribution, ChangeMark, OwnChanges};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

impl Store {
    /// What our actions changed at these tickets, read consistently. Read it after the tickets: what a ticket shows of an
    /// action was marked before.
    ///
    /// # Errors
    /// [`Error`]; there is no partial result.
    pub async fn change_marks(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
    ) -> Result<HashMap<TicketId, OwnChanges>, Error> {
        let items = self.items(organisation, tickets, ItemKind::ChangeMarks).await?;
        let changes = items.iter().filter_map(|item| {
            let ticket = ItemKey::of(item)?.kind.ticket()?.clone();
            Some((ticket, own_changes(item)))
        });
        Ok(changes.collect())
    }

    /// Records what actions are about to change at a ticket, before it is sent: afterwards, the webhook could be faster.
    ///
    /// # Errors
    /// [`Error`]; then nothing may be sent.
    pub async fn record_changes(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        changes: &[(Attribution, Vec<ChangeMark>)],
    ) -> Result<(), Error> {
        let mut request = self.client.update_item();
        let mut sets = Vec::new();
        for (action, (by, marks)) in changes.iter().enumerate().filter(|(_, (_, marks))| !marks.is_empty()) {
            request = request.expression_attribute_values(format!(":by{action}"), value(by));
            for mark in marks {
                let name = format!("#m{}", sets.len());
                sets.push(format!("{name} = :by{action}"));
                request = request.expression_attribute_names(name, mark.as_str());
            }
        }
        if sets.is_empty() {
            return Ok(());
        }
        let request = request
            .table_name(&self.table)
            .set_key(Some(key(organisation, ItemKind::ChangeMarks(ticket.clone()))))
            .update_expression(format!("SET {}", sets.join(", ")));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// Records that an action created a ticket.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn record_created(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        attribution: Attribution,
    ) -> Result<(), Error> {
        self.record_changes(organisation, ticket, &[(attribution, vec![ChangeMark::created()])]).await
    }

    /// Removes the marks of an action that did not take effect.
    ///
    /// # Errors
    /// [`Error`]; then the same change by a person is once taken for ours.
    pub async fn remove_change_marks(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        marks: &[ChangeMark],
    ) -> Result<(), Error> {
        if marks.is_empty() {
            return Ok(());
        }
        let mut request = self.client.update_item().table_name(&self.table);
        for (number, mark) in marks.iter().enumerate() {
            request = request.expression_attribute_names(format!("#m{number}"), mark.as_str());
        }
        let names = (0..marks.len()).map(|number| format!("#m{number}")).collect::<Vec<_>>();
        let request = request
            .set_key(Some(key(organisation, ItemKind::ChangeMarks(ticket.clone()))))
            .update_expression(format!("REMOVE {}", names.join(", ")));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }
}

/// The marks in an item. One that cannot be read is logged and left out: the change is then taken for a person's.
fn own_changes(item: &Item) -> OwnChanges {
    let marks = item.iter().filter(|(name, _)| !["pk", "sk"].contains(&name.as_str()));
    let marks = marks.filter_map(|(name, value)| {
        let by = value.as_s().ok().and_then(|text| json::from_json(text.as_bytes()).ok());
        if by.is_none() {
            report_unreadable(item, &unusable(item, "change mark", None));
        }
        Some((ChangeMark::stored(name.clone()), by?))
    });
    OwnChanges(marks.collect())
}

fn value(attribution: &Attribution) -> AttributeValue {
    text(json::to_json(attribution))
}
