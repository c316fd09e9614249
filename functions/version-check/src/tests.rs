use super::*;
use automations::serde_json::{self, Value, json};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use std::sync::{Arc, Mutex};

/// What CodeDeploy was sent.
type Reported = Arc<Mutex<Vec<Value>>>;

/// What CodeDeploy deploys, and the operation that it rejects.
#[derive(Clone, Copy)]
struct CodeDeploy {
    function: &'static str,
    rejects: &'static str,
}

impl CodeDeploy {
    fn respond(self, operation: &str, request: &Value) -> Response {
        let json = [("content-type", "application/x-amz-json-1.1")];
        if operation == self.rejects {
            let error = json!({ "__type": "ThrottlingException" });
            return (StatusCode::BAD_REQUEST, json, error.to_string()).into_response();
        }
        let revision = json!({ "revisionType": "String", "string": { "sha256": "abc" } });
        let response = match operation {
            "GetDeployment" => {
                json!({ "deploymentInfo": { "applicationName": "automations-Deploys", "revision": revision } })
            }
            "GetApplicationRevision" => {
                assert_eq!(
                    request,
                    &json!({ "applicationName": "automations-Deploys", "revision": revision })
                );
                let name = format!("automations-{}", self.function);
                let properties = json!({ "Name": name, "CurrentVersion": "6", "TargetVersion": "7" });
                let content =
                    json!({ "version": 0.0, "Resources": [{ "Target": { "Properties": properties } }] });
                json!({ "revision": { "revisionType": "String", "string": { "content": content.to_string() } } })
            }
            "PutLifecycleEventHookExecutionStatus" => json!({}),
            other => panic!("{other}"),
        };
        (json, response.to_string()).into_response()
    }
}

/// Lambda, whose versions respond with this, and CodeDeploy.
async fn services(lambda: fn(&str) -> Response, codedeploy: CodeDeploy) -> (VersionCheck, Reported) {
    let reported = Reported::default();
    let router = Router::new().fallback({
        let reported = Arc::clone(&reported);
        async move |headers: HeaderMap, uri: Uri, body: Bytes| {
            let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
            let Some(operation) = target.and_then(|target| target.strip_prefix("CodeDeploy_20141006."))
            else {
                return lambda(&uri.to_string());
            };
            let request: Value = serde_json::from_slice(&body).unwrap();
            if operation == "PutLifecycleEventHookExecutionStatus" {
                reported.lock().unwrap().push(request.clone());
            }
            codedeploy.respond(operation, &request)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("ap-southeast-2"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(automations::aws::load().unwrap().http_client().unwrap())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build();
    let check = VersionCheck {
        lambda: aws_sdk_lambda::Client::new(&config),
        codedeploy: aws_sdk_codedeploy::Client::new(&config),
        application: "automations".to_owned(),
    };
    (check, reported)
}

fn deploying(function: &'static str) -> CodeDeploy {
    CodeDeploy { function, rejects: "" }
}

fn of_deployment() -> Invocation {
    serde_json::from_value(json!({ "DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1" })).unwrap()
}

fn good(uri: &str) -> Response {
    assert!(uri.ends_with("?Qualifier=7"), "{uri}");
    let is_ingest = uri.contains("webhook-ingest");
    let body = if is_ingest { json!({ "statusCode": 401 }) } else { json!({ "batchItemFailures": [] }) };
    body.to_string().into_response()
}

/// C6 of the AWS facts: no traffic goes to a version that does not work.
#[tokio::test]
async fn a_deployment_goes_on_only_if_its_version_responds_as_it_should() {
    let bad: [fn(&str) -> Response; 5] = [
        |uri| ([("x-amz-function-error", "Unhandled")], good(uri)).into_response(),
        |_| ([("x-amz-function-error", "Unhandled")], r#"{"errorMessage":"private"}"#).into_response(),
        |_| r#"{"statusCode":503}"#.into_response(),
        |_| (StatusCode::TOO_MANY_REQUESTS, "{}").into_response(),
        |_| (StatusCode::FORBIDDEN, "{}").into_response(),
    ];
    let good: fn(&str) -> Response = good;
    let versions = [(good, "Succeeded")].into_iter().chain(bad.map(|bad| (bad, "Failed")));
    for function in ["webhook-ingest", "event-enricher", "action-worker"] {
        for (lambda, status) in versions.clone() {
            let (check, reported) = services(lambda, deploying(function)).await;
            let report = check.run(of_deployment()).await.unwrap();
            assert_eq!(report.good, status == "Succeeded", "{function}: {report:?}");
            assert!(!report.seen.contains("private"), "{report:?}");
            let sent =
                json!({ "deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": status });
            assert_eq!(*reported.lock().unwrap(), [sent], "{function}: {report:?}");
        }
    }
}

#[tokio::test]
async fn a_deployment_of_something_unknown_fails() {
    let (check, reported) = services(good, deploying("reconciler")).await;
    assert!(!check.run(of_deployment()).await.unwrap().good);
    assert_eq!(reported.lock().unwrap()[0]["status"], "Failed");
    for rejects in ["GetDeployment", "GetApplicationRevision"] {
        let (check, reported) = services(good, CodeDeploy { function: "webhook-ingest", rejects }).await;
        let report = check.run(of_deployment()).await.unwrap();
        assert!(!report.good && report.seen.contains("ThrottlingException"), "{report:?}");
        assert_eq!(reported.lock().unwrap()[0]["status"], "Failed");
    }
}

#[tokio::test]
async fn a_person_gets_the_result_and_codedeploy_does_not() {
    let (check, reported) = services(good, deploying("webhook-ingest")).await;
    let by_hand = json!({ "Name": "automations-action-worker", "TargetVersion": "7" });
    let report = check.run(serde_json::from_value(by_hand).unwrap()).await.unwrap();
    assert!(report.good && report.seen.contains("version 7 of automations-action-worker"), "{report:?}");
    assert!(reported.lock().unwrap().is_empty());
    assert!(serde_json::from_value::<Invocation>(json!({ "DeploymentId": "d-1" })).is_err());
}

#[tokio::test]
async fn a_result_that_codedeploy_does_not_take_is_an_error() {
    let codedeploy =
        CodeDeploy { function: "webhook-ingest", rejects: "PutLifecycleEventHookExecutionStatus" };
    let (check, _) = services(good, codedeploy).await;
    let error = check.run(of_deployment()).await.unwrap_err();
    assert!(error.to_string().contains("ThrottlingException"), "{error}");
}
