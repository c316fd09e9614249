//! What is declared of an inbound webhook's sender, in the webhook's secret: how it signs, names and asks.

use super::values::exposed;
use anyhow::{Context as _, Result};
use automations::aws::secret::{self, Challenge, HeaderName, Scheme, WebhookToken};
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

/// The most signing secrets that are accepted at the same time: the new one and the one before it.
const MAX_SECRETS: usize = 2;

/// What to change of a declaration; what is absent stays as it is.
#[derive(Debug, Clone, Default, Args)]
pub struct Sender {
    /// How the sender signs: none, standard-webhooks, or hmac-sha256:HEADER for an HMAC of the body in this header
    #[arg(long, value_name = "SCHEME", conflicts_with_all = ["rotate_start", "rotate_finish", "remove"])]
    pub verify: Option<Scheme>,
    /// Read the sender's signing secret from a prompt or standard input; one that is stored is accepted beside it until
    /// `--rotate-finish`
    #[arg(long = "signing-secret", conflicts_with_all = ["rotate_start", "rotate_finish", "remove"])]
    pub reads_secret: bool,
    /// A header with the sender's id of each request, which a retry repeats; none for the well-known ones alone
    #[arg(long, value_name = "HEADER", conflicts_with_all = ["rotate_start", "rotate_finish", "remove"])]
    pub id_header: Option<HeaderName>,
    /// How the sender asks whether the URL is yours: slack, hub (`WebSub`, Meta), okta or none
    #[arg(long, value_name = "SENDER", value_parser = challenge, conflicts_with_all = ["rotate_start", "rotate_finish", "remove"])]
    pub challenge: Option<Challenge>,
    /// Whether a request without an id that has the same body as one in the ten minutes before is dropped
    #[arg(long, value_name = "ANSWER", conflicts_with_all = ["rotate_start", "rotate_finish", "remove"])]
    pub same_body_is_repeat: Option<Answer>,
}

/// An answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    /// Yes
    Yes,
    /// No
    No,
}

fn challenge(text: &str) -> Result<Challenge, String> {
    text.parse().map_err(|_unknown| "expected slack, hub, okta or none".to_owned())
}

impl Sender {
    /// Whether nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        let Self { verify, reads_secret, id_header, challenge, same_body_is_repeat } = self;
        let has_value = verify.is_some() || id_header.is_some() || challenge.is_some();
        !has_value && !reads_secret && same_body_is_repeat.is_none()
    }

    /// The secret's value with these changes, and with this signing secret as the first. Fields of a newer version stay.
    pub(super) fn applied(&self, value: &SecretString, new: Option<&SecretString>) -> Result<SecretString> {
        let mut fields = fields(value)?;
        let mut set = |name: &str, value: Option<Value>| {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("verify", self.verify.as_ref().map(|scheme| scheme.to_string().into()));
        // A header of this name would be a strange one.
        let id_header = self.id_header.as_ref().map(HeaderName::as_str);
        set("id_header", id_header.map(|name| if name == "none" { Value::Null } else { name.into() }));
        set("challenge", self.challenge.map(|challenge| challenge.to_string().into()));
        set("same_body_is_repeat", self.same_body_is_repeat.map(|answer| (answer == Answer::Yes).into()));
        if self.verify == Some(Scheme::None) {
            fields.remove("signing_secrets");
        }
        if let Some(new) = new {
            let mut secrets = signing_secrets(&fields);
            #[expect(clippy::disallowed_methods, reason = "this is where the signing secret is stored")]
            let new = json!(new.expose_secret());
            secrets.retain(|secret| *secret != new);
            secrets.insert(0, new);
            secrets.truncate(MAX_SECRETS);
            fields.insert("signing_secrets".to_owned(), secrets.into());
        }
        let value = SecretString::from(Value::from(fields).to_string());
        secret::parse::<WebhookToken>(&value).context(
            "--verify needs a signing secret, of base 64 for standard-webhooks: add --signing-secret",
        )?;
        Ok(value)
    }
}

/// The secret's value with another token, and all else as it is.
pub(super) fn with_token(value: &SecretString, token: &SecretString) -> Result<SecretString> {
    let mut fields = fields(value)?;
    #[expect(clippy::disallowed_methods, reason = "this is where the token is stored")]
    fields.insert("token".to_owned(), json!(token.expose_secret()));
    Ok(Value::from(fields).to_string().into())
}

/// The secret's value with the newest signing secret alone; none if there is no older one.
pub(super) fn with_newest_secret(value: &SecretString) -> Result<Option<SecretString>> {
    let mut fields = fields(value)?;
    let mut secrets = signing_secrets(&fields);
    if secrets.len() < MAX_SECRETS {
        return Ok(None);
    }
    secrets.truncate(1);
    fields.insert("signing_secrets".to_owned(), secrets.into());
    Ok(Some(Value::from(fields).to_string().into()))
}

fn signing_secrets(fields: &Map<String, Value>) -> Vec<Value> {
    fields.get("signing_secrets").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn fields(value: &SecretString) -> Result<Map<String, Value>> {
    let fields: Option<Map<String, Value>> = serde_json::from_str(exposed(value)).ok();
    fields.context("the webhook's secret is not a JSON object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(value: &SecretString) -> Value {
        serde_json::from_str(exposed(value)).unwrap()
    }

    fn applied(value: &Value, sender: &Sender, secret: Option<&str>) -> Result<Value> {
        let secret = secret.map(SecretString::from);
        Ok(json_of(&sender.applied(&value.to_string().into(), secret.as_ref())?))
    }

    fn verify(scheme: &str) -> Sender {
        Sender { verify: Some(scheme.parse().unwrap()), ..Sender::default() }
    }

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        arguments: super::super::Arguments,
    }

    #[test]
    fn options_of_a_declaration_are_valid_words_and_not_beside_a_rotation() {
        let parse = |options: &str| {
            let all = format!("automations inbound north survey {options}");
            <Command as clap::Parser>::try_parse_from(all.split_whitespace()).map(|command| command.arguments)
        };
        for valid in [
            "",
            "--verify standard-webhooks --signing-secret",
            "--verify hmac-sha256:X-Signature",
            "--verify none --id-header x-id --challenge hub --same-body-is-repeat no",
        ] {
            assert!(parse(valid).is_ok(), "{valid}");
        }
        for (invalid, problem) in [
            ("--verify sha1", "expected none, standard-webhooks or hmac-sha256:HEADER"),
            ("--challenge teams", "expected slack, hub, okta or none"),
            ("--id-header a:b", "a header's name has"),
            ("--same-body-is-repeat maybe", "possible values: yes, no"),
            ("--verify none --rotate-start", "cannot be used with"),
            ("--signing-secret --remove", "cannot be used with"),
            ("--challenge hub --rotate-finish", "cannot be used with"),
        ] {
            let error = parse(invalid).unwrap_err().to_string();
            assert!(error.contains(problem), "{invalid}: {error}");
        }
    }

    #[test]
    fn what_is_given_is_changed_and_the_rest_stays_also_what_a_newer_version_wrote() {
        let before = json!({ "token": "t", "id_header": "x-id", "of tomorrow": 1 });
        let sender = Sender {
            challenge: Some(Challenge::Okta),
            same_body_is_repeat: Some(Answer::No),
            ..Sender::default()
        };
        let after = json!({ "token": "t", "id_header": "x-id", "of tomorrow": 1, "challenge": "okta", "same_body_is_repeat": false });
        assert_eq!(applied(&before, &sender, None).unwrap(), after);
        let none = Sender { id_header: Some("none".parse().unwrap()), ..Sender::default() };
        assert_eq!(applied(&before, &none, None).unwrap()["id_header"], Value::Null);
        assert_eq!(applied(&before, &Sender::default(), None).unwrap(), before);
        assert!(Sender::default().is_empty() && !sender.is_empty() && !none.is_empty());
        assert_eq!(
            json_of(&with_token(&before.to_string().into(), &"u".into()).unwrap())["id_header"],
            "x-id"
        );
    }

    #[test]
    fn a_signing_secret_is_rotated_with_an_overlap_of_two() {
        let mut value = json!({ "token": "t" });
        for (secret, expected) in [
            ("a", json!(["a"])),
            ("b", json!(["b", "a"])),
            ("b", json!(["b", "a"])),
            ("c", json!(["c", "b"])),
        ] {
            value = applied(&value, &verify("hmac-sha256:x-signature"), Some(secret)).unwrap();
            assert_eq!(value["signing_secrets"], expected);
        }
        let finished = with_newest_secret(&value.to_string().into()).unwrap().unwrap();
        assert_eq!(json_of(&finished)["signing_secrets"], json!(["c"]));
        assert!(with_newest_secret(&finished).unwrap().is_none());
        let value = applied(&value, &verify("none"), None).unwrap();
        assert_eq!((&value["verify"], &value["signing_secrets"]), (&json!("none"), &Value::Null));
    }

    #[test]
    fn a_signature_without_a_usable_secret_is_not_declared() {
        for (sender, secret) in [
            (verify("standard-webhooks"), None),
            (verify("standard-webhooks"), Some("no base 64")),
            (verify("hmac-sha256:x"), None),
        ] {
            let error = applied(&json!({ "token": "t" }), &sender, secret).unwrap_err();
            assert!(error.to_string().contains("--signing-secret"), "{error:#}");
        }
        assert!(Sender::default().applied(&"no object".into(), None).is_err());
    }
}
