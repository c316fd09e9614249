//! Whether a request comes from a sender that may send: its token, and its signature if the webhook declares one.

use crate::Ingest;
use crate::address::Address;
use automations::aws::secret::{Declaration, Error as SecretError, TokenOf, TokenStage, WebhookTokens};
use automations::clock::Timestamp;
use automations::failure::{Failure as _, chain};
use automations::lambda_http::Request;
use automations::lambda_http::http::HeaderValue;
use automations::store::Error as StoreError;
use automations::telemetry::EventName;
use automations::telemetry::metric::RejectionReason;
use automations::tracing;
use std::time::Instant;

/// The sender of a request with a valid token.
#[derive(Debug)]
pub(crate) struct Sender {
    /// The version stage of its token.
    pub(crate) stage: TokenStage,
    /// The id of that version.
    pub(crate) version: String,
    /// What is declared of it.
    pub(crate) declaration: Declaration,
}

impl Ingest {
    /// The sender, by the token in the URL. The response is the same for an unknown organisation, an inbound webhook that it
    /// does not have, and a wrong token.
    pub(crate) async fn check(&self, address: &Address<'_>) -> Result<Sender, RejectionReason> {
        let sender = |tokens: &WebhookTokens| {
            let (stage, version) = tokens.which(address.token)?;
            Some(Sender { stage, version: version.to_owned(), declaration: tokens.declaration() })
        };
        // A name that is not on the list costs no call of Secrets Manager.
        let is_listed = self.listed.has(&address.organisation, &address.action, Instant::now()).await;
        if !is_listed.map_err(|error| unlisted(&error))? {
            return Err(RejectionReason::Unauthorised);
        }
        let kind = TokenOf::action(&address.action);
        let known = self.secrets.webhook_tokens(&address.organisation, kind).await;
        let known = known.map_err(|error| rejection_of(&error))?;
        if let Some(sender) = sender(&known) {
            return Ok(sender);
        }
        // A token that was rotated meanwhile is not in the cache yet.
        sender(&self.latest(address).await?).ok_or(RejectionReason::Unauthorised)
    }

    /// Checks the signature that the sender's webhook declares, of the body as it was received or decompressed: senders sign
    /// before they compress, or after.
    pub(crate) async fn verify(
        &self,
        address: &Address<'_>,
        sender: &Sender,
        request: &Request,
        body: &[u8],
        (request_id, now): (&str, Timestamp),
    ) -> Result<(), RejectionReason> {
        if is_signed(&sender.declaration, request, body, now).is_ok() {
            return Ok(());
        }
        // A signing secret that was rotated meanwhile is not in the cache yet.
        let latest = self.latest(address).await?.declaration();
        is_signed(&latest, request, body, now).map_err(|problem| {
            let (event_name, signature) = (EventName::WebhookSignatureRefused.as_str(), problem);
            let action = address.action.as_str();
            let organisation = address.organisation.as_str();
            tracing::warn!(
                event_name,
                request.id = request_id,
                organisation,
                webhook.action = action,
                signature,
                "the signature of a request with a valid token is not valid"
            );
            RejectionReason::InvalidSignature
        })
    }

    async fn latest(&self, address: &Address<'_>) -> Result<WebhookTokens, RejectionReason> {
        let kind = TokenOf::action(&address.action);
        let latest = self.secrets.latest_webhook_tokens(&address.organisation, kind).await;
        latest.map_err(|error| rejection_of(&error))
    }
}

/// The error is the problem's name.
fn is_signed(
    declaration: &Declaration,
    request: &Request,
    body: &[u8],
    now: Timestamp,
) -> Result<(), &'static str> {
    let Some(verification) = &declaration.verification else { return Ok(()) };
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let received = request.body().as_ref();
    let checked = verification.check(header, received, now);
    let checked =
        if body == received { checked } else { checked.or_else(|_| verification.check(header, body, now)) };
    checked.map_err(Into::into)
}

/// 503, as the organisation may be a new one: the sender tries again.
fn unlisted(error: &StoreError) -> RejectionReason {
    let (event_name, reason) = (EventName::WebhookListReadFailed.as_str(), error.reason().as_str());
    tracing::error!(event_name, reason, error = chain(error), "the list of organisations could not be read");
    RejectionReason::Unavailable
}

fn rejection_of(error: &SecretError) -> RejectionReason {
    if matches!(error, SecretError::NotFound { .. }) {
        return RejectionReason::Unauthorised;
    }
    let (event_name, reason) = (EventName::WebhookTokenReadFailed.as_str(), error.reason().as_str());
    tracing::error!(event_name, reason, error = chain(error), "the webhook tokens could not be read");
    RejectionReason::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::json::from_json;
    use automations::lambda_http::http;

    /// RFC 4231, test case 2.
    const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const BODY: &[u8] = b"what do ya want for nothing?";

    fn signed(fields: &str, received: &[u8], decompressed: &[u8]) -> Result<(), &'static str> {
        let request = http::Request::post("/").header("x-signature", format!("sha256={SIGNATURE}"));
        let request = request.body(received.to_vec().into()).unwrap();
        let declaration = from_json(fields.as_bytes()).unwrap();
        is_signed(&declaration, &request, decompressed, Timestamp::from_millis(1))
    }

    #[test]
    fn a_declared_signature_is_that_of_the_body_as_sent_or_before_it_was_compressed() {
        let hmac = r#"{"verify": "hmac-sha256:X-Signature", "signing_secrets": ["new", "Jefe"]}"#;
        assert_eq!(signed(hmac, BODY, BODY), Ok(()));
        assert_eq!(signed(hmac, b"compressed", BODY), Ok(()));
        assert_eq!(signed(hmac, BODY, b"decompressed"), Ok(()));
        assert_eq!(signed(hmac, b"another", b"another"), Err("wrong"));
        assert_eq!(signed(&hmac.replace("Jefe", "old"), BODY, BODY), Err("wrong"));
        assert_eq!(signed(&hmac.replace("X-Signature", "X-Other"), BODY, BODY), Err("missing"));
        assert_eq!(signed("{}", b"anything", b"anything"), Ok(()), "no signature is declared");
    }

    /// A5 of the AWS facts: AWS says that a secret does not exist only to a role that may read that name.
    #[test]
    fn a_secret_that_does_not_exist_is_a_wrong_token_and_one_that_may_not_be_read_is_a_failure_of_ours() {
        let name = || "automations/unknown/webhook-token".to_owned();
        let denied = SecretError::AccessDenied { name: name(), code: None };
        assert_eq!(rejection_of(&SecretError::NotFound { name: name() }), RejectionReason::Unauthorised);
        assert_eq!(rejection_of(&denied), RejectionReason::Unavailable);
    }
}
