//! A notice: the ticket's name is put into its text, then it is sent.

use crate::context::Context;
use crate::error::ActionError;
use automations::id::{DestinationName, TicketId};
use automations::notice::Notice;
use automations::private::Private;
use automations::salestrekker::{Error, Session};
use automations::store::Outcome;

/// The placeholder for the ticket's name. The ticket is read only if the text contains it.
const NAME: &str = "{ticket}";

/// Sends a notice.
pub(crate) async fn notify(
    context: &Context<'_>,
    destination: &DestinationName,
    text: &str,
    about: Option<&TicketId>,
) -> Result<Outcome, ActionError> {
    let text = Private::new(match about {
        Some(ticket) if text.contains(NAME) => {
            text.replace(NAME, name(context.session, ticket).await?.reveal())
        }
        _ => text.to_owned(),
    });
    let notice = Notice { planned: context.planned, destination, text };
    context.notices.send(&notice, context.deadline).await?;
    Ok(Outcome::Sent)
}

async fn name(session: Session<'_>, ticket: &TicketId) -> Result<Private<String>, Error> {
    Ok(session.ticket(ticket).await?.name.unwrap_or_default())
}
