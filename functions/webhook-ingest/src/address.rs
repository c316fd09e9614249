//! The path of a webhook's URL.

use automations::id::{OrganisationId, WebhookAction};
use automations::telemetry::metric::RejectionReason;

/// The organisation, action and token in a URL; none of them is checked yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The webhook's action.
    pub action: WebhookAction,
    /// The token to check.
    pub token: &'a str,
}

/// Parses the path `/hooks/{organisation}/{action}/{token}`. An organisation whose name is not valid is rejected in the same way
/// as an unknown one.
///
/// # Errors
/// [`RejectionReason::NotFound`] or [`RejectionReason::Unauthorised`].
pub fn address(path: &str) -> Result<Address<'_>, RejectionReason> {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("hooks"), Some(organisation), Some(action), Some(token), None) => {
            match (OrganisationId::parse(organisation), WebhookAction::parse(action)) {
                (Ok(organisation), Ok(action)) => Ok(Address { organisation, action, token }),
                _ => Err(RejectionReason::Unauthorised),
            }
        }
        _ => Err(RejectionReason::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_exactly_four_parts() {
        assert_eq!(address("/hooks/north/ticket-created/t0ken").unwrap().token, "t0ken");
        for path in
            ["/", "/hooks", "/hooks/north/x", "/hook/north/x/t", "/hooks/north/x/t/more", "/hooks/north/x/t/"]
        {
            assert_eq!(address(path).unwrap_err(), RejectionReason::NotFound, "{path}");
        }
        for path in ["/hooks/North/x/t", "/hooks//x/t", "/hooks/../x/t", "/hooks/north/X/t"] {
            assert_eq!(address(path).unwrap_err(), RejectionReason::Unauthorised, "{path}");
        }
    }
}
