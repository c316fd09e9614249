//! What an organisation's webhook URLs end in: the token in use, and, while one replaces another, both.

use super::Kind;
use crate::id::WebhookAction;
pub use crate::telemetry::metric::TokenStage;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The secret `webhook-token`.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookToken {
    /// What a webhook's URL must end in.
    pub token: SecretString,
}

/// Whose token a webhook's URL must end in.
#[derive(Debug, Clone, Copy)]
pub enum TokenOf<'a> {
    /// Salestrekker's: the secret `webhook-token`.
    Salestrekker,
    /// Somebody else's: a secret that is called as the action, `inbound-{name}`, for each of them. Who knows one, which may
    /// stand on a public page, can post nothing else.
    Inbound(&'a WebhookAction),
}

impl<'a> TokenOf<'a> {
    /// Whose webhooks have this action.
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Current, Self::Pending, Self::Previous];

    /// As Secrets Manager calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Pending => "AWSPENDING",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// The tokens that are accepted, each with the id of its version, which is no secret.
#[derive(Debug, Clone, Default)]
pub struct WebhookTokens {
    tokens: Vec<(TokenStage, String, WebhookToken)>,
}

impl WebhookTokens {
    /// These tokens.
    pub fn new(tokens: Vec<(TokenStage, String, WebhookToken)>) -> Self {
        Self { tokens }
    }

    /// Which of the tokens this is: its label and the id of its version. All are compared, and each to its end, so that
    /// the time does not tell which one is nearly right, nor where the first wrong byte stands.
    pub fn which(&self, token: &str) -> Option<(TokenStage, &str)> {
        let mut found = u8::MAX;
        for (place, (_, _, own)) in (0_u8..u8::MAX).zip(&self.tokens) {
            found.conditional_assign(&place, own.is(token));
        }
        let (stage, version, _) = self.tokens.get(usize::from(found))?;
        Some((*stage, version))
    }
}

impl WebhookToken {
    fn is(&self, token: &str) -> Choice {
        #[expect(clippy::disallowed_methods, reason = "this is where the token is compared")]
        let own = self.token.expose_secret();
        // An empty secret would let an empty token in.
        own.as_bytes().ct_eq(token.as_bytes()) & !Choice::from(u8::from(own.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(texts: [&str; 3]) -> WebhookTokens {
        let token = |text: &str| WebhookToken { token: text.into() };
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
    fn an_empty_secret_lets_nobody_in() {
        assert_eq!(tokens(["", "", ""]).which(""), None);
    }
}
