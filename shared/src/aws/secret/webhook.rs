//! The tokens that an organisation's webhook URLs may end in: the one in use and, during a rotation, the old
//! and the new one.

use super::Kind;
use super::declaration::Declaration;
use crate::id::WebhookAction;
pub use crate::telemetry::metric::TokenStage;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The value of `webhook-token`, or of an inbound webhook's secret.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookToken {
    /// The last part of the webhook URLs.
    pub token: SecretString,
    /// What is declared of an inbound webhook's sender.
    #[serde(flatten)]
    pub declaration: Declaration,
}

/// The kind of webhook, which decides the token that its URL must end in.
#[derive(Debug, Clone, Copy)]
pub enum TokenOf<'a> {
    /// Salestrekker's webhooks: the secret `webhook-token`.
    Salestrekker,
    /// An inbound webhook: the secret `inbound-{name}`, named like the action. Each has its own token, as one
    /// may be public (in a web page's form) and must not open the others.
    Inbound(&'a WebhookAction),
}

impl<'a> TokenOf<'a> {
    /// The kind of webhook that has this action.
    pub fn action(action: &'a WebhookAction) -> Self {
        if action.inbound().is_some() { Self::Inbound(action) } else { Self::Salestrekker }
    }

    /// The last part of the secret's name.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Salestrekker => Kind::WebhookToken.as_str(),
            Self::Inbound(action) => action.as_str(),
        }
    }
}

impl TokenStage {
    /// All version stages.
    pub const ALL: [Self; 3] = [Self::Current, Self::Pending, Self::Previous];

    /// Secrets Manager's label of the stage.
    pub fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Pending => "AWSPENDING",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// The accepted tokens, each with the id of its version, which is not secret.
#[derive(Debug, Clone, Default)]
pub struct WebhookTokens {
    tokens: Vec<(TokenStage, String, WebhookToken)>,
}

impl WebhookTokens {
    /// A set of these tokens.
    pub fn new(tokens: Vec<(TokenStage, String, WebhookToken)>) -> Self {
        Self { tokens }
    }

    /// The stage and the version id of this token. Every token is compared to its end, so that the time
    /// reveals neither which one is nearly right nor the position of its first wrong byte.
    pub fn which(&self, token: &str) -> Option<(TokenStage, &str)> {
        let mut found = u8::MAX;
        for (position, (_, _, own)) in (0_u8..u8::MAX).zip(&self.tokens) {
            found.conditional_assign(&position, own.is(token));
        }
        let (stage, version, _) = self.tokens.get(usize::from(found))?;
        Some((*stage, version))
    }

    /// What is declared now, whichever token a request has: a token of before a signature was required does not avoid it.
    pub fn declaration(&self) -> Declaration {
        let current = self.tokens.iter().find(|(stage, ..)| *stage == TokenStage::Current);
        current.map(|(_, _, token)| token.declaration.clone()).unwrap_or_default()
    }
}

/// Whether a sender knows a token of ours, in constant time.
pub fn is_same(own: &str, received: &str) -> bool {
    own.as_bytes().ct_eq(received.as_bytes()).into()
}

impl WebhookToken {
    fn is(&self, token: &str) -> Choice {
        #[expect(clippy::disallowed_methods, reason = "this is where the token is compared")]
        let own = self.token.expose_secret();
        // An empty secret must not accept an empty token.
        own.as_bytes().ct_eq(token.as_bytes()) & !Choice::from(u8::from(own.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(texts: [&str; 3]) -> WebhookTokens {
        let token = |text: &str| WebhookToken { token: text.into(), declaration: Declaration::default() };
        let all = TokenStage::ALL.into_iter().zip(texts);
        WebhookTokens::new(all.map(|(stage, text)| (stage, format!("v-{text}"), token(text))).collect())
    }

    #[test]
    fn each_token_is_itself_and_nothing_else() {
        let tokens = tokens(["abc", "new", "old"]);
        assert_eq!(tokens.which("abc"), Some((TokenStage::Current, "v-abc")));
        assert_eq!(tokens.which("new"), Some((TokenStage::Pending, "v-new")));
        assert_eq!(tokens.which("old"), Some((TokenStage::Previous, "v-old")));
        for wrong in ["", "a", "ab", "abd", "xbc", "abcd", "ABC", "abcnewold"] {
            assert_eq!(tokens.which(wrong), None, "{wrong}");
        }
        assert_eq!(WebhookTokens::default().which(""), None);
    }

    #[test]
    fn what_is_declared_now_holds_for_a_request_with_an_older_token() {
        let version = |text: &str| super::super::parse::<WebhookToken>(&text.into()).unwrap();
        let signed = r#"{"token": "new", "verify": "hmac-sha256:x", "signing_secrets": ["s"]}"#;
        let tokens = WebhookTokens::new(vec![
            (TokenStage::Previous, "v-1".to_owned(), version(r#"{"token": "old"}"#)),
            (TokenStage::Current, "v-2".to_owned(), version(signed)),
        ]);
        assert_eq!(tokens.which("old"), Some((TokenStage::Previous, "v-1")));
        assert!(tokens.declaration().verification.is_some());
        assert!(WebhookTokens::default().declaration().verification.is_none());
        assert!(is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", "ab"));
    }

    #[test]
    fn an_empty_secret_lets_nobody_in() {
        assert_eq!(tokens(["", "", ""]).which(""), None);
    }
}
