//! What an inbound webhook declares of its sender: how it signs, names and asks.

use crate::inbound::{A_WHILE, JSON, declared_with, post_with, received, status_and_reason};
use crate::support::{SOON, among_others};
use anyhow::{Context as _, Result, ensure};
use automations::aws;
use automations::id::OrganisationId;
use automations_cli::organisation::{Organisations, Sender, inbound_action};
use end_to_end::stack::{Stack, eventually};
use serde_json::{Value, json};

/// A body, and its HMAC-SHA256 with the secrets `one` and `two`.
const BODY: &str = r#"{"a": "1"}"#;
const BY_ONE: &str = "sha256=c03cb07752c3a8f5cab2f4394f232f28dc41f9f944566280adfef694b96b71d4";
const BY_TWO: &str = "9fa14abd4b05d6191e6a19076e109af6a19d6c6679c740787eec410448e3caa4";

#[tokio::test]
async fn a_request_needs_the_declared_signature_and_its_secret_is_rotated_with_an_overlap() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("signed").await?;
    let endpoint = stack.addresses.aws_endpoint_url.clone();
    let all = Organisations::new(&aws::load()?, stack.addresses.stack.clone(), Some(endpoint))?;
    let (name, action) = (OrganisationId::parse("signed")?, inbound_action("survey")?);
    let listener = stack.listen("signed").await?;
    let verify = Sender { verify: Some("hmac-sha256:X-Signature".parse()?), ..Sender::default() };
    let urls = all.inbound(&name, &action, &verify, Some(&"one".into())).await?;
    let url = urls.urls.into_values().next().context("no URL")?;
    let post = async |signature: &str| {
        let headers = [("content-type", JSON), ("x-signature", signature), ("webhook-id", signature)];
        status_and_reason(post_with(&url, &headers, BODY).await?).await
    };
    let (accepted, refused) = ((202, String::new()), (401, "invalid_signature".to_owned()));
    assert_eq!(post(BY_ONE).await?, accepted);
    for wrong in [BY_TWO, "", "sha256=", "no signature"] {
        assert_eq!(post(wrong).await?, refused, "{wrong}");
    }
    let unsigned = post_with(&url, &[("content-type", JSON)], BODY).await?;
    assert_eq!(status_and_reason(unsigned).await?, refused);
    // A challenge that nothing declares is a GET like any other.
    assert_eq!(organisation.send(reqwest::Method::GET, &url, JSON, vec![]).await?.status(), 200);
    all.inbound(&name, &action, &verify, Some(&"two".into())).await?;
    eventually("the new signing secret", SOON, async || {
        ensure!(post(BY_TWO).await? == accepted, "refused");
        Ok(())
    })
    .await?;
    assert_eq!(post(BY_ONE).await?, accepted, "the old one is accepted too");
    all.finish_inbound(&name, &action).await?;
    let events = received(&stack, &listener, 2).await?;
    assert_eq!(events.len(), 2, "what is refused makes none");
    Ok(())
}

/// F18 of the field faults.
#[tokio::test]
async fn a_sender_that_asks_whether_the_url_is_ours_is_answered_as_declared_and_makes_no_event() -> Result<()>
{
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("challenged").await?;
    let listener = stack.listen("challenged").await?;
    let [of_slack, hub, okta, none] = [
        declared_with(&organisation, "slack", json!({ "challenge": "slack" })).await?,
        declared_with(&organisation, "hub", json!({ "challenge": "hub" })).await?,
        declared_with(&organisation, "okta", json!({ "challenge": "okta" })).await?,
        declared_with(&organisation, "none", json!({})).await?,
    ];
    let question = json!({ "type": "url_verification", "challenge": "c-1", "token": "x" }).to_string();
    let answer = post_with(&of_slack, &[("content-type", JSON)], question.clone()).await?;
    assert_eq!(
        (answer.status().as_u16(), answer.json::<Value>().await?),
        (200, json!({ "challenge": "c-1" }))
    );
    let strange = post_with(&of_slack, &[("content-type", JSON)], question.replace("c-1", "a b")).await?;
    assert_eq!(status_and_reason(strange).await?, (400, "unsupported_body".to_owned()));
    let get = async |url: String, header: Option<&str>| {
        let mut request = reqwest::Client::builder().timeout(A_WHILE).build()?.get(url);
        if let Some(challenge) = header {
            request = request.header("x-okta-verification-challenge", challenge);
        }
        let response = request.send().await?;
        Ok::<_, anyhow::Error>((response.status().as_u16(), response.text().await?))
    };
    let subscribe =
        |token: &str| format!("{hub}?hub.mode=subscribe&hub.challenge=115&hub.verify_token={token}");
    assert_eq!(get(subscribe("token-of-hub"), None).await?, (200, "115".to_owned()));
    let (status, refused) = get(subscribe("another"), None).await?;
    assert!(status == 401 && refused.contains("unauthorised"), "{refused}");
    assert_eq!(get(okta, Some("c-2")).await?, (200, r#"{"verification":"c-2"}"#.to_owned()));
    let (status, ready) = get(format!("{none}?hub.mode=subscribe&hub.challenge=115"), Some("c-2")).await?;
    assert!(status == 200 && ready.contains("ready"), "{ready}");
    assert_eq!(post_with(&none, &[("content-type", JSON)], question).await?.status(), 202);
    let events = received(&stack, &listener, 1).await?;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["inbound.none"], "where nothing is declared, it is a post like any other");
    Ok(())
}

/// F7 and F8 of the field faults.
#[tokio::test]
async fn what_a_repetition_is_depends_on_the_declaration_and_the_response_says_by_what_it_is_recognised()
-> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("repeated").await?;
    let listener = stack.listen("repeated").await?;
    let never = declared_with(&organisation, "never", json!({ "same_body_is_repeat": false })).await?;
    let by_body = declared_with(&organisation, "by-body", json!({})).await?;
    let by_header = declared_with(&organisation, "by-header", json!({ "id_header": "x-event-id" })).await?;
    for (url, header, rule) in [
        (&never, "x-other", "never"),
        (&by_body, "x-other", "same_body"),
        (&by_header, "x-event-id", "same_id"),
    ] {
        for at in 1..=2 {
            let body = if rule == "same_id" { json!({ "at": at }).to_string() } else { BODY.to_owned() };
            let response = post_with(url, &[("content-type", JSON), (header, "e-1")], body).await?;
            assert_eq!(response.status(), 202);
            assert_eq!(response.json::<Value>().await?["duplicate_if"], rule);
        }
    }
    let events = received(&stack, &listener, 4).await?;
    let mut kinds: Vec<_> = events.iter().map(|event| event.kind.name().to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["inbound.by-body", "inbound.by-header", "inbound.never", "inbound.never"]);
    for by in ["id", "body"] {
        let recorded = stack.metrics("event-enricher").await?;
        let is_recorded = |line: &Value| !line["InboundDuplicates"].is_null() && line["By"] == by;
        ensure!(recorded.iter().any(is_recorded), "no metric counts a repetition by its {by}");
    }
    let dropped = stack.logged("event-enricher", "inbound.duplicate").await?;
    for repeats in [r#""repeats":"id""#, r#""repeats":"body""#] {
        ensure!(dropped.iter().any(|line| line.contains(repeats)), "no line has {repeats}");
    }
    Ok(())
}
