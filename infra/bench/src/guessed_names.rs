//! What guessed names cost: webhook-ingest against the counting stand-in of AWS.

use crate::aws::Aws;
use anyhow::Result;
use automations::aws::queue::Queue;
use automations::aws::secret::Secrets;
use automations::clock;
use automations::lambda_http::http::Request;
use automations::store::{ListedNames, Store};
use aws_sdk_secretsmanager::config::{Credentials, Region, SharedCredentialsProvider};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;
use webhook_ingest::{Ingest, TokenUseRecorder};

const TOKEN: &str = "t0ken";

struct Endpoint {
    aws: Aws,
    ingest: Ingest,
}

impl Endpoint {
    /// webhook-ingest with the organisation `north`, which has the inbound webhook `survey`.
    async fn start() -> Result<Self> {
        let token = json!({ "token": TOKEN });
        let secrets = ["a/north/webhook-token", "a/north/inbound-survey"];
        let secrets = secrets.map(|name| (name.to_owned(), token.clone()));
        let (aws, address) = Aws::start(BTreeMap::from(secrets)).await?;
        let url = format!("http://{address}");
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = automations::aws::load()?.to_builder().region(Region::from_static("ap-southeast-2"));
        let config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
        let config = config.endpoint_url(&url).build();
        let store = Store::new(automations::aws::dynamodb(&config), "t".to_owned());
        let ingest = Ingest {
            listed: ListedNames::new(store.clone()),
            secrets: Secrets::new(automations::aws::secrets_manager(&config), "a".to_owned()),
            hints: Queue::new(automations::aws::sqs(&config), format!("{url}/q")),
            token_uses: TokenUseRecorder::new(store.clone()),
            store,
        };
        Ok(Self { aws, ingest })
    }

    /// The status of the response to a visit of this URL.
    async fn visit(&self, organisation: &str, action: &str) -> Result<u16> {
        let path = format!("/hooks/{organisation}/{action}/{TOKEN}");
        let request = Request::get(&path).body(().into())?;
        Ok(self.ingest.respond(request, &path, "r", clock::now()).await.status().as_u16())
    }
}

/// D1 of the AWS facts: names that do not exist cost no call of Secrets Manager, random ones and those of scanners; and the real
/// ones stay in the cache.
#[tokio::test]
async fn ten_thousand_guessed_names_cost_no_call_of_secrets_manager() -> Result<()> {
    let endpoint = Endpoint::start().await?;
    assert_eq!(endpoint.visit("north", "ticket-updated").await?, 200);
    assert_eq!(endpoint.visit("north", "inbound-survey").await?, 200);
    let read = endpoint.aws.calls.take();
    assert_eq!((read["GetSecretValue"], read["Query"]), (6, 1), "two secrets in three stages: {read:?}");

    let (start, random) = (Instant::now(), RandomState::new());
    let guesses: BTreeSet<String> =
        (0..10_000).map(|number| format!("{:x}", random.hash_one(number))).collect();
    assert_eq!(guesses.len(), 10_000);
    for guess in &guesses {
        assert_eq!(endpoint.visit(guess, "ticket-updated").await?, 401);
        assert_eq!(endpoint.visit("north", &format!("inbound-{guess}")).await?, 401);
    }
    for scanned in ["admin", "api", "test", "www"] {
        assert_eq!(endpoint.visit(scanned, "ticket-updated").await?, 401);
    }
    assert_eq!(endpoint.visit("north", "ticket-updated").await?, 200);
    assert_eq!(endpoint.visit("north", "inbound-survey").await?, 200);

    let calls = endpoint.aws.calls.take();
    assert_eq!(calls.get("GetSecretValue"), None, "{calls:?}");
    let reads_of_the_list = calls.get("Query").copied().unwrap_or_default();
    assert!(reads_of_the_list <= start.elapsed().as_secs().saturating_add(1), "{calls:?}");
    Ok(())
}
