//! What a check found.

use super::facts::Unread;
use serde::Serialize;

/// Whether something must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth knowing; a deployment succeeds.
    Note,
    /// The credentials do not permit to check it.
    Unchecked,
    /// A deployment fails, or does not serve, until it is fixed.
    Fix,
}

impl Level {
    /// For the table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Unchecked => "unchecked",
            Self::Fix => "FIX",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// Whether something must be done.
    pub level: Level,
    /// What was found.
    pub seen: String,
    /// What to do; empty if nothing.
    pub fix: String,
}

impl Finding {
    pub(super) fn good(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, level: Level::Good, seen: seen.into(), fix: String::new() }
    }

    pub(super) fn note(check: &'static str, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Note, seen: seen.into(), fix: fix.into() }
    }

    pub(super) fn fix(check: &'static str, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Fix, seen: seen.into(), fix: fix.into() }
    }

    /// Something that could not be read; `action` is what permits it.
    pub(super) fn unread(check: &'static str, why: &Unread, action: &str) -> Self {
        let (seen, fix) = match why {
            Unread::Denied => (
                "could not be checked".to_owned(),
                format!(
                    "allow {action}, as infra/stacks/deployer.yaml and operators.yaml do, or check it by hand"
                ),
            ),
            Unread::Failed(error) => {
                (format!("could not be checked: {error}"), "run the command again".to_owned())
            }
            Unread::NotTried => ("not checked".to_owned(), "fix the credentials first".to_owned()),
        };
        Self { check, level: Level::Unchecked, seen, fix }
    }
}
