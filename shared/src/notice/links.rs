//! Links from notices into Salestrekker's web app. The pages of its first generation are known (salestrekker-facts.md, section 5),
//! those of the second are inferred; so the patterns are parameters of the template.

use crate::id::{TicketId, WorkflowId};
use std::str::FromStr;
use url::Url;

const HOST: &str = "{host}";
const WORKFLOW: &str = "{workflow}";
const TICKET: &str = "{ticket}";

/// The patterns of links to a ticket and to the board of its workflow.
#[derive(Debug, Clone)]
pub struct Links {
    /// To a ticket.
    pub ticket: LinkPattern,
    /// To a board.
    pub board: LinkPattern,
}

/// An address with `{host}`, `{workflow}` and `{ticket}` in place of what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPattern(String);

/// The text is not the pattern of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an https:// address, in which {{host}}, {{workflow}} and {{ticket}} are replaced")]
pub struct InvalidLinkPattern;

impl FromStr for LinkPattern {
    type Err = InvalidLinkPattern;

    fn from_str(text: &str) -> Result<Self, InvalidLinkPattern> {
        let pattern = Self(text.to_owned());
        let filled = pattern.fill("app.example.com", "w", "t");
        let is_address =
            Url::parse(&filled).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty());
        let is_clean =
            !filled.contains(['{', '}', '<', '>', '"', '|']) && !filled.contains(char::is_whitespace);
        if is_address && is_clean { Ok(pattern) } else { Err(InvalidLinkPattern) }
    }
}

impl LinkPattern {
    /// Whether it needs the host of the organisation's API, which is also that of its web app.
    pub fn needs_host(&self) -> bool {
        self.0.contains(HOST)
    }

    fn fill(&self, host: &str, workflow: &str, ticket: &str) -> String {
        let encoded = |id: &str| form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
        let link = self.0.replace(HOST, host);
        link.replace(WORKFLOW, &encoded(workflow)).replace(TICKET, &encoded(ticket))
    }
}

impl Links {
    /// Whether any of them needs the host.
    pub fn need_host(&self) -> bool {
        self.ticket.needs_host() || self.board.needs_host()
    }

    /// The link to a ticket of this workflow.
    pub fn to_ticket(&self, host: &str, workflow: &WorkflowId, ticket: &TicketId) -> String {
        self.ticket.fill(host, workflow.as_str(), ticket.as_str())
    }

    /// The link to the board of this workflow.
    pub fn to_board(&self, host: &str, workflow: &WorkflowId, ticket: &TicketId) -> String {
        self.board.fill(host, workflow.as_str(), ticket.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_of_its_pattern_and_an_id_cannot_leave_its_place() {
        let links = Links {
            ticket: "https://{host}/deal/{workflow}/{ticket}".parse().unwrap(),
            board: "https://crm.example.com/deals/board/{workflow}".parse().unwrap(),
        };
        let (workflow, ticket) = (WorkflowId::parse("w-1").unwrap(), TicketId::parse("t/../1?x").unwrap());
        assert_eq!(
            links.to_ticket("app.example.com", &workflow, &ticket),
            "https://app.example.com/deal/w-1/t%2F..%2F1%3Fx"
        );
        assert_eq!(
            links.to_board("app.example.com", &workflow, &ticket),
            "https://crm.example.com/deals/board/w-1"
        );
        assert!(links.ticket.needs_host() && !links.board.needs_host() && links.need_host());
    }

    #[test]
    fn what_is_no_address_or_has_another_placeholder_is_refused() {
        for bad in [
            "",
            "{host}/deal/{ticket}",
            "http://{host}/deal/{ticket}",
            "https://",
            "https://{host}/deal/{contact}",
            "https://{host}/deal/ {ticket}",
            "https://user@{host}/{ticket}",
            "javascript://{host}/{ticket}",
        ] {
            assert_eq!(bad.parse::<LinkPattern>(), Err(InvalidLinkPattern), "{bad}");
        }
    }
}
