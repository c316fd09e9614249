//! The program's exit codes.

use aws_smithy_runtime_api::client::result::ConnectorError;
use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command did what it was asked to do.
    Done,
    /// A check failed, an item could not be processed, or the request's content is wrong.
    Problem,
    /// The command line is wrong, or names something that does not exist.
    Usage,
    /// AWS or the local stack cannot be reached: no connection, or no usable credentials.
    Unreachable,
}

/// The list for `--help`.
pub const HELP: &str = "Exit codes:
  0  done
  1  found a problem: a check failed, an item could not be processed, or the request's content is wrong
  2  wrong usage: the command line is wrong or names something that does not exist
  3  cannot reach AWS or the local stack: no connection, or no usable credentials";

impl Exit {
    /// Done, or a problem if something was found.
    pub fn problem_if(found: bool) -> Self {
        if found { Self::Problem } else { Self::Done }
    }

    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Problem => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// A command line that clap accepts and that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// AWS cannot be used at all from here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The codes with which AWS refuses credentials.
const REFUSED_CREDENTIALS: [&str; 7] = [
    "ExpiredToken",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// Whether the reader of standard output ended first, as `head` does.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What to do about this error, if its own text cannot say it.
pub fn next_step(error: &anyhow::Error) -> &'static str {
    let is_of_aws = of_error(error) == Exit::Unreachable
        && !error.chain().any(<dyn std::error::Error>::is::<Unreachable>);
    if is_of_aws { "; check the connection, and the profile's credentials and region" } else { "" }
}

/// How a command ends that failed with this error.
pub fn of_error(error: &anyhow::Error) -> Exit {
    if error.chain().any(<dyn std::error::Error>::is::<Usage>) {
        return Exit::Usage;
    }
    let is_unreachable = error.chain().any(|cause| {
        let text = cause.to_string();
        cause.is::<Unreachable>()
            || cause.is::<ConnectorError>()
            || REFUSED_CREDENTIALS.iter().any(|code| text.contains(code))
    });
    if is_unreachable { Exit::Unreachable } else { Exit::Problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn an_error_says_how_the_command_ends() {
        let timeout = ConnectorError::timeout("no response".into());
        let cases = [
            (anyhow!(Usage("which?".to_owned())).context("dlq"), Exit::Usage),
            (anyhow!(timeout).context("the table cannot be read"), Exit::Unreachable),
            (anyhow!("unhandled error (ExpiredTokenException)").context("SQS"), Exit::Unreachable),
            (anyhow!("no such ticket"), Exit::Problem),
        ];
        for (error, exit) in cases {
            assert_eq!(of_error(&error), exit, "{error:#}");
        }
        let typed: Result<(), _> = Err(Usage("x".to_owned())).context("y");
        assert_eq!(of_error(&typed.unwrap_err()), Exit::Usage);
    }

    #[test]
    fn every_code_is_in_the_help() {
        for exit in [Exit::Done, Exit::Problem, Exit::Usage, Exit::Unreachable] {
            assert!(HELP.contains(&format!("\n  {}  ", exit.code())), "{exit:?}");
        }
    }
}
