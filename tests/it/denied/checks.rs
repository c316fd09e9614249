//! The kinds of checks.

use super::case::Case;
use super::{alarm, flows, history, intake, rotation, version};
use anyhow::{Result, bail};

/// How the loss of a permission is seen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Not at all, for this reason.
    None(&'static str),
    /// A webhook is refused, with this log event and reason; it is accepted when it is sent again.
    Webhook(&'static str, &'static str),
    /// A webhook of an organisation that is on the list and has no secrets is refused with 503 instead of 401.
    WithoutSecrets,
    /// A webhook of a name that is not known yet is refused with 503 instead of 401; known ones are accepted.
    List,
    /// A post to an inbound webhook is refused, and accepted when it is sent again.
    InboundWebhook,
    /// A webhook is accepted, but the use of its token is not recorded.
    TokenUse,
    /// A run of the reconciler fails with this reason; the next one succeeds.
    Reconciler(&'static str),
    /// A run of the reconciler cannot ask for the list queries: it says so and queues what is due; the next one asks for them.
    Listing,
    /// A step of the rotation of the token whose name begins so fails; the rotation succeeds when it is done again.
    Rotation(&'static str),
    /// A change of an alarm is not reported; it is when it is delivered again.
    Alarm,
    /// The schedule's run of alarm-notifier fails; the next one does not.
    AlarmSchedule,
    /// The check of this function's version fails.
    Version(&'static str),
    /// The function's message is retried with this reason; then the work is done.
    Work(&'static str),
    /// The hint of a ticket with an unreadable snapshot is retried; then the snapshot is rebuilt.
    Rebuild,
    /// An action that was sent again is retried, and so is one whose ticket was changed since its decision; then both are performed.
    Order,
    /// The worker's first step of a website lead is retried; then there is one contact and one ticket.
    Lead,
    /// A lead whose contact may be reused is retried; then there is one contact and one ticket.
    ReusedContact,
    /// A notice is retried; then the destination has it.
    Notice,
    /// A message that must be dead-lettered stays in its queue; then it is dead-lettered.
    DeadLetter,
    /// A message that fails, for lack of this other permission too, is retried only after the queue's visibility timeout.
    Delay(&'static str, &'static str),
}

/// Performs a check; returns what the function said.
pub(super) async fn perform(case: &Case<'_>, check: &Check) -> Result<String> {
    match *check {
        Check::None(why) => bail!("{why}"),
        Check::Webhook(event, reason) => intake::webhook(case, event, reason).await,
        Check::WithoutSecrets => intake::without_secrets(case).await,
        Check::List => intake::unknown_name(case).await,
        Check::InboundWebhook => intake::inbound(case).await,
        Check::TokenUse => intake::token_use(case).await,
        Check::Reconciler(reason) => intake::reconciler(case, reason).await,
        Check::Listing => intake::listing(case).await,
        Check::Rotation(token) => rotation::rotation(case, token).await,
        Check::Alarm => alarm::change(case).await,
        Check::AlarmSchedule => alarm::schedule(case).await,
        Check::Version(function) => version::version_check(case, function).await,
        Check::Work(reason) => flows::work(case, reason, None).await,
        Check::Rebuild => history::rebuild(case).await,
        Check::Order => history::order(case).await,
        Check::Lead => flows::lead(case).await,
        Check::ReusedContact => flows::reused_contact(case).await,
        Check::Notice => flows::notice(case).await,
        Check::DeadLetter => Box::pin(flows::dead_letter(case)).await,
        Check::Delay(action, resource) => Box::pin(flows::delay(case, (action, resource))).await,
    }
}
