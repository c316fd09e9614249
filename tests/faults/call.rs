//! A call of an AWS operation, read from its HTTP request.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;

/// A service to whose calls a rule can apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Service {
    Sqs,
    Sns,
    DynamoDb,
    SecretsManager,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) service: Service,
    /// For example `SendMessageBatch`.
    pub(crate) operation: String,
    pub(crate) body: Body,
}

/// The parameters of a call, in the form of the service's protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// AWS JSON: every service but SNS.
    Json(Value),
    /// AWS query: SNS.
    Form(Vec<(String, String)>),
}

/// `Version` in SNS's calls: other services have the same protocol.
const SNS_VERSION: &str = "2010-03-31";

impl Call {
    /// The call that a request makes; none if its service has no rules.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        if let Some((prefix, operation)) = text("x-amz-target").and_then(|target| target.split_once('.')) {
            let service = match prefix {
                "AmazonSQS" => Service::Sqs,
                "DynamoDB_20120810" => Service::DynamoDb,
                "secretsmanager" => Service::SecretsManager,
                _ => return None,
            };
            let body = Body::Json(serde_json::from_slice(body).ok()?);
            return Some(Self { service, operation: operation.to_owned(), body });
        }
        text(CONTENT_TYPE.as_str()).filter(|kind| kind.starts_with("application/x-www-form-urlencoded"))?;
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        field("Version").filter(|version| version == SNS_VERSION)?;
        let operation = field("Action")?;
        Some(Self { service: Service::Sns, operation, body: Body::Form(fields) })
    }

    /// The request's body.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Json(json) => json.to_string().into_bytes(),
            Body::Form(fields) => {
                form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
            }
        }
    }

    /// A parameter of a JSON call.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Value> {
        match &self.body {
            Body::Json(json) => json.get(name),
            Body::Form(_) => None,
        }
    }

    /// Whether it sends to a queue that may deliver a message twice and out of order.
    pub(crate) fn is_to_standard_queue(&self) -> bool {
        let queue = self.parameter("QueueUrl").and_then(Value::as_str);
        self.service == Service::Sqs && queue.is_some_and(|queue| queue.rsplit('.').next() != Some("fifo"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_call_is_read_from_the_header_or_from_the_form() {
        let body = json!({ "QueueUrl": "http://127.0.0.1:1/0/q" });
        let call = Call::read(&headers("x-amz-target", "AmazonSQS.SendMessage"), body.to_string().as_bytes());
        let call = call.unwrap();
        assert_eq!((call.service, call.operation.as_str()), (Service::Sqs, "SendMessage"));
        assert!(call.is_to_standard_queue());
        let form = b"Action=PublishBatch&Version=2010-03-31&TopicArn=a%3Ab";
        let kind = headers("content-type", "application/x-www-form-urlencoded");
        let call = Call::read(&kind, form).unwrap();
        assert_eq!((call.service, call.operation.as_str()), (Service::Sns, "PublishBatch"));
        assert_eq!(call.to_bytes(), form);
    }

    #[test]
    fn other_services_calls_are_left_alone() {
        assert_eq!(Call::read(&headers("x-amz-target", "Logs_20140328.PutLogEvents"), b"{}"), None);
        let kind = headers("content-type", "application/x-www-form-urlencoded");
        assert_eq!(Call::read(&kind, b"Action=GetCallerIdentity&Version=2011-06-15"), None);
    }

    #[test]
    fn a_fifo_queue_is_no_standard_queue() {
        let body = json!({ "QueueUrl": "http://127.0.0.1:1/0/q.fifo" });
        let call = Call::read(&headers("x-amz-target", "AmazonSQS.SendMessage"), body.to_string().as_bytes());
        assert!(!call.unwrap().is_to_standard_queue());
    }
}
