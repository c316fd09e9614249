//! The constant names of log lines, for filters and tools; the text beside a name may change.

use strum::{EnumIter, EnumString, IntoStaticStr};

/// What a log line reports, in its field `event_name`. docs/logging.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
pub enum EventName {
    /// A request was accepted; its hints are on the queue.
    #[strum(serialize = "webhook.accepted")]
    WebhookAccepted,
    /// A request was rejected.
    #[strum(serialize = "webhook.rejected")]
    WebhookRejected,
    /// A request with a valid token does not have the signature that its webhook declares.
    #[strum(serialize = "webhook.signature_refused")]
    WebhookSignatureRefused,
    /// A sender's question whether the URL is ours was answered.
    #[strum(serialize = "webhook.challenge_answered")]
    WebhookChallengeAnswered,
    /// The hints of a request could not be queued.
    #[strum(serialize = "webhook.enqueue_failed")]
    WebhookEnqueueFailed,
    /// The list of organisations could not be read, and the request's may be a new one.
    #[strum(serialize = "webhook.list_read_failed")]
    WebhookListReadFailed,
    /// The tokens of an organisation's webhooks could not be read.
    #[strum(serialize = "webhook.token_read_failed")]
    WebhookTokenReadFailed,
    /// The use of a webhook token could not be recorded.
    #[strum(serialize = "webhook.token_use_not_recorded")]
    WebhookTokenUseNotRecorded,
    /// A webhook of a rehearsal could not be observed.
    #[strum(serialize = "webhook.not_observed")]
    WebhookNotObserved,
    /// A webhook named no ticket that exists.
    #[strum(serialize = "webhook.unrecognised")]
    WebhookUnrecognised,
    /// A post to an inbound webhook became an event.
    #[strum(serialize = "inbound.received")]
    InboundReceived,
    /// A post to an inbound webhook was dropped, as it repeats an earlier one.
    #[strum(serialize = "inbound.duplicate")]
    InboundDuplicate,
    /// A handler's schedule was due; its events are published.
    #[strum(serialize = "clock.fired")]
    ClockFired,
    /// A firing of a schedule was delivered again, or after a newer one.
    #[strum(serialize = "clock.duplicate")]
    ClockDuplicate,
    /// The list query returned tickets.
    #[strum(serialize = "tickets.listed")]
    TicketsListed,
    /// A ticket's new version is stored, with its events.
    #[strum(serialize = "change.stored")]
    ChangeStored,
    /// The reconciler found changes of an organisation of which no webhook came for an hour.
    #[strum(serialize = "webhooks.silent")]
    WebhooksSilent,
    /// The time of an organisation's last webhook could not be read.
    #[strum(serialize = "webhooks.silent_unknown")]
    WebhooksSilentUnknown,
    /// alarm-notifier sent a notice.
    #[strum(serialize = "alarm.notice_sent")]
    AlarmNoticeSent,
    /// alarm-notifier could not send a notice.
    #[strum(serialize = "alarm.notice_not_sent")]
    AlarmNoticeNotSent,
    /// A message of the topic of alarms is none of this application's alarms.
    #[strum(serialize = "alarm.ignored")]
    AlarmIgnored,
    /// A new version responds as it should, before it gets traffic.
    #[strum(serialize = "version.checked")]
    VersionChecked,
    /// A new version does not respond as it should; CodeDeploy gives it no traffic.
    #[strum(serialize = "version.check_failed")]
    VersionCheckFailed,
    /// CodeDeploy did not take the result of a check.
    #[strum(serialize = "version.check_not_reported")]
    VersionCheckNotReported,
    /// SNS did not accept an event; it stays in its outbox or its hint, and is published again.
    #[strum(serialize = "event.not_published")]
    EventNotPublished,
    /// The API's schema lacks a field that was inferred, so that it is left out.
    #[strum(serialize = "salestrekker.field_dropped")]
    FieldDropped,
    /// A field that the template's parameter `TicketFields` names has a value of another kind.
    #[strum(serialize = "salestrekker.field_unreadable")]
    FieldUnreadable,
    /// A due ticket could not be checked; until its hint is a dead letter, no other one is sent.
    #[strum(serialize = "check.postponed")]
    CheckPostponed,
    /// A due ticket could not be checked, and stays due.
    #[strum(serialize = "check.not_postponed")]
    CheckNotPostponed,
    /// A ticket's snapshot could not be read, and was rebuilt from the API.
    #[strum(serialize = "snapshot.rebuilt")]
    SnapshotRebuilt,
    /// The table does not take several writes in one request.
    #[strum(serialize = "table.batch_refused")]
    TableBatchRefused,
    /// An item of the table cannot be read.
    #[strum(serialize = "table.item_unreadable")]
    TableItemUnreadable,
    /// A handler did not decide on a change by which an operator undid its own action.
    #[strum(serialize = "event.of_undo")]
    EventOfUndo,
    /// A handler's actions are on the queue of actions.
    #[strum(serialize = "actions.decided")]
    ActionsDecided,
    /// A handler with `DryRun` decided; nothing was sent.
    #[strum(serialize = "actions.dry_run")]
    ActionsDryRun,
    /// A hint of a paused organisation was dropped: its tickets are fetched when the pause ends.
    #[strum(serialize = "hint.paused")]
    HintPaused,
    /// People were reminded of a pause.
    #[strum(serialize = "pause.reminded")]
    PauseReminded,
    /// A handler is disabled for the event's organisation; it decided nothing.
    #[strum(serialize = "actions.disabled")]
    ActionsDisabled,
    /// An action was finished: see `outcome`.
    #[strum(serialize = "action.performed")]
    ActionPerformed,
    /// A reminder was due, and the ticket was not as it asks: see `because`.
    #[strum(serialize = "reminder.lapsed")]
    ReminderLapsed,
    /// A reminder is due at another time, as the date that it is counted from moved; without `due_at`, it waits for a date.
    #[strum(serialize = "reminder.moved")]
    ReminderMoved,
    /// A reminder counts business days until a day around which public holidays are not known, or will soon not be.
    #[strum(serialize = "reminder.holidays_unknown")]
    ReminderHolidaysUnknown,
    /// A handler's quiet period ended: one event was published for all that waited.
    #[strum(serialize = "quiet_period.ended")]
    QuietPeriodEnded,
    /// What a handler collected was due: one event was published for all.
    #[strum(serialize = "collection.ended")]
    CollectionEnded,
    /// A message will be received again, after `retry_ms`.
    #[strum(serialize = "message.retried")]
    MessageRetried,
    /// A message was moved to the dead-letter queue.
    #[strum(serialize = "message.dead_lettered")]
    MessageDeadLettered,
    /// A message could not be moved to the dead-letter queue; it will be retried.
    #[strum(serialize = "message.dead_letter_failed")]
    MessageDeadLetterFailed,
    /// The delay of a message could not be changed; the queue's own applies.
    #[strum(serialize = "message.delay_not_changed")]
    MessageDelayNotChanged,
    /// The number of tickets that are due, before any is queued.
    #[strum(serialize = "reconcile.due")]
    ReconcileDue,
    /// The list queries of organisations could not be asked for.
    #[strum(serialize = "reconcile.list_failed")]
    ReconcileListFailed,
    /// The hints queue is full, so the reconciler added nothing.
    #[strum(serialize = "reconcile.queue_full")]
    ReconcileQueueFull,
    /// The reconciler could not read or queue what is due.
    #[strum(serialize = "reconcile.failed")]
    ReconcileFailed,
    /// A step was requested of a rotation that has finished.
    #[strum(serialize = "rotation.already_finished")]
    RotationAlreadyFinished,
    /// The pending token cannot be promoted; a new one replaces it.
    #[strum(serialize = "rotation.pending_replaced")]
    RotationPendingReplaced,
    /// A step of a rotation failed; the token in use is unchanged.
    #[strum(serialize = "rotation.step_failed")]
    RotationStepFailed,
    /// An API token was read from Secrets Manager.
    #[strum(serialize = "secret.token_read")]
    SecretTokenRead,
    /// A cached secret is used past its time, as Secrets Manager does not respond.
    #[strum(serialize = "secret.stale_used")]
    SecretStaleUsed,
    /// A function panicked; the message is left out, as it may quote data.
    #[strum(serialize = "function.panicked")]
    FunctionPanicked,
    /// A function could not start.
    #[strum(serialize = "function.init_failed")]
    FunctionInitFailed,
}

impl EventName {
    /// The name, such as `action.performed`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
