//! An error as the service's protocol writes it.

use crate::call::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// An error of a service. `query_code` is SQS's code for clients of its earlier protocol, if it is another one.
pub(crate) fn response(
    service: Service,
    status: u16,
    code: &str,
    query_code: Option<&str>,
    more: Option<(&str, Value)>,
) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = "Rate exceeded or service unavailable (injected by the fault proxy)";
    let side = if status.is_client_error() { "Sender" } else { "Receiver" };
    let Some(namespace) = namespace(service) else {
        let body = format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>{side}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
        );
        return (status, [("content-type", "text/xml")], body).into_response();
    };
    let mut body = json!({ "__type": format!("{namespace}#{code}"), "message": message });
    if let (Some((name, value)), Some(body)) = (more, body.as_object_mut()) {
        body.insert(name.to_owned(), value);
    }
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-errortype", code)];
    let query_error = format!("{};{side}", query_code.unwrap_or(code));
    if service == Service::Sqs {
        return (status, headers, [("x-amzn-query-error", query_error)], body.to_string()).into_response();
    }
    (status, headers, body.to_string()).into_response()
}

/// The namespace of the errors of services that speak AWS JSON.
fn namespace(service: Service) -> Option<&'static str> {
    match service {
        Service::Sqs => Some("com.amazonaws.sqs"),
        Service::DynamoDb => Some("com.amazonaws.dynamodb.v20120810"),
        Service::SecretsManager => Some("com.amazonaws.secretsmanager"),
        Service::Sns => None,
    }
}
