//! A notice: its text made whole, then sent.

use crate::ActionError;
use automations::clock::Timestamp;
use automations::id::{DestinationName, TicketId};
use automations::model::action::PlannedAction;
use automations::notice::{Notice, Notices};
use automations::private::Private;
use automations::salestrekker::{Error, Session};
use automations::store::Outcome;

/// What stands for the name of the ticket; only where it is asked for, the ticket is read.
const NAME: &str = "{ticket}";

/// Sends a notice.
pub(crate) async fn notify(
    session: Session<'_>,
    notices: &Notices,
    decided: &PlannedAction,
    message: (&DestinationName, &str, Option<&TicketId>),
    until: Timestamp,
) -> Result<Outcome, ActionError> {
    let (destination, text, about) = message;
    let text = Private::new(match about {
        Some(ticket) if text.contains(NAME) => text.replace(NAME, name(session, ticket).await?.reveal()),
        _ => text.to_owned(),
    });
    notices.send(&Notice { decided, destination, text }, until).await?;
    Ok(Outcome::Sent)
}

async fn name(session: Session<'_>, ticket: &TicketId) -> Result<Private<String>, Error> {
    Ok(session.ticket(ticket).await?.name.unwrap_or_default())
}
