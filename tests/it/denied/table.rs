//! For each permission: the check that shows that its function needs it. A new permission has to be added here.

use super::checks::Check;
use super::permission::Permission;

const LOG: &str = "not judged: the engine writes the functions' logs itself";
const TRACE: &str = "not judged: the engine has no X-Ray";
const POLLER: &str = "not judged: the engine's poller of the queue does not use the function's role";
const SCHEDULER: &str = "not judged: the engine's scheduler does not use the schedule's role";
const QUALIFIED: &str = "not judged: the engine judges a function's ARN without the version";
const DEPLOYMENT: &str = "not judged: the engine has no CodeDeploy";
const PLACEHOLDER: &str = "grants nothing: no secret and no table is called none";

const STATEMENT: &str = "not judged: the engine judges a batch of statements under a name of its own";

const ONE_DESTINATION: &str =
    "not seen: alarms go to one destination, whose secret an instance caches for five minutes";
const DAY: &str = "not seen: people are reminded of a pause after a day";
const HOUR: &str = "not seen: what was over for an hour is deleted";

const NOTIFIER: &str = "Roles.AlarmNotifier";
const VERSIONS: &str = "Roles.VersionCheck";
const ENRICHER: &str = "Roles.EventEnricher";
const WORKER: &str = "Roles.ActionWorker";
const ROTATOR: &str = "Roles.CredentialRotator";
/// The role of any handler.
const HANDLER: &str = "Role";
const ANY: &str = "";

/// The beginning of a role's id, the action, the end of the resource, and the check. The first row that fits is the one.
const ROWS: [(&str, &str, &str, Check); 75] = [
    (ANY, "logs:CreateLogStream", ANY, Check::None(LOG)),
    (ANY, "logs:PutLogEvents", ANY, Check::None(LOG)),
    (ANY, "xray:PutTraceSegments", ANY, Check::None(TRACE)),
    (ANY, "xray:PutTelemetryRecords", ANY, Check::None(TRACE)),
    (ANY, "sqs:ReceiveMessage", ANY, Check::None(POLLER)),
    (ANY, "sqs:DeleteMessage", ANY, Check::None(POLLER)),
    ("Roles.Schedule", "lambda:InvokeFunction", "-reconciler", Check::None(SCHEDULER)),
    ("Roles.Schedule", "lambda:InvokeFunction", "-alarm-notifier", Check::None(SCHEDULER)),
    ("Roles.Schedule", "sqs:SendMessage", "-hints", Check::None(SCHEDULER)),
    ("Roles.Schedule", "sqs:SendMessage", "-hints-dead-letters", Check::None(SCHEDULER)),
    (VERSIONS, "codedeploy:GetDeployment", ANY, Check::None(DEPLOYMENT)),
    (VERSIONS, "codedeploy:GetApplicationRevision", ANY, Check::None(DEPLOYMENT)),
    (VERSIONS, "codedeploy:PutLifecycleEventHookExecutionStatus", ANY, Check::None(DEPLOYMENT)),
    (VERSIONS, "lambda:InvokeFunction", ":*", Check::None(QUALIFIED)),
    (VERSIONS, "lambda:InvokeFunction", "-webhook-ingest", Check::Version("webhook-ingest")),
    (VERSIONS, "lambda:InvokeFunction", "-event-enricher", Check::Version("event-enricher")),
    (VERSIONS, "lambda:InvokeFunction", "-action-worker", Check::Version("action-worker")),
    (NOTIFIER, "dynamodb:GetItem", "-store", Check::Alarm),
    (NOTIFIER, "dynamodb:PutItem", "-store", Check::Alarm),
    (NOTIFIER, "dynamodb:Query", "-store", Check::AlarmSchedule),
    (NOTIFIER, "dynamodb:DeleteItem", "-store", Check::None(HOUR)),
    (NOTIFIER, "dynamodb:UpdateItem", "-store", Check::None(DAY)),
    (NOTIFIER, "secretsmanager:GetSecretValue", "-??????", Check::None(ONE_DESTINATION)),
    (
        "Roles.WebhookIngest",
        "sqs:SendMessage",
        "-hints",
        Check::Webhook("webhook.enqueue_failed", "queue_rejected"),
    ),
    (
        "Roles.WebhookIngest",
        "secretsmanager:GetSecretValue",
        "/webhook-token-??????",
        Check::Webhook("webhook.token_read_failed", "secret_access_denied"),
    ),
    ("Roles.WebhookIngest", "secretsmanager:GetSecretValue", "/webhook-token", Check::WithoutSecrets),
    ("Roles.WebhookIngest", "secretsmanager:GetSecretValue", "/inbound-*", Check::InboundWebhook),
    ("Roles.WebhookIngest", "dynamodb:Query", "-store", Check::List),
    ("Roles.WebhookIngest", "dynamodb:UpdateItem", "-store", Check::TokenUse),
    ("Roles.Reconciler", "dynamodb:Query", "/index/due", Check::Reconciler("table_rejected")),
    ("Roles.Reconciler", "dynamodb:Query", "/index/checks", Check::Reconciler("table_rejected")),
    ("Roles.Reconciler", "dynamodb:Query", "/index/journal_by_day", Check::Reconciler("table_rejected")),
    ("Roles.Reconciler", "dynamodb:GetItem", "-store", Check::Reconciler("table_rejected")),
    ("Roles.Reconciler", "dynamodb:PutItem", "-store", Check::Reconciler("table_rejected")),
    ("Roles.Reconciler", "dynamodb:Query", "-store", Check::Listing),
    ("Roles.Reconciler", "dynamodb:UpdateItem", "-store", Check::Listing),
    ("Roles.Reconciler", "sqs:SendMessage", "-hints", Check::Reconciler("queue_rejected")),
    ("Roles.Reconciler", "sqs:GetQueueAttributes", "-hints", Check::Reconciler("queue_rejected")),
    (ROTATOR, "secretsmanager:DescribeSecret", "/api-token-??????", Check::Rotation("api")),
    (ROTATOR, "secretsmanager:GetSecretValue", "/api-token-??????", Check::Rotation("api")),
    (ROTATOR, "secretsmanager:PutSecretValue", "/api-token-??????", Check::Rotation("api")),
    (ROTATOR, "secretsmanager:UpdateSecretVersionStage", "/api-token-??????", Check::Rotation("api")),
    (ROTATOR, "secretsmanager:GetSecretValue", "/api-key-??????", Check::Rotation("api")),
    (ROTATOR, "secretsmanager:DescribeSecret", "/writer-token-??????", Check::Rotation("writer")),
    (ROTATOR, "secretsmanager:GetSecretValue", "/writer-token-??????", Check::Rotation("writer")),
    (ROTATOR, "secretsmanager:PutSecretValue", "/writer-token-??????", Check::Rotation("writer")),
    (ROTATOR, "secretsmanager:UpdateSecretVersionStage", "/writer-token-??????", Check::Rotation("writer")),
    (ROTATOR, "secretsmanager:GetSecretValue", "/writer-key-??????", Check::Rotation("writer")),
    (ENRICHER, "sqs:GetQueueAttributes", ANY, Check::None(POLLER)),
    (ENRICHER, "sqs:ChangeMessageVisibility", "-hints", Check::Delay("dynamodb:BatchGetItem", "-store")),
    (ENRICHER, "sqs:SendMessage", "-hints-dead-letters", Check::DeadLetter),
    (ENRICHER, "dynamodb:BatchGetItem", "-store", Check::Work("table_rejected")),
    (ENRICHER, "dynamodb:PutItem", "-store", Check::Work("table_rejected")),
    (ENRICHER, "dynamodb:PartiQLInsert", "-store", Check::None(STATEMENT)),
    (ENRICHER, "dynamodb:PartiQLUpdate", "-store", Check::None(STATEMENT)),
    (ENRICHER, "dynamodb:Query", "-store", Check::Rebuild),
    (ENRICHER, "dynamodb:UpdateItem", "-store", Check::Work("table_rejected")),
    (ENRICHER, "sns:Publish", "-events.fifo", Check::Work("publish_failed")),
    (ENRICHER, "secretsmanager:GetSecretValue", "/api-token-??????", Check::Work("secret_access_denied")),
    (WORKER, "sqs:GetQueueAttributes", ANY, Check::None(POLLER)),
    (WORKER, "sqs:ChangeMessageVisibility", "-actions.fifo", Check::Delay("dynamodb:UpdateItem", "-store")),
    (WORKER, "sqs:SendMessage", "-actions-dead-letters.fifo", Check::DeadLetter),
    (WORKER, "dynamodb:BatchGetItem", "-store", Check::Work("table_rejected")),
    (WORKER, "dynamodb:Query", "-store", Check::Order),
    (WORKER, "dynamodb:GetItem", "-store", Check::Lead),
    (WORKER, "dynamodb:PutItem", "-store", Check::Work("table_rejected")),
    (WORKER, "dynamodb:UpdateItem", "-store", Check::Work("table_rejected")),
    (WORKER, "dynamodb:PartiQLInsert", "-store", Check::None(STATEMENT)),
    (WORKER, "dynamodb:PartiQLUpdate", "-store", Check::None(STATEMENT)),
    (WORKER, "secretsmanager:GetSecretValue", "/api-token-??????", Check::Work("secret_access_denied")),
    (WORKER, "secretsmanager:GetSecretValue", "/destination-*", Check::Notice),
    (WORKER, "secretsmanager:GetSecretValue", "/lead-key-??????", Check::ReusedContact),
    (HANDLER, "secretsmanager:GetSecretValue", "/none-??????", Check::None(PLACEHOLDER)),
    (HANDLER, "dynamodb:Scan", "-none", Check::None(PLACEHOLDER)),
    (HANDLER, "dynamodb:Scan", "-store", Check::Work("table_rejected")),
];

/// The rows of a handler whose resources have its own name.
const OF_A_HANDLER: [(&str, &str, Check); 5] = [
    ("sqs:GetQueueAttributes", ANY, Check::None(POLLER)),
    ("sqs:ChangeMessageVisibility", ANY, Check::Delay("sqs:SendMessage", "-actions.fifo")),
    ("sqs:SendMessage", "-actions.fifo", Check::Work("queue_rejected")),
    ("sqs:SendMessage", "-dead-letters.fifo", Check::DeadLetter),
    ("dynamodb:BatchGetItem", "-store", Check::Work("table_rejected")),
];

/// The check of a permission, if the table has one.
pub(super) fn check_of(permission: &Permission) -> Option<Check> {
    let Permission { action, resource, .. } = permission;
    let role = permission.role_id();
    let fits = |role_start: &str, of_action: &str, end: &str| {
        role.starts_with(role_start) && action == of_action && resource.ends_with(end)
    };
    let own = ROWS.iter().find(|(role, action, end, _)| fits(role, action, end)).map(|(.., check)| *check);
    let is_handler = role.starts_with(HANDLER) && !role.contains('.');
    let of_a_handler = OF_A_HANDLER.iter().filter(|_| is_handler);
    let of_a_handler = of_a_handler
        .into_iter()
        .find(|(action, end, _)| fits(HANDLER, action, end))
        .map(|(.., check)| *check);
    own.or(of_a_handler)
}
