//! The actions that a deployment of `template.yaml` needs, with all its options: those of the SAM CLI, and for each type of resource
//! those that CloudFormation calls in the name of who deploys (CloudFormation registry, the handlers' permissions in each type's
//! schema; `AWS::CloudFormation::Stack` and `CodeDeploy` by their user guides).

/// What the SAM CLI calls itself, its own stack of the bucket included (`samcli/lib/deploy/deployer.py`,
/// `samcli/lib/bootstrap/bootstrap.py`, `samcli/lib/package/s3_uploader.py`).
pub const BY_SAM: &[&str] = &[
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplate",
    "cloudformation:GetTemplateSummary",
    "s3:CreateBucket",
    "s3:DeleteObject",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutObject",
];

/// By type of resource, those that SAM makes of its own types among them.
pub const BY_TYPE: &[(&str, &[&str])] = &[
    (
        "AWS::CloudFormation::Stack",
        &[
            "cloudformation:CreateStack",
            "cloudformation:UpdateStack",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStacks",
            "cloudformation:TagResource",
        ],
    ),
    (
        "AWS::CloudWatch::Alarm",
        &[
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DeleteAlarms",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
            "cloudwatch:ListTagsForResource",
        ],
    ),
    (
        "AWS::CloudWatch::CompositeAlarm",
        &["cloudwatch:PutCompositeAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"],
    ),
    (
        "AWS::CloudWatch::Dashboard",
        &["cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"],
    ),
    (
        "AWS::CodeDeploy::Application",
        &[
            "codedeploy:CreateApplication",
            "codedeploy:GetApplication",
            "codedeploy:UpdateApplication",
            "codedeploy:DeleteApplication",
            "codedeploy:TagResource",
            "codedeploy:UntagResource",
            "codedeploy:ListTagsForResource",
        ],
    ),
    (
        "AWS::CodeDeploy::DeploymentGroup",
        &[
            "codedeploy:CreateDeploymentGroup",
            "codedeploy:GetDeploymentGroup",
            "codedeploy:UpdateDeploymentGroup",
            "codedeploy:DeleteDeploymentGroup",
            "iam:PassRole",
        ],
    ),
    (
        "AWS::DynamoDB::Table",
        &[
            "dynamodb:CreateTable",
            "dynamodb:DescribeTable",
            "dynamodb:UpdateTable",
            "dynamodb:DeleteTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:UpdateTimeToLive",
            "dynamodb:DescribeContributorInsights",
            "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
    ),
    (
        "AWS::IAM::Role",
        &[
            "iam:CreateRole",
            "iam:GetRole",
            "iam:DeleteRole",
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "iam:GetRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:ListRolePolicies",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:PutRolePermissionsBoundary",
            "iam:TagRole",
            "iam:UntagRole",
        ],
    ),
    (
        "AWS::Lambda::Alias",
        &[
            "lambda:CreateAlias",
            "lambda:GetAlias",
            "lambda:UpdateAlias",
            "lambda:DeleteAlias",
            "lambda:GetProvisionedConcurrencyConfig",
            // With CanaryDeployment=true the alias is moved by CodeDeploy.
            "codedeploy:CreateDeployment",
            "codedeploy:GetDeployment",
            "codedeploy:GetDeploymentConfig",
            "codedeploy:GetApplicationRevision",
            "codedeploy:RegisterApplicationRevision",
        ],
    ),
    (
        "AWS::Lambda::EventInvokeConfig",
        &[
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:UpdateFunctionEventInvokeConfig",
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:ListFunctionEventInvokeConfigs",
        ],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &[
            "lambda:CreateEventSourceMapping",
            "lambda:GetEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
            "lambda:DeleteEventSourceMapping",
            "lambda:ListTags",
            "lambda:TagResource",
            "lambda:UntagResource",
        ],
    ),
    (
        "AWS::Lambda::Function",
        &[
            "lambda:CreateFunction",
            "lambda:GetFunction",
            "lambda:GetFunctionConfiguration",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:DeleteFunction",
            "lambda:PutFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionRecursionConfig",
            "lambda:PutFunctionRecursionConfig",
            "lambda:GetRuntimeManagementConfig",
            "lambda:PutRuntimeManagementConfig",
            "lambda:ListTags",
            "lambda:TagResource",
            "lambda:UntagResource",
            "iam:PassRole",
            "s3:GetObject",
            "s3:GetObjectVersion",
        ],
    ),
    ("AWS::Lambda::Permission", &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"]),
    (
        "AWS::Lambda::Url",
        &[
            "lambda:CreateFunctionUrlConfig",
            "lambda:GetFunctionUrlConfig",
            "lambda:UpdateFunctionUrlConfig",
            "lambda:DeleteFunctionUrlConfig",
        ],
    ),
    (
        "AWS::Lambda::Version",
        &[
            "lambda:PublishVersion",
            "lambda:ListVersionsByFunction",
            "lambda:GetFunctionConfiguration",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:PutRuntimeManagementConfig",
            "lambda:DeleteFunction",
        ],
    ),
    (
        "AWS::Logs::LogGroup",
        &[
            "logs:CreateLogGroup",
            "logs:DescribeLogGroups",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:DeleteLogGroup",
            "logs:GetDataProtectionPolicy",
            "logs:DescribeIndexPolicies",
            "logs:ListTagsForResource",
            "logs:TagResource",
            "logs:UntagResource",
        ],
    ),
    (
        "AWS::Logs::MetricFilter",
        &["logs:PutMetricFilter", "logs:DescribeMetricFilters", "logs:DeleteMetricFilter"],
    ),
    (
        "AWS::SNS::Subscription",
        &[
            "sns:Subscribe",
            "sns:GetSubscriptionAttributes",
            "sns:SetSubscriptionAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:Unsubscribe",
        ],
    ),
    (
        "AWS::SNS::Topic",
        &[
            "sns:CreateTopic",
            "sns:GetTopicAttributes",
            "sns:SetTopicAttributes",
            "sns:DeleteTopic",
            "sns:GetDataProtectionPolicy",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource",
            "sns:TagResource",
            "sns:UntagResource",
        ],
    ),
    (
        "AWS::SQS::Queue",
        &[
            "sqs:CreateQueue",
            "sqs:GetQueueUrl",
            "sqs:GetQueueAttributes",
            "sqs:SetQueueAttributes",
            "sqs:DeleteQueue",
            "sqs:ListQueueTags",
            "sqs:TagQueue",
            "sqs:UntagQueue",
        ],
    ),
    ("AWS::SQS::QueuePolicy", &["sqs:SetQueueAttributes"]),
    (
        "AWS::Scheduler::Schedule",
        &[
            "scheduler:CreateSchedule",
            "scheduler:GetSchedule",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
            "iam:PassRole",
        ],
    ),
];

/// An action on an example of the resource on which a deployment performs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// Such as `sqs:CreateQueue`.
    pub action: &'static str,
    /// An ARN, or `*` if the action supports no resource.
    pub resource: String,
}

/// What a deployment of this stack needs, each once, in the order of the actions' names.
pub fn of_deployment(region: &str, account: &str, stack: &str) -> Vec<Needed> {
    let all = BY_SAM.iter().chain(BY_TYPE.iter().flat_map(|(_, actions)| *actions));
    let needed = |action: &&'static str| Needed { action, resource: example(action, region, account, stack) };
    let mut needed: Vec<Needed> = all.map(needed).collect();
    needed.sort();
    needed.dedup();
    needed
}

fn example(action: &str, region: &str, account: &str, stack: &str) -> String {
    let (service, name) = action.split_once(':').unwrap_or_default();
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    let own = |kind: &str, name: &str| format!("{kind}{stack}-{name}");
    match service {
        "cloudformation" => arn(service, &format!("stack/{stack}/0")),
        "cloudwatch" if name == "DescribeAlarms" => "*".to_owned(),
        "cloudwatch" if name.contains("Dashboard") => {
            format!("arn:aws:cloudwatch::{account}:dashboard/{stack}")
        }
        "cloudwatch" => arn(service, &own("alarm:", "hints-backlog")),
        "codedeploy" if name == "GetDeploymentConfig" => {
            arn(service, "deploymentconfig:CodeDeployDefault.LambdaCanary10Percent5Minutes")
        }
        "codedeploy" if name.contains("Deployment") => {
            arn(service, &own("deploymentgroup:", "ServerlessDeploymentApplication-0/0"))
        }
        "codedeploy" => arn(service, &own("application:", "ServerlessDeploymentApplication-0")),
        "dynamodb" => arn(service, &own("table/", "store")),
        "iam" => format!("arn:aws:iam::{account}:{}", own("role/", "CodeDeployServiceRole-0")),
        "kms" => arn(service, "key/00000000-0000-0000-0000-000000000000"),
        "lambda" if name.ends_with("EventSourceMapping") => "*".to_owned(),
        "lambda" => arn(service, &own("function:", "webhook-ingest")),
        "logs" if name.starts_with("Describe") => arn(service, "log-group:*"),
        "logs" => arn(service, &own("log-group:/aws/lambda/", "webhook-ingest:*")),
        "s3" if name.contains("Object") => "arn:aws:s3:::aws-sam-cli-managed-default-0/0".to_owned(),
        "s3" => "arn:aws:s3:::aws-sam-cli-managed-default-0".to_owned(),
        "scheduler" => arn(service, &own("schedule/default/", "reconciler")),
        "sns"
            if ["GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe"].contains(&name) =>
        {
            "*".to_owned()
        }
        "sns" => arn(service, &own("", "events.fifo")),
        "sqs" => arn(service, &own("", "hints")),
        _ => "*".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_an_example_of_its_resource_and_is_there_once() {
        let all = of_deployment("ap-southeast-2", "111122223333", "automations-dev");
        assert!(all.len() > 130 && all.is_sorted(), "{}", all.len());
        let arn = |action: &str| all.iter().find(|needed| needed.action == action).unwrap().resource.as_str();
        assert_eq!(arn("sqs:CreateQueue"), "arn:aws:sqs:ap-southeast-2:111122223333:automations-dev-hints");
        assert_eq!(
            arn("iam:PassRole"),
            "arn:aws:iam::111122223333:role/automations-dev-CodeDeployServiceRole-0"
        );
        assert_eq!(arn("lambda:CreateEventSourceMapping"), "*");
        let services: Vec<_> = all.iter().filter(|needed| needed.resource == "*").collect();
        assert_eq!(services.len(), 8, "{services:?}");
    }
}
