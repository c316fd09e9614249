//! The amount of a ticket.

use crate::context::Context;
use crate::edit_ticket::{Remote, edit};
use crate::error::ActionError;
use automations::id::TicketId;
use automations::model::amount::is_same;
use automations::model::own_changes::ChangeMark;
use automations::model::ticket_part::TicketPart;
use automations::salestrekker::FullTicket;
use automations::serde_json::Number;
use automations::store::Outcome;

/// Sets the amount.
pub(crate) async fn set_value(
    context: &mut Context<'_>,
    id: &TicketId,
    value: &Number,
    seen: Option<&TicketPart>,
) -> Result<Outcome, ActionError> {
    let part = |ticket: &FullTicket| {
        let value = value_of(ticket);
        (Some(ChangeMark::value(value)), TicketPart::value(value))
    };
    edit(&mut Remote { context, id }, seen, part, async |ticket| Ok(put_value(ticket, value))).await
}

fn value_of(ticket: &FullTicket) -> Option<&Number> {
    ticket.values.as_ref()?.once_off.as_ref()
}

/// Gives a ticket this amount; returns whether it had another one.
fn put_value(ticket: &mut FullTicket, value: &Number) -> bool {
    if is_same(value_of(ticket), Some(value)) {
        return false;
    }
    ticket.values.get_or_insert_default().once_off = Some(value.clone());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_changed_only_if_it_is_another_one() {
        let with = |fields: &str| -> FullTicket {
            automations::json::from_json(format!(r#"{{"id": "t-1"{fields}}}"#).as_bytes()).unwrap()
        };
        let wanted: Number = 450_000.into();
        for (fields, is_change) in [
            (r#", "values": {"onceOff": 450000}"#, false),
            (r#", "values": {"onceOff": 450000.0}"#, false),
            (r#", "values": {"onceOff": 450000.5}"#, true),
            (r#", "values": {"onceOff": null}"#, true),
            ("", true),
        ] {
            let mut ticket = with(fields);
            assert_eq!(put_value(&mut ticket, &wanted), is_change, "{fields}");
            assert!(is_same(value_of(&ticket), Some(&wanted)), "{fields}");
        }
    }
}
