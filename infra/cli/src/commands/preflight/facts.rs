//! What was read of an account and of this machine; the checks are functions of it.

use crate::permissions::Needed;
use automations::failure::chain;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use std::collections::BTreeSet;

/// The codes with which AWS says that the credentials do not permit a call.
const DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
    "AccessDeniedFault",
];

/// What was read, or why it was not.
pub type Read<T> = Result<T, Unread>;

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// The credentials may not read it.
    Denied,
    /// The request failed, with this error.
    Failed(String),
    /// It was not tried, as there are no usable credentials.
    NotTried,
}

impl Unread {
    /// Why a call failed.
    pub(super) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if error.code().is_some_and(|code| DENIED.contains(&code)) {
            return Self::Denied;
        }
        let text = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => chain(error),
        };
        Self::Failed(text)
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The region that the profile or `--region` names.
    pub region: String,
    /// Whose credentials these are: an ARN.
    pub caller: Read<String>,
    /// The programs.
    pub tools: Tools,
    /// Lambda's concurrency.
    pub concurrency: Read<Concurrency>,
    /// SNS.
    pub fifo_topics: Read<Used>,
    /// `CloudWatch`.
    pub alarms: Read<Used>,
    /// The stack.
    pub stack: Read<Option<Deployed>>,
    /// The table of that name.
    pub has_table: Read<bool>,
    /// The log groups whose names begin with the stack's.
    pub log_groups: Read<BTreeSet<String>>,
    /// The queues whose names begin with the stack's.
    pub queues: Read<BTreeSet<String>>,
    /// The actions that the deployer may not perform, by the policy simulator.
    pub denied: Read<Simulated>,
    /// The trust policy of GitHub's role; none without such a role.
    pub trust: Read<Option<serde_json::Value>>,
}

/// What the programs print as their versions; none if a program is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// `sam --version`.
    pub sam: Option<String>,
    /// `cargo lambda --version`.
    pub cargo_lambda: Option<String>,
    /// `zig version`, or that of the Python package.
    pub zig: Option<String>,
}

/// Lambda's concurrency in the account and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// All of it.
    pub account: u32,
    /// What no function has reserved.
    pub unreserved: u32,
    /// What webhook-ingest of this stack has reserved.
    pub reserved_here: u32,
}

/// A quota, and how much of it the account uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Used now, by this stack too if it is deployed.
    pub used: usize,
    /// The quota; none if Service Quotas does not say it.
    pub quota: Option<usize>,
}

/// A stack that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its status, such as `UPDATE_COMPLETE`.
    pub status: String,
}

/// What the policy simulator said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Simulated {
    /// The account's root user may do everything.
    Root,
    /// Of a role or a user: what is not allowed.
    Of {
        /// Its ARN.
        principal: String,
        /// What is not allowed.
        denied: Vec<Needed>,
    },
}
