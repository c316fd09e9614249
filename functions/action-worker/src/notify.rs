//! Notices: what a ticket shows of itself is put into the text or the fields, then they are sent.

use crate::context::Context;
use crate::error::ActionError;
use automations::id::{DestinationName, TicketId, WorkflowId};
use automations::model::linked_ticket;
use automations::notice::{Content, Links, Notice};
use automations::private::Private;
use automations::salestrekker::{Error, Session};
use automations::serde_json::{Map, Value};
use automations::store::Outcome;

/// The placeholder for the ticket's name. The ticket is read only if something of it is asked for.
const NAME: &str = "{ticket}";
const TICKET_LINK: &str = "{ticket_link}";
const BOARD_LINK: &str = "{board_link}";
/// The field that asks for the ticket's name.
const NAME_FIELD: &str = "ticket.name";

/// The ticket that a notice is about, and the workflow that it was in when the notice was decided.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) ticket: &'a TicketId,
    pub(crate) workflow: Option<&'a WorkflowId>,
}

/// Sends a text.
pub(crate) async fn notify(
    context: &Context<'_>,
    destination: &DestinationName,
    text: &str,
    about: Option<About<'_>>,
) -> Result<Outcome, ActionError> {
    let text = match about {
        None if linked_ticket::is_in(text) => {
            let patterns = context.notices.links();
            let host = if patterns.need_host() { context.session.host().await? } else { String::new() };
            let link = |workflow: &WorkflowId, ticket: &TicketId| patterns.to_ticket(&host, workflow, ticket);
            Private::new(linked_ticket::linked(text, link))
        }
        None => Private::new(text.to_owned()),
        Some(about) => {
            let needs_link = [TICKET_LINK, BOARD_LINK].iter().any(|placeholder| text.contains(placeholder));
            let facts = facts(context, about, text.contains(NAME), needs_link).await?;
            filled(text, &facts)
        }
    };
    send(context, destination, Content::Text(text)).await
}

/// Sends an event's kind, some of its fields, and a link to its ticket.
pub(crate) async fn notify_json(
    context: &Context<'_>,
    destination: &DestinationName,
    (event, fields): (&str, &Map<String, Value>),
    about: Option<About<'_>>,
) -> Result<Outcome, ActionError> {
    let mut fields = fields.clone();
    let mut link = None;
    if let Some(about) = about {
        let facts = facts(context, about, fields.contains_key(NAME_FIELD), true).await?;
        if let Some(name) = fields.get_mut(NAME_FIELD) {
            *name = facts.name.reveal().as_str().into();
        }
        link = facts.links.map(|links| links.ticket);
    }
    let event = Content::Event { kind: event.to_owned(), fields: Private::new(fields), link };
    send(context, destination, event).await
}

async fn send(
    context: &Context<'_>,
    destination: &DestinationName,
    says: Content,
) -> Result<Outcome, ActionError> {
    let notice = Notice { planned: context.planned, destination, content: says };
    context.notices.send(&notice, context.deadline).await?;
    Ok(Outcome::Sent)
}

/// What a notice may say of a ticket beyond its event.
struct Facts {
    /// Empty if it was not asked for.
    name: Private<String>,
    links: Option<TicketLinks>,
}

struct TicketLinks {
    ticket: String,
    board: String,
}

async fn facts(
    context: &Context<'_>,
    about: About<'_>,
    needs_name: bool,
    needs_link: bool,
) -> Result<Facts, Error> {
    let session = context.session;
    let read = if needs_name || (needs_link && about.workflow.is_none()) {
        Some(session.ticket(about.ticket).await?)
    } else {
        None
    };
    let (name, now_in) = read.map(|ticket| (ticket.name, ticket.id_workflow)).unwrap_or_default();
    let links = if needs_link {
        let workflow = now_in.as_ref().or(about.workflow);
        let workflow =
            workflow.ok_or_else(|| Error::InvalidResponse { at: "ticket.idWorkflow".to_owned() })?;
        Some(links(session, context.notices.links(), workflow, about.ticket).await?)
    } else {
        None
    };
    Ok(Facts { name: name.unwrap_or_default(), links })
}

async fn links(
    session: Session<'_>,
    patterns: &Links,
    workflow: &WorkflowId,
    ticket: &TicketId,
) -> Result<TicketLinks, Error> {
    let host = if patterns.need_host() { session.host().await? } else { String::new() };
    Ok(TicketLinks {
        ticket: patterns.to_ticket(&host, workflow, ticket),
        board: patterns.to_board(&host, workflow, ticket),
    })
}

/// The text with what was asked for; the name last, as it may look like a placeholder.
fn filled(text: &str, facts: &Facts) -> Private<String> {
    let mut text = text.to_owned();
    if let Some(TicketLinks { ticket, board }) = &facts.links {
        text = text.replace(TICKET_LINK, ticket).replace(BOARD_LINK, board);
    }
    Private::new(text.replace(NAME, facts.name.reveal()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_links_and_a_name_that_looks_like_a_placeholder_is_only_a_name() {
        let [ticket, board] = ["https://a.example/deal/w/t", "https://a.example/board/w"].map(str::to_owned);
        let name = Private::new("Jane {ticket_link}".to_owned());
        let facts = Facts { name, links: Some(TicketLinks { ticket, board }) };
        assert_eq!(
            filled("{ticket}: {ticket_link} on {board_link}", &facts).reveal(),
            "Jane {ticket_link}: https://a.example/deal/w/t on https://a.example/board/w"
        );
    }
}
