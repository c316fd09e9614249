//! The place of a link in a notice about several tickets: `{ticket_link:WORKFLOW:TICKET}`, both ids encoded as in a form, so that none has a
//! colon or a brace.

use crate::id::{TicketId, WorkflowId};

const START: &str = "{ticket_link:";

/// The place of a link to this ticket of this workflow.
pub(crate) fn written(workflow: &WorkflowId, ticket: &TicketId) -> String {
    let encoded = |id: &str| form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
    format!("{START}{}:{}}}", encoded(workflow.as_str()), encoded(ticket.as_str()))
}

/// Whether the text has a place of a link.
pub fn is_in(text: &str) -> bool {
    text.contains(START)
}

/// The text with its links. What only looks like a place of one stays.
pub fn linked(text: &str, link: impl Fn(&WorkflowId, &TicketId) -> String) -> String {
    let mut parts = text.split(START);
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').and_then(|(ids, rest)| Some((read(ids)?, rest))) {
            Some(((workflow, ticket), rest)) => linked.extend([link(&workflow, &ticket).as_str(), rest]),
            None => linked.extend([START, part]),
        }
    }
    linked
}

fn read(ids: &str) -> Option<(WorkflowId, TicketId)> {
    let (workflow, ticket) = ids.split_once(':')?;
    let decoded = |text: &str| {
        let pair = format!("id={text}");
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((WorkflowId::parse(decoded(workflow)?).ok()?, TicketId::parse(decoded(ticket)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_of_links_are_replaced_and_what_only_looks_like_one_stays() {
        let (workflow, ticket) = (WorkflowId::parse("w-1").unwrap(), TicketId::parse("t-1").unwrap());
        let place = written(&workflow, &ticket);
        let text = format!("a {place}{place} {{ticket_link:x}} {{ticket_link:");
        let shown = linked(&text, |workflow, ticket| format!("<{workflow}/{ticket}>"));
        assert_eq!(shown, "a <w-1/t-1><w-1/t-1> {ticket_link:x} {ticket_link:");
        assert!(is_in(&text) && !is_in("{ticket_link}"));
    }

    proptest! {
        #[test]
        fn any_two_ids_are_read_back(workflow in "[!-~]{1,64}", ticket in "[!-~]{1,64}", before in ".{0,9}") {
            let (workflow, ticket) = (WorkflowId::parse(workflow).unwrap(), TicketId::parse(ticket).unwrap());
            let text = format!("{before}{}", written(&workflow, &ticket));
            let shown = linked(&text, |workflow, ticket| format!("{workflow} {ticket}"));
            prop_assert_eq!(shown, format!("{before}{workflow} {ticket}"));
        }

        #[test]
        fn any_text_without_a_place_stays_as_it_is(text in ".{0,40}") {
            prop_assume!(!is_in(&text));
            prop_assert_eq!(linked(&text, |_, _| String::new()), text);
        }
    }
}
