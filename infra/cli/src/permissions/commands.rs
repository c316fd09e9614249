//! The calls of each command, and which of the two policies of `infra/stacks/operators.yaml` allows them.

/// Whose policy a command runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// It calls nothing of AWS.
    NoCredentials,
    /// The policy of readers.
    Reader,
    /// The policies of readers and of operators.
    Operator,
}

/// What a command needs.
#[derive(Debug, Clone, Copy)]
pub struct CommandNeeds {
    /// The command with its subcommand, such as `dlq list`.
    pub command: &'static str,
    /// Who may run it.
    pub profile: Profile,
    /// IAM's names of the actions, those of the calls that CloudFormation makes for it among them.
    pub actions: &'static [&'static [&'static str]],
}

const LOOK_AT_DEAD_LETTERS: &[&str] = &[
    "cloudformation:ListStackResources",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
];
const READ_JOURNAL: &[&str] = &["dynamodb:Query", "dynamodb:BatchGetItem"];
const READ_SUBSCRIPTIONS: &[&str] = &[
    "cloudformation:ListStackResources",
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:GetSubscriptionAttributes",
];
const READ_ENTRIES: &[&str] = &[
    "cloudformation:ListStackResources",
    "lambda:GetFunctionConfiguration",
    "sns:ListSubscriptionsByTopic",
    "sns:GetSubscriptionAttributes",
];
const READ_HANDLER: &[&str] = &["lambda:GetFunctionConfiguration"];
const CHANGE_TRIGGER: &[&str] = &[
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "lambda:ListEventSourceMappings",
    "lambda:UpdateEventSourceMapping",
];
/// The handler itself checks them.
const CHANGE_SETTINGS: &[&str] =
    &["dynamodb:Query", "lambda:InvokeFunction", "dynamodb:PutItem", "dynamodb:DeleteItem"];
/// With the last firings, which are in the table.
const READ_SCHEDULES: &[&str] =
    &["cloudformation:ListStackResources", "scheduler:GetSchedule", "dynamodb:Query"];
const LIST_ORGANISATIONS: &[&str] = &["secretsmanager:ListSecrets"];
const READ_STACK: &[&str] = &["cloudformation:DescribeStacks"];
const READ_SECRET: &[&str] = &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"];
const WRITE_SECRET: &[&str] = &["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"];
const READ_URL: &[&str] = &["lambda:GetFunctionUrlConfig"];
/// `AWS::SecretsManager::Secret` and `RotationSchedule`, by CloudFormation.
const CHANGE_ORGANISATIONS_STACK: &[&str] = &[
    "cloudformation:CreateStack",
    "cloudformation:UpdateStack",
    "cloudformation:TagResource",
    "secretsmanager:CreateSecret",
    "secretsmanager:UpdateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:RotateSecret",
    "secretsmanager:CancelRotateSecret",
    "lambda:InvokeFunction",
];

const fn reader(command: &'static str, actions: &'static [&'static [&'static str]]) -> CommandNeeds {
    CommandNeeds { command, profile: Profile::Reader, actions }
}

const fn operator(command: &'static str, actions: &'static [&'static [&'static str]]) -> CommandNeeds {
    CommandNeeds { command, profile: Profile::Operator, actions }
}

const fn without_aws(command: &'static str) -> CommandNeeds {
    CommandNeeds { command, profile: Profile::NoCredentials, actions: &[] }
}

/// Every command of the program.
pub const COMMANDS: &[CommandNeeds] = &[
    reader(
        "timeline",
        &[READ_JOURNAL, READ_SUBSCRIPTIONS, READ_ENTRIES, LOOK_AT_DEAD_LETTERS, &["logs:FilterLogEvents"]],
    ),
    reader("audit", &[&["dynamodb:Query"]]),
    // A reader sees all but what organisations' tokens say; a change needs what its command needs, and so does a handler that is tried. Pages
    // disable a change if its command's row has an action that the profile lacks, and so ask for some of these (`console/permission.rs`).
    reader(
        "console",
        &[
            READ_STACK,
            READ_JOURNAL,
            READ_SUBSCRIPTIONS,
            READ_ENTRIES,
            READ_SCHEDULES,
            READ_URL,
            LIST_ORGANISATIONS,
            LOOK_AT_DEAD_LETTERS,
            &[
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetMetricData",
                "lambda:GetAlias",
                "logs:FilterLogEvents",
                "secretsmanager:DescribeSecret",
            ],
        ],
    ),
    reader("dlq list", &[LOOK_AT_DEAD_LETTERS]),
    reader("dlq show", &[LOOK_AT_DEAD_LETTERS]),
    operator(
        "dlq redrive",
        &[LOOK_AT_DEAD_LETTERS, &["sqs:SendMessage", "sqs:DeleteMessage", "dynamodb:UpdateItem"]],
    ),
    operator("dlq drop", &[LOOK_AT_DEAD_LETTERS, &["sqs:DeleteMessage"]]),
    // With --dry-run, a reader may.
    operator("replay", &[READ_JOURNAL, READ_SUBSCRIPTIONS, &["sns:Publish", "sqs:SendMessage"]]),
    // Without --yes, a reader may.
    operator("undo", &[READ_JOURNAL, &["sqs:GetQueueUrl", "sqs:SendMessage"]]),
    reader("reminders list", &[&["dynamodb:Query", "dynamodb:BatchGetItem"]]),
    operator("reminders cancel", &[&["dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"]]),
    reader("settings list", &[LIST_ORGANISATIONS, &["dynamodb:Query"]]),
    reader("settings get", &[LIST_ORGANISATIONS, READ_HANDLER, &["dynamodb:Query"]]),
    operator("settings set", &[LIST_ORGANISATIONS, READ_HANDLER, CHANGE_SETTINGS]),
    operator("settings unset", &[LIST_ORGANISATIONS, READ_HANDLER, CHANGE_SETTINGS]),
    // With --list, a reader may.
    operator(
        "pause",
        &[
            LIST_ORGANISATIONS,
            READ_HANDLER,
            CHANGE_TRIGGER,
            &["dynamodb:Query", "dynamodb:PutItem", "cloudwatch:DisableAlarmActions"],
        ],
    ),
    operator(
        "resume",
        &[
            LIST_ORGANISATIONS,
            READ_HANDLER,
            CHANGE_TRIGGER,
            LOOK_AT_DEAD_LETTERS,
            &[
                "cloudwatch:EnableAlarmActions",
                "dynamodb:DeleteItem",
                "dynamodb:PutItem",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
                "sqs:SendMessage",
                "sqs:DeleteMessage",
            ],
        ],
    ),
    // A handler whose entry has ApiAccess reads a token.
    operator("dry-run", &[READ_JOURNAL, &["secretsmanager:GetSecretValue"]]),
    // A handler whose entry has ApiAccess reads a token.
    operator(
        "listen",
        &[
            &["cloudformation:ListStackResources", "sns:ListSubscriptionsByTopic", "dynamodb:PutItem"],
            &["sqs:ListQueues", "sqs:GetQueueUrl", "sqs:GetQueueAttributes"],
            &["sqs:CreateQueue", "sqs:DeleteQueue", "sns:Subscribe", "sns:Unsubscribe"],
            &["sqs:ReceiveMessage", "sqs:DeleteMessage", "secretsmanager:GetSecretValue"],
        ],
    ),
    operator(
        "organisation add",
        &[
            READ_STACK,
            LIST_ORGANISATIONS,
            CHANGE_ORGANISATIONS_STACK,
            READ_SECRET,
            WRITE_SECRET,
            READ_URL,
            &["dynamodb:PutItem"],
        ],
    ),
    reader("organisation list", &[LIST_ORGANISATIONS]),
    operator(
        "organisation urls",
        &[LIST_ORGANISATIONS, READ_SECRET, WRITE_SECRET, READ_URL, &["dynamodb:PutItem", "dynamodb:Query"]],
    ),
    operator(
        "organisation inbound",
        &[
            LIST_ORGANISATIONS,
            READ_SECRET,
            WRITE_SECRET,
            READ_URL,
            &["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "dynamodb:UpdateItem"],
        ],
    ),
    operator(
        "organisation destination",
        &[
            LIST_ORGANISATIONS,
            READ_SECRET,
            WRITE_SECRET,
            &["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"],
        ],
    ),
    operator(
        "organisation reuse-contacts",
        &[LIST_ORGANISATIONS, READ_SECRET, &["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"]],
    ),
    operator(
        "organisation check",
        &[LIST_ORGANISATIONS, READ_STACK, READ_SECRET, READ_ENTRIES, &["dynamodb:Query"]],
    ),
    operator(
        "organisation rehearse",
        &[
            LIST_ORGANISATIONS,
            READ_STACK,
            READ_SECRET,
            WRITE_SECRET,
            &["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
        ],
    ),
    operator("organisation key", &[LIST_ORGANISATIONS, READ_STACK, READ_SECRET, WRITE_SECRET]),
    operator("organisation renew", &[LIST_ORGANISATIONS, READ_STACK, READ_SECRET, WRITE_SECRET]),
    operator("organisation recheck", &[LIST_ORGANISATIONS, &["dynamodb:Scan", "dynamodb:UpdateItem"]]),
    operator("organisation access", &[LIST_ORGANISATIONS, READ_STACK, READ_SECRET, WRITE_SECRET]),
    operator(
        "organisation backfill",
        &[
            LIST_ORGANISATIONS,
            READ_SECRET,
            &["dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        ],
    ),
    operator(
        "organisation remove",
        &[
            LIST_ORGANISATIONS,
            READ_STACK,
            &[
                "cloudformation:DeleteStack",
                "secretsmanager:DescribeSecret",
                "secretsmanager:DeleteSecret",
                "secretsmanager:CancelRotateSecret",
                "dynamodb:DeleteItem",
                "dynamodb:Query",
            ],
        ],
    ),
    operator(
        "erase",
        &[
            LOOK_AT_DEAD_LETTERS,
            LIST_ORGANISATIONS,
            &["dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:PutItem", "sqs:DeleteMessage"],
        ],
    ),
    // A reader sees all but the organisations' tokens.
    operator(
        "status",
        &[
            READ_STACK,
            READ_ENTRIES,
            READ_SCHEDULES,
            READ_URL,
            LIST_ORGANISATIONS,
            READ_SECRET,
            LOOK_AT_DEAD_LETTERS,
            &[
                "lambda:GetAlias",
                "lambda:ListEventSourceMappings",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetMetricData",
                "sqs:GetQueueUrl",
                "sqs:ListQueues",
            ],
        ],
    ),
    // With --organisation, an operator may: its webhook token is read.
    reader(
        "smoke",
        &[
            READ_STACK,
            LIST_ORGANISATIONS,
            READ_URL,
            &[
                "cloudformation:ListStackResources",
                "sqs:GetQueueAttributes",
                "lambda:GetFunctionConfiguration",
            ],
        ],
    ),
    reader(
        "preflight",
        &[
            READ_STACK,
            &[
                "lambda:GetAccountSettings",
                "lambda:GetFunctionConcurrency",
                "sns:ListTopics",
                "sqs:ListQueues",
                "cloudwatch:DescribeAlarms",
                "servicequotas:ListServiceQuotas",
                "dynamodb:DescribeTable",
                "logs:DescribeLogGroups",
                "iam:GetRole",
                "iam:SimulatePrincipalPolicy",
            ],
        ],
    ),
    without_aws("events"),
    without_aws("new-handler"),
    without_aws("remove-handler"),
    without_aws("schema check"),
    without_aws("schema adopt"),
    operator("schema fetch", &[READ_SECRET]),
    without_aws("completions"),
];
