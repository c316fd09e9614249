//! What the operator types: secrets, and a name once more.

use super::Person;
use crate::exit_code::Usage;
use crate::report::say;
use anyhow::Result;
use automations::id::OrganisationId;
use secrecy::SecretString;
use std::io::IsTerminal as _;

/// A secret, from a prompt that shows nothing, or from standard input; never from an argument, which other users can see.
pub(super) fn ask(what: &str) -> Result<SecretString> {
    let key = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{what} (not shown): "))?
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line
    };
    match key.trim() {
        "" => {
            Err(Usage(format!("no {what} was given; type it at the prompt, or send it to standard input"))
                .into())
        }
        key => Ok(key.to_owned().into()),
    }
}

/// Continues only if the name was given twice.
pub(super) fn confirm_removal(name: &OrganisationId, yes: Option<String>) -> Result<()> {
    say(&format!(
        "this permanently deletes the secrets of {name}: its API key, its tokens, its webhooks' URLs and its destinations. They have no recovery window, so it cannot be undone. Its own settings of handlers and its pause are deleted too"
    ));
    let again = if let Some(again) = yes {
        again
    } else {
        say("type the name again to delete them:");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line
    };
    if again.trim() == name.as_str() {
        return Ok(());
    }
    Err(Usage(format!("nothing was deleted: the second name is not {name}; type it, or add --yes {name}"))
        .into())
}

/// The person at the terminal, if standard input is one.
pub(super) struct Terminal;

impl Person for Terminal {
    fn hears(&mut self, text: &str) {
        say(&format!("… {text}"));
    }

    fn confirms(&mut self, question: &str) -> bool {
        if !std::io::stdin().is_terminal() {
            return false;
        }
        say(&format!("{question} [y/N]"));
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B10 of the AWS facts.
    #[test]
    fn an_organisation_is_removed_only_if_the_second_name_is_the_same() {
        let name = OrganisationId::parse("north").unwrap();
        let confirmed = |again: &str| confirm_removal(&name, Some(again.to_owned()));
        assert!(confirmed("north").is_ok());
        for other in ["north-2", "nort", "", "yes"] {
            let refused = confirmed(other).unwrap_err();
            assert!(refused.is::<Usage>() && refused.to_string().contains("nothing was deleted"), "{other}");
        }
    }
}
