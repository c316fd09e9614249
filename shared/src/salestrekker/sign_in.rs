//! Signing in: obtaining a token, and testing it.

use super::document as documents;
use super::response::Effect;
use super::transport::Request;
use super::{Error, Transport};
use crate::aws::secret::{ApiToken, Credential, Login};
use crate::endpoint::Endpoint;
use crate::id::MembershipId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Authentication {
    token: SecretString,
}

impl Transport {
    /// A new token for this credential: by its API key, or by a user's e-mail and password; then for the
    /// organisation that the credential names, if it names one.
    ///
    /// An API key is the default: aggregators forbid stored user logins (salestrekker-facts.md, section 9).
    /// Its token acts in the organisation that the key belongs to.
    ///
    /// # Errors
    /// The request's error. The vendor's response to a wrong key is not known (salestrekker-facts.md, section
    /// 2), so it is [`Error::Rejected`] or [`Error::CredentialRefused`].
    pub async fn sign_in(&self, credential: &Credential) -> Result<SecretString, Error> {
        let Credential { endpoint, login, organization, .. } = credential;
        #[expect(clippy::disallowed_methods, reason = "this is where the login is sent")]
        let (document, variables) = match login {
            Login::ApiKey(key) => (documents::AUTHENTICATE, json!({ "apiKey": key.expose_secret() })),
            Login::User { email, password } => (
                documents::AUTHENTICATE_USER,
                json!({ "email": email.reveal(), "password": password.expose_secret() }),
            ),
        };
        let token = self.authenticate(endpoint, None, document, variables).await?;
        match organization {
            Some(id) => self.switch_organization(endpoint, &token, id).await,
            None => Ok(token),
        }
    }

    /// Tests whether the API accepts this token, by one harmless query.
    ///
    /// # Errors
    /// [`Error::CredentialRefused`] if it does not; else the request's error.
    pub async fn try_token(&self, token: &ApiToken) -> Result<(), Error> {
        let request = Request { document: documents::LABELS, variables: json!({}), effect: Effect::ReadOnly };
        let time = self.limits().request();
        let response = self.send(&token.endpoint, Some(&token.token), &request, time).await?;
        let _: Value = response.single(Effect::ReadOnly)?;
        Ok(())
    }

    /// A token for another organisation of the same user.
    async fn switch_organization(
        &self,
        endpoint: &Endpoint,
        token: &SecretString,
        organization: &MembershipId,
    ) -> Result<SecretString, Error> {
        let variables = json!({ "id": organization });
        self.authenticate(endpoint, Some(token), documents::AUTHENTICATE_ELSEWHERE, variables).await
    }

    async fn authenticate(
        &self,
        endpoint: &Endpoint,
        token: Option<&SecretString>,
        document: documents::Document,
        variables: Value,
    ) -> Result<SecretString, Error> {
        // A token that was not received is harmless, so the request may be retried.
        let request = Request { document, variables, effect: Effect::ReadOnly };
        let response = self.send(endpoint, token, &request, self.limits().request()).await?;
        Ok(response.single::<Authentication>(Effect::ReadOnly)?.token)
    }
}
