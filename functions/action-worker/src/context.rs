//! What performing one action needs.

use crate::looks::Looks;
use crate::progress::Progress;
use automations::aws::secret::Secrets;
use automations::clock::Timestamp;
use automations::model::action::PlannedAction;
use automations::model::speed::Speed;
use automations::notice::Notices;
use automations::salestrekker::{FullTicket, Session};

/// One claimed action, and what it is performed with.
pub(crate) struct Context<'a> {
    /// The organisation's session at Salestrekker.
    pub(crate) session: Session<'a>,
    /// The action.
    pub(crate) planned: &'a PlannedAction,
    /// What is recorded before and between its requests.
    pub(crate) progress: Progress<'a>,
    /// The organisations' other secrets.
    pub(crate) secrets: &'a Secrets,
    /// The other systems that notices go to.
    pub(crate) notices: &'a Notices,
    /// When updates are read back.
    pub(crate) looks: &'a Looks,
    /// The ticket, as the edits just before this action were read back.
    pub(crate) read_back: Option<&'a FullTicket>,
    /// How fast reminders' waits pass.
    pub(crate) speed: Speed,
    /// When the invocation ends.
    pub(crate) deadline: Timestamp,
}
