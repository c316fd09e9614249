//! Hints of paused organisations: nothing is fetched for them.

use crate::enricher::{Enricher, Result};
use automations::aws::batch::{Message, MessageError};
use automations::id::{OrganisationId, TicketId};
use automations::model::hint::Hint;
use automations::store::paused_organisations;
use automations::telemetry::EventName;
use automations::tracing;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A message with its result.
type Settled = (Message<Hint>, Result<()>);

impl Enricher {
    /// The messages of organisations that are not paused, and the others with their results. A hint of tickets that the table has is
    /// dropped: the tickets become due when the pause ends. Any other hint is the only trace of what it says, such as a form or a new
    /// ticket: it is kept among the dead letters, and sent again when the pause ends.
    pub(crate) async fn unless_paused(
        &self,
        messages: Vec<Message<Hint>>,
    ) -> (Vec<Message<Hint>>, Vec<Settled>) {
        if messages.is_empty() {
            return (messages, Vec::new());
        }
        let paused = match self.pauses.current(Instant::now()).await {
            Ok(pauses) => paused_organisations(&pauses),
            Err(error) => {
                let error = MessageError::from(error).retried();
                return (Vec::new(), messages.into_iter().map(|it| (it, Err(error.clone()))).collect());
            }
        };
        let (of_paused, others): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| paused.contains(&message.body.organisation));
        if of_paused.is_empty() {
            return (others, Vec::new());
        }
        let known = self.known_tickets(&of_paused).await;
        let settled = of_paused.into_iter().map(|message| {
            let result = match known.get(&message.body.organisation) {
                Some(Ok(known)) => result_of(&message.body, message.receives, known),
                Some(Err(error)) => Err(error.clone()),
                None => result_of(&message.body, message.receives, &BTreeSet::new()),
            };
            (message, result)
        });
        (others, settled.collect())
    }

    /// Those of the tickets that the messages name which the table has.
    async fn known_tickets(
        &self,
        messages: &[Message<Hint>],
    ) -> BTreeMap<OrganisationId, Result<BTreeSet<TicketId>>> {
        let mut named: BTreeMap<OrganisationId, BTreeSet<TicketId>> = BTreeMap::new();
        for hint in messages.iter().flat_map(|message| message.body.each()) {
            named.entry(hint.organisation).or_default().extend(hint.ticket);
        }
        let mut all = BTreeMap::new();
        for (organisation, tickets) in named {
            let tickets: Vec<TicketId> = tickets.into_iter().collect();
            let known = self.store.known(&organisation, &tickets).await;
            let known = known.map(|known| known.into_keys().collect());
            all.insert(organisation, known.map_err(|error| MessageError::from(error).retried()));
        }
        all
    }
}

fn result_of(message: &Hint, receives: u32, known: &BTreeSet<TicketId>) -> Result<()> {
    // Without an action, it is the reconciler's: of a ticket that is still due, or for the list query, which is asked for each hour.
    let is_repeated =
        |hint: &Hint| hint.action.is_none() || hint.ticket.as_ref().is_some_and(|it| known.contains(it));
    // A reminder that could not be looked at before is due again only hours later, and the end of the pause makes tickets due, no reminders.
    let is_postponed = message.reminder && receives > 1;
    if is_postponed || message.inbound.is_some() || !message.each().iter().all(is_repeated) {
        return Err(MessageError::held("the organisation"));
    }
    tracing::info!(
        event_name = EventName::HintPaused.as_str(),
        organisation = message.organisation.as_str(),
        hint.id = message.id.as_str(),
        "the organisation is paused; its tickets are fetched when that ends"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::json::from_json;
    use automations::reason::Reason;

    fn settled(fields: &str) -> Option<Reason> {
        settled_at(1, fields)
    }

    fn settled_at(receives: u32, fields: &str) -> Option<Reason> {
        let hint = format!(
            r#"{{"id": "h-1", "organisation": "north", "received_at": "2026-01-01T00:00:00Z", "raw": null, {fields}}}"#
        );
        let hint: Hint = from_json(hint.as_bytes()).unwrap();
        let known = BTreeSet::from([TicketId::parse("t-1").unwrap()]);
        result_of(&hint, receives, &known).err().map(|error| error.reason)
    }

    #[test]
    fn of_a_paused_organisation_only_what_will_be_fetched_again_is_dropped() {
        assert_eq!(settled(r#""action": "ticket-updated", "ticket": "t-1""#), None);
        assert_eq!(settled(r#""action": null, "ticket": "t-2""#), None, "the reconciler's");
        assert_eq!(settled(r#""action": null, "ticket": null"#), None, "the list query");
        assert_eq!(settled(r#""action": "ticket-created", "ticket": "t-2""#), Some(Reason::Paused));
        assert_eq!(settled(r#""action": "ticket-updated", "ticket": null"#), Some(Reason::Paused));
        let form = r#""action": "inbound-survey", "ticket": null, "inbound": {"digest": "d", "has_id": false, "fields": {}}"#;
        assert_eq!(settled(form), Some(Reason::Paused));
        let reminder = r#""action": null, "ticket": "t-1", "reminder": true"#;
        assert_eq!(settled(reminder), None, "it is still due");
        assert_eq!(settled_at(2, reminder), Some(Reason::Paused), "it was put off when its check failed");
    }
}
