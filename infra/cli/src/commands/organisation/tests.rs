//! The labels of secrets, against a model of Secrets Manager that moves and removes labels as AWS does (Secrets Manager API
//! Reference, `PutSecretValue` and `UpdateSecretVersionStage`). The local engine leaves more labels in place.

use super::*;
use crate::stub;
use automations::clock;
use aws_sdk_secretsmanager::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";
const FUNCTION_URL: &str = r#"{ "FunctionUrl": "https://a.example.com/", "FunctionArn": "arn:x", "AuthType": "NONE",
    "CreationTime": "2026-11-25T09:30:00Z" }"#;
const OUTPUTS: &str = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
    <StackStatus>CREATE_COMPLETE</StackStatus><Outputs>\
    <member><OutputKey>RotatorArn</OutputKey><OutputValue>arn:x</OutputValue></member>\
    </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";

/// The versions of one secret in the order in which they were stored: its value, its labels.
type Versions = Vec<(Value, BTreeSet<String>)>;

/// A version's value and labels.
type Labelled<'a> = (Value, &'a [&'a str]);

/// AWS with some secrets, by the last part of their names.
#[derive(Debug, Clone, Default)]
struct Account(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Removal {
    #[default]
    Works,
    /// Another request removed it first.
    IsLate,
    IsDenied,
}

#[derive(Debug, Default)]
struct State {
    secrets: BTreeMap<String, Versions>,
    /// Whether Secrets Manager removes AWSPENDING of a version that is made the current one.
    removes_pending: bool,
    /// How the removal of a label ends.
    removal: Removal,
    /// How many more values are stored before the command crashes.
    crash_after: Option<u32>,
    /// What was added to the list of organisations, or removed from it: the organisation, the change, the webhook.
    listed: Vec<[String; 3]>,
    /// Whether the table refuses requests.
    table_is_down: bool,
}

impl Account {
    fn with(removes_pending: bool, secrets: &[(Kind, &[Labelled<'_>])]) -> Self {
        let version = |(value, labels): &Labelled<'_>| {
            (value.clone(), labels.iter().map(ToString::to_string).collect())
        };
        let secret = |(kind, versions): &(Kind, &[Labelled<'_>])| {
            (kind.as_str().to_owned(), versions.iter().map(version).collect())
        };
        let secrets = secrets.iter().map(secret).collect();
        Self(Arc::new(Mutex::new(State { secrets, removes_pending, ..State::default() })))
    }

    fn organisations(&self) -> Organisations {
        let config = stub::config_of(self.clone());
        Organisations::new(&config, "a".to_owned(), None).unwrap()
    }

    /// The value with this label.
    fn labelled(&self, kind: Kind, label: &str) -> Option<Value> {
        let state = self.0.lock().unwrap();
        let found = state.secrets[kind.as_str()].iter().find(|(_, labels)| labels.contains(label));
        found.map(|(value, _)| value.clone())
    }
}

impl State {
    /// The status of the response to a request to the table.
    fn list(&mut self, request: &Value) -> u16 {
        if self.table_is_down {
            return 400;
        }
        let text = |pointer| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (request.get("Item"), request.get("UpdateExpression")) {
            (Some(_), _) => self.listed.push([text("/Item/sk/S"), "PUT".to_owned(), String::new()]),
            (None, Some(update)) => {
                let change = update.as_str().unwrap_or_default().split(' ').next().unwrap_or_default();
                let name = text("/ExpressionAttributeValues/:names/SS/0");
                self.listed.push([text("/Key/sk/S"), change.to_owned(), name]);
            }
            (None, None) => {}
        }
        200
    }

    fn respond(&mut self, operation: &str, request: &Value) -> Option<Value> {
        let text = |field: &str| request[field].as_str().map(str::to_owned);
        let (removes_pending, removal) = (self.removes_pending, self.removal);
        if operation == "PutSecretValue" {
            self.crash_after = match self.crash_after {
                Some(0) => return None,
                left => left.map(|left| left.saturating_sub(1)),
            };
        }
        let secret = text("SecretId")?;
        let versions = self.secrets.get_mut(secret.rsplit_once('/')?.1)?;
        let id = |version: &str| version.strip_prefix("v-")?.parse::<usize>().ok();
        match operation {
            "GetSecretValue" => {
                let label = text("VersionStage").unwrap_or_else(|| CURRENT.to_owned());
                let at = versions.iter().position(|(_, labels)| labels.contains(&label))?;
                Some(json!({ "SecretString": versions[at].0.to_string(), "VersionId": format!("v-{at}") }))
            }
            "DescribeSecret" => {
                let labels: BTreeMap<_, _> =
                    (0_usize..).zip(versions).map(|(at, (_, labels))| (format!("v-{at}"), labels)).collect();
                Some(json!({ "VersionIdsToStages": labels }))
            }
            "PutSecretValue" => {
                let value = serde_json::from_str(&text("SecretString")?).unwrap();
                versions.push((value, BTreeSet::new()));
                let new = versions.len().saturating_sub(1);
                let label = request["VersionStages"][0].as_str()?;
                moved(versions, label, Some(new));
                Some(json!({ "VersionId": format!("v-{new}") }))
            }
            "UpdateSecretVersionStage" => {
                let label = text("VersionStage")?;
                let from = text("RemoveFromVersionId").and_then(|version| id(&version))?;
                let to = text("MoveToVersionId").and_then(|version| id(&version));
                match removal {
                    Removal::Works => {}
                    Removal::IsLate => moved(versions, &label, None),
                    Removal::IsDenied => return None,
                }
                // A label is removed from no version that does not have it.
                versions.get(from).filter(|(_, labels)| labels.contains(&label) && to != Some(from))?;
                moved(versions, &label, to);
                if let Some(to) = to.filter(|_| label == CURRENT && removes_pending) {
                    versions[to].1.remove(PENDING);
                }
                Some(json!({}))
            }
            _ => None,
        }
    }
}

/// Moves a label, and AWSPREVIOUS with AWSCURRENT.
fn moved(versions: &mut Versions, label: &str, to: Option<usize>) {
    let from = versions.iter().position(|(_, labels)| labels.contains(label));
    if let Some(from) = from {
        versions[from].1.remove(label);
    }
    if let Some(to) = to {
        versions[to].1.insert(label.to_owned());
    }
    if let Some(from) = from.filter(|_| label == CURRENT) {
        moved(versions, PREVIOUS, Some(from));
    }
}

impl HttpClient for Account {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Account {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let (status, body) = match target.split_once('.') {
            None if request.uri().contains("/functions/a-webhook-ingest/url?Qualifier=live") => {
                (200, FUNCTION_URL.to_owned())
            }
            None => (200, OUTPUTS.to_owned()),
            Some((service, _)) if service.starts_with("DynamoDB") => {
                let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
                (self.0.lock().unwrap().list(&body), json!({ "Items": [], "Count": 0 }).to_string())
            }
            Some((_, operation)) => {
                let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
                let is_read = operation == "GetSecretValue";
                let code = if is_read { "ResourceNotFoundException" } else { "InvalidParameterException" };
                match self.0.lock().unwrap().respond(operation, &body) {
                    Some(response) => (200, response.to_string()),
                    None => (400, json!({ "__type": code }).to_string()),
                }
            }
        };
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn north() -> OrganisationId {
    OrganisationId::parse("north").unwrap()
}

/// A key and a token with this access, the token beside others.
fn account(access: &str, token_labels: &[&str], pending: &[Labelled<'_>]) -> Account {
    let key = json!({ "api_key": "k", "access": access });
    let mut tokens = vec![(json!({ "token": "current", "access": access }), token_labels)];
    tokens.extend(pending.iter().cloned());
    Account::with(true, &[(Kind::ApiKey, &[(key, &[CURRENT])]), (Kind::ApiToken, &tokens)])
}

/// B4 of the AWS facts: `add`, the first rotation, then `access read-write`. The rotation may be in progress, may have failed, may
/// have left AWSPENDING on the version that it promoted, or may have removed it.
#[tokio::test]
async fn no_pending_label_survives_a_change_of_access() {
    let pending = json!({ "token": "pending", "access": "read-only" });
    let accounts = [
        account("read-only", &[CURRENT], &[(pending, &[PENDING])]),
        account("read-only", &[CURRENT, PENDING], &[]),
        account("read-only", &[CURRENT], &[]),
    ];
    for account in accounts {
        account.organisations().set_access(&north(), Access::ReadWrite).await.unwrap();
        let token = account.labelled(Kind::ApiToken, CURRENT).unwrap();
        assert_eq!(token, json!({ "token": "current", "access": "read-write" }));
        assert_eq!(account.labelled(Kind::ApiKey, CURRENT).unwrap()["access"], "read-write");
        assert_eq!(account.labelled(Kind::ApiToken, PENDING), None);
    }
}

/// B4 of the AWS facts: the rotation takes its access from the key, so a crash must not leave the old one there.
#[tokio::test]
async fn access_is_stored_in_the_key_before_it_is_stored_in_the_token() {
    let account = account("read-write", &[CURRENT], &[]);
    account.0.lock().unwrap().crash_after = Some(1);
    account.organisations().set_access(&north(), Access::ReadOnly).await.unwrap_err();
    assert_eq!(account.labelled(Kind::ApiKey, CURRENT).unwrap()["access"], "read-only");
    account.0.lock().unwrap().crash_after = None;
    account.organisations().set_access(&north(), Access::ReadOnly).await.unwrap();
    assert_eq!(account.labelled(Kind::ApiToken, CURRENT).unwrap()["access"], "read-only");
}

/// B6 of the AWS facts: AWS may have removed AWSPENDING with the move of AWSCURRENT, and it may have been moved before a crash.
#[tokio::test]
async fn a_webhook_tokens_rotation_is_finished_whatever_labels_aws_removed_by_itself() {
    let [old, new] = ["old", "new"].map(|token| json!({ "token": token }));
    let before: [Labelled<'_>; 2] = [(old.clone(), &[CURRENT]), (new.clone(), &[PENDING])];
    let crashed: [Labelled<'_>; 2] = [(old, &[PREVIOUS]), (new.clone(), &[CURRENT, PENDING])];
    for versions in [before, crashed] {
        for removes_pending in [true, false] {
            let account = Account::with(removes_pending, &[(Kind::WebhookToken, &versions)]);
            let all = account.organisations();
            all.finish_urls(&north(), false, clock::now()).await.unwrap();
            assert_eq!(account.labelled(Kind::WebhookToken, CURRENT), Some(new.clone()));
            for label in [PENDING, PREVIOUS] {
                assert_eq!(account.labelled(Kind::WebhookToken, label), None, "{label}");
            }
            let again = all.finish_urls(&north(), false, clock::now()).await.unwrap_err();
            assert!(again.to_string().contains("no rotation is in progress"), "{again:#}");
        }
    }
}

/// B6 of the AWS facts: the label goes between two of our requests.
#[tokio::test]
async fn a_label_that_aws_removes_first_is_no_failure_and_one_that_stays_is() {
    for (removal, succeeds) in [(Removal::Works, true), (Removal::IsLate, true), (Removal::IsDenied, false)] {
        let account = account("read-only", &[CURRENT, PENDING], &[]);
        account.0.lock().unwrap().removal = removal;
        let removed = account.organisations().unlabel(&north(), Kind::ApiToken, PENDING).await;
        assert_eq!(removed.is_ok(), succeeds, "{removal:?}");
        assert_eq!(account.labelled(Kind::ApiToken, PENDING).is_none(), succeeds, "{removal:?}");
    }
}

/// D1 of the AWS facts: webhook-ingest rejects what is not on the list, so a URL is given out only of what is.
#[tokio::test]
async fn a_url_is_given_out_only_of_what_is_on_the_list() {
    let token = json!({ "token": "t" });
    let organisation = Account::with(true, &[(Kind::WebhookToken, &[(token.clone(), &[CURRENT])])]);
    organisation.organisations().urls(&north()).await.unwrap();
    organisation.0.lock().unwrap().table_is_down = true;
    let refused = organisation.organisations().urls(&north()).await.unwrap_err();
    assert!(refused.to_string().contains("list of organisations"), "{refused:#}");

    let (inbound, survey) = (inbound(token), inbound_action("survey").unwrap());
    let all = inbound.organisations();
    all.inbound(&north(), &survey, &Sender::default(), None).await.unwrap();
    // The fake does not delete secrets.
    all.remove_inbound(&north(), &survey).await.unwrap_err();
    let listed = |account: &Account| account.0.lock().unwrap().listed.clone();
    let of = |change: &str, name: &str| ["north", change, name].map(str::to_owned);
    assert_eq!(listed(&organisation), [of("PUT", "")]);
    assert_eq!(listed(&inbound), [of("ADD", "inbound-survey"), of("DELETE", "inbound-survey")]);
}

/// An account with an inbound webhook's secret, of this value.
fn inbound(value: Value) -> Account {
    let versions = vec![(value, BTreeSet::from([CURRENT.to_owned()]))];
    let secrets = BTreeMap::from([("inbound-survey".to_owned(), versions)]);
    Account(Arc::new(Mutex::new(State { secrets, ..State::default() })))
}

#[tokio::test]
async fn a_declaration_is_changed_without_a_second_token_and_its_signing_secret_is_rotated_with_an_overlap() {
    let account = inbound(json!({ "token": "t" }));
    let (all, survey) = (account.organisations(), inbound_action("survey").unwrap());
    let current = || {
        let state = account.0.lock().unwrap();
        let versions = &state.secrets["inbound-survey"];
        let labelled = |label: &str| versions.iter().filter(|(_, labels)| labels.contains(label)).count();
        assert_eq!((labelled(CURRENT), labelled(PREVIOUS)), (1, 0), "one token is accepted");
        versions.iter().find(|(_, labels)| labels.contains(CURRENT)).unwrap().0.clone()
    };
    let verify = Sender { verify: Some("hmac-sha256:x-signature".parse().unwrap()), ..Sender::default() };
    assert!(all.inbound(&north(), &survey, &verify, None).await.is_err(), "there is no signing secret");
    for (secret, expected) in [("a", json!(["a"])), ("b", json!(["b", "a"]))] {
        all.inbound(&north(), &survey, &verify, Some(&secret.into())).await.unwrap();
        let value = current();
        assert_eq!((&value["token"], &value["signing_secrets"]), (&json!("t"), &expected));
    }
    all.finish_inbound(&north(), &survey).await.unwrap();
    assert_eq!(current()["signing_secrets"], json!(["b"]));
    assert!(all.finish_inbound(&north(), &survey).await.is_err(), "no rotation is in progress");
    // A new token has the same declaration, and forbids to change it while the old token is accepted.
    all.new_inbound(&north(), &survey).await.unwrap();
    let refused = all.inbound(&north(), &survey, &verify, Some(&"c".into())).await.unwrap_err();
    assert!(refused.to_string().contains("--rotate-finish"), "{refused:#}");
    all.finish_inbound(&north(), &survey).await.unwrap();
    let value = current();
    assert_eq!(
        (&value["verify"], &value["signing_secrets"]),
        (&json!("hmac-sha256:x-signature"), &json!(["b"]))
    );
    assert_ne!(value["token"], "t");
}
