//! Senders that ask, before they send anything, whether the URL is ours. The token in the URL was checked before.

use automations::aws::secret::{Challenge, is_same};
use automations::json::from_json;
use automations::lambda_http::{Request, RequestExt as _};
use automations::serde_json::Value;
use automations::telemetry::metric::RejectionReason;

/// Okta's header (Okta Developer documentation, "Event hooks", one-time verification request).
const OKTA: &str = "x-okta-verification-challenge";
/// A challenge is random text; this is more than any sender's.
const MAX_CHALLENGE: usize = 1_024;

/// What a sender expects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A JSON object with one field.
    Json(&'static str, String),
    /// The challenge itself.
    Text(String),
}

/// The answer to a GET, if it is a challenge of the declared kind.
pub(crate) fn to_get(
    declared: Challenge,
    request: &Request,
    token: &str,
) -> Result<Option<Answer>, RejectionReason> {
    match declared {
        Challenge::None | Challenge::Slack => Ok(None),
        Challenge::Okta => {
            let Some(challenge) = request.headers().get(OKTA) else { return Ok(None) };
            let challenge = valid(challenge.to_str().ok())?;
            Ok(Some(Answer::Json("verification", challenge)))
        }
        Challenge::Hub => {
            let query = request.query_string_parameters();
            let (Some("subscribe"), Some(challenge)) =
                (query.first("hub.mode"), query.first("hub.challenge"))
            else {
                return Ok(None);
            };
            // Meta sends a token that was typed in beside the URL: the same as the URL's. WebSub sends none.
            if query.first("hub.verify_token").is_some_and(|received| !is_same(token, received)) {
                return Err(RejectionReason::Unauthorised);
            }
            Ok(Some(Answer::Text(valid(Some(challenge))?)))
        }
    }
}

/// The answer to a POST, if it is a challenge of the declared kind.
pub(crate) fn to_post(declared: Challenge, body: &[u8]) -> Result<Option<Answer>, RejectionReason> {
    match declared {
        Challenge::None | Challenge::Hub | Challenge::Okta => Ok(None),
        Challenge::Slack => {
            let body = from_json::<Value>(body).unwrap_or_default();
            let text = |name| body.get(name).and_then(Value::as_str);
            if text("type") != Some("url_verification") {
                return Ok(None);
            }
            Ok(Some(Answer::Json("challenge", valid(text("challenge"))?)))
        }
    }
}

fn valid(challenge: Option<&str>) -> Result<String, RejectionReason> {
    let is_valid = |text: &&str| {
        (1..=MAX_CHALLENGE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    challenge.filter(is_valid).map(str::to_owned).ok_or(RejectionReason::UnsupportedBody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::lambda_http::http;
    use std::collections::HashMap;

    fn get(query: &[(&str, &str)], okta: Option<&str>) -> Request {
        let mut request = http::Request::get("/");
        if let Some(okta) = okta {
            request = request.header("X-Okta-Verification-Challenge", okta);
        }
        let query: HashMap<String, Vec<String>> =
            query.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
        request.body(().into()).unwrap().with_query_string_parameters(query)
    }

    /// F18 of the field faults.
    #[test]
    fn each_sender_gets_its_challenge_back_as_it_wants_it() {
        let hub = [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", "t0ken")];
        let text = |value: &str| Ok(Some(Answer::Text(value.to_owned())));
        assert_eq!(to_get(Challenge::Hub, &get(&hub, None), "t0ken"), text("1158201444"));
        assert_eq!(to_get(Challenge::Hub, &get(&hub[..2], None), "t0ken"), text("1158201444"), "WebSub");
        let okta = Ok(Some(Answer::Json("verification", "c-1".to_owned())));
        assert_eq!(to_get(Challenge::Okta, &get(&[], Some("c-1")), "t0ken"), okta);
        let slack = br#"{"token": "x", "challenge": "c-1", "type": "url_verification"}"#;
        let answer = Ok(Some(Answer::Json("challenge", "c-1".to_owned())));
        assert_eq!(to_post(Challenge::Slack, slack), answer);
    }

    #[test]
    fn what_is_not_declared_or_is_not_a_challenge_is_none() {
        let hub = [("hub.mode", "subscribe"), ("hub.challenge", "1")];
        for declared in [Challenge::None, Challenge::Slack] {
            assert_eq!(to_get(declared, &get(&hub, Some("c-1")), "t0ken"), Ok(None));
        }
        assert_eq!(to_get(Challenge::Okta, &get(&hub, None), "t0ken"), Ok(None));
        assert_eq!(to_get(Challenge::Hub, &get(&[], Some("c-1")), "t0ken"), Ok(None));
        let unsubscribe = [("hub.mode", "unsubscribe"), ("hub.challenge", "1")];
        assert_eq!(to_get(Challenge::Hub, &get(&unsubscribe, None), "t0ken"), Ok(None));
        let slack = br#"{"challenge": "c-1", "type": "url_verification"}"#;
        for declared in [Challenge::None, Challenge::Hub, Challenge::Okta] {
            assert_eq!(to_post(declared, slack), Ok(None));
        }
        for other in [&b"{}"[..], b"", b"[1]", br#"{"type": "event_callback"}"#, b"\xff"] {
            assert_eq!(to_post(Challenge::Slack, other), Ok(None));
        }
    }

    #[test]
    fn a_wrong_verify_token_is_unauthorised_and_a_strange_challenge_is_not_sent_back() {
        let hub = |challenge: &str, token: &str| {
            let query =
                [("hub.mode", "subscribe"), ("hub.challenge", challenge), ("hub.verify_token", token)];
            to_get(Challenge::Hub, &get(&query, None), "t0ken")
        };
        for token in ["", "other", "t0ke", "t0ken0"] {
            assert_eq!(hub("1", token), Err(RejectionReason::Unauthorised), "{token}");
        }
        let long = "x".repeat(MAX_CHALLENGE + 1);
        for challenge in ["", "a b", "ä", "\u{1b}[2J", &long] {
            assert_eq!(hub(challenge, "t0ken"), Err(RejectionReason::UnsupportedBody));
            let slack = format!(r#"{{"type": "url_verification", "challenge": {}}}"#, Value::from(challenge));
            assert_eq!(to_post(Challenge::Slack, slack.as_bytes()), Err(RejectionReason::UnsupportedBody));
        }
        let none = br#"{"type": "url_verification"}"#;
        assert_eq!(to_post(Challenge::Slack, none), Err(RejectionReason::UnsupportedBody));
        assert_eq!(
            to_get(Challenge::Okta, &get(&[], Some("a b")), ""),
            Err(RejectionReason::UnsupportedBody)
        );
    }
}
