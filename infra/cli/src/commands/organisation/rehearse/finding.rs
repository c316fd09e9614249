//! What a rehearsal found: fit for a report that anybody may see.

use serde::Serialize;

/// The findings, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rehearsed {
    /// Every question with its answer.
    pub findings: Vec<Finding>,
}

/// A question about the API, and its answer. The answer names fields and codes, and never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A name of the question that does not change.
    pub question: &'static str,
    /// What was found.
    pub answer: String,
    /// What it means.
    pub verdict: Answered,
}

/// What an answer means for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// Good to know; nothing depends on it.
    Note,
    /// As it must be before anything is written.
    Good,
    /// Nothing may be written: a change would change more than it should.
    Bad,
    /// It could not be found out, so nothing is written.
    Unknown,
}

impl Rehearsed {
    /// Whether the organisation's tickets may be changed.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| match finding.verdict {
            Answered::Note | Answered::Good => true,
            Answered::Bad | Answered::Unknown => false,
        })
    }

    pub(super) fn add(&mut self, question: &'static str, verdict: Answered, answer: impl Into<String>) {
        self.findings.push(Finding { question, answer: answer.into(), verdict });
    }
}

impl Answered {
    /// A word for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "",
            Self::Good => "good",
            Self::Bad => "BAD",
            Self::Unknown => "UNKNOWN",
        }
    }
}
