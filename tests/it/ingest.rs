//! Which requests the ingest function accepts, and how it rejects the others.

use crate::inbound::post_with;
use crate::support::{SOON, among_others, events};
use anyhow::{Result, ensure};
use automations::EventKind;
use automations::model::event::UnrecognisedReason;
use end_to_end::stack::{Stack, eventually};
use reqwest::{Method, Response};
use serde_json::{Value, json};

#[tokio::test]
async fn a_wrong_token_and_an_unknown_organisation_are_the_same_401() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("ingest").await?;
    let good = organisation.webhook_url("ticket-updated");
    let cut = &good[..good.len() - 1];
    let wrong = [
        cut.to_owned(),
        format!("{good}0"),
        good.replace(&organisation.webhook_token, "0"),
        good.replace("/hooks/ingest/", "/hooks/unknown/"),
        good.replace("/hooks/ingest/", "/hooks/NO%20SUCH/"),
    ];
    for url in wrong {
        for method in [Method::POST, Method::GET] {
            let response = organisation.send(method, &url, "application/json", b"{}".to_vec()).await?;
            assert_eq!(rejection(response).await?, (401, "unauthorised".to_owned()), "{url}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_method_a_wrong_path_and_a_look_in_the_browser() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("methods").await?;
    let url = organisation.webhook_url("ticket-updated");
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let response = organisation.send(method, &url, "application/json", Vec::new()).await?;
        assert_eq!(response.headers().get("allow").and_then(|allow| allow.to_str().ok()), Some("GET, POST"));
        assert_eq!(rejection(response).await?, (405, "method_not_allowed".to_owned()));
    }
    let response =
        organisation.send(Method::POST, &format!("{url}/more"), "application/json", Vec::new()).await?;
    assert_eq!(rejection(response).await?, (404, "not_found".to_owned()));
    let response = organisation.send(Method::GET, &url, "text/plain", Vec::new()).await?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>().await?["status"], "ready");
    Ok(())
}

#[tokio::test]
async fn a_body_of_any_shape_is_accepted_and_what_names_no_ticket_is_told() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("shapes").await?;
    let listener = stack.listen("shapes").await?;
    let url = organisation.webhook_url("ticket-updated");
    let bodies: [(&str, &[u8]); 5] = [
        ("application/json", b""),
        ("application/json", b"{\"event\": \"deal.updated\"}"),
        ("application/octet-stream", b"\xff\xfe\x00id"),
        ("text/plain", b"hello"),
        ("application/x-www-form-urlencoded", b"event=updated"),
    ];
    for (content_type, body) in bodies {
        let response = organisation.send(Method::POST, &url, content_type, body.to_vec()).await?;
        assert_eq!(response.status(), 202, "{content_type}");
        let response: Value = response.json().await?;
        assert!(response["hint"].is_string() && response["unrecognised"] == "no_ticket_id", "{response}");
    }
    organisation.webhook("ticket-updated", "no-such-ticket").await?;
    let mut received = Vec::new();
    eventually("an event for each webhook", SOON, async || {
        received.extend(listener.received().await?);
        ensure!(received.len() >= 6, "{} of 6", received.len());
        Ok(())
    })
    .await?;
    let count = |wanted| {
        let reasons = received.iter().filter(
            |event| matches!(&event.kind, EventKind::WebhookUnrecognised { reason, .. } if *reason == wanted),
        );
        reasons.count()
    };
    assert_eq!((count(UnrecognisedReason::NoTicketId), count(UnrecognisedReason::UnknownTicket)), (5, 1));
    Ok(())
}

#[tokio::test]
async fn a_form_and_each_place_of_an_id_lead_to_the_ticket() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("places").await?;
    let url = organisation.webhook_url("ticket-updated");
    let forms: [(&str, Body); 7] = [
        // F21 of the field faults: the three last shapes are those of other CRMs.
        ("application/x-www-form-urlencoded", |id| format!("event=updated&id={id}")),
        ("application/json", |id| json!({ "idTicket": id }).to_string()),
        ("application/json; charset=utf-8", |id| {
            json!({ "ticket": { "id": id, "name": "Jane Citizen" } }).to_string()
        }),
        ("text/plain", |id| json!([{ "id": id }]).to_string()),
        ("application/json", |id| json!({ "ticketId": id }).to_string()),
        ("application/json", |id| json!({ "data": { "ticketId": id } }).to_string()),
        ("application/json", |id| json!({ "event": "dealsUpdated", "resourceIds": [id] }).to_string()),
    ];
    for (content_type, body) in forms {
        let ticket = organisation.new_ticket(json!({})).await?;
        let response = organisation.send(Method::POST, &url, content_type, body(&ticket).into()).await?;
        assert_eq!(response.status(), 202);
        assert_eq!(response.json::<Value>().await?["unrecognised"], Value::Null);
        events(&organisation, &ticket, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn more_than_four_mebibytes_are_too_much_and_half_of_one_is_not() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("large").await?;
    let url = organisation.webhook_url("ticket-updated");
    let large =
        organisation.send(Method::POST, &url, "application/json", vec![b' '; 4 * 1024 * 1024 + 1]).await?;
    assert_eq!(rejection(large).await?, (413, "too_large".to_owned()));
    let ticket = organisation.new_ticket(json!({})).await?;
    let body = json!({ "id": ticket, "notes": "x".repeat(512 * 1024) }).to_string();
    let response = organisation.send(Method::POST, &url, "application/json", body.into()).await?;
    assert_eq!(response.status(), 202);
    events(&organisation, &ticket, 1).await?;
    Ok(())
}

/// F10 of the field faults.
#[tokio::test]
async fn a_compressed_body_is_read_and_a_bomb_is_too_large() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("compressed").await?;
    let url = organisation.webhook_url("ticket-updated");
    let send = async |encoding: &str, body: Vec<u8>| {
        // Not as JSON, which the local engine hands to a function as text: that breaks what is compressed.
        let headers = [("content-type", "application/octet-stream"), ("content-encoding", encoding)];
        post_with(&url, &headers, body).await
    };
    let ticket = organisation.new_ticket(json!({})).await?;
    let body = json!({ "id": ticket }).to_string();
    assert_eq!(send("gzip", gzip(body.as_bytes())?).await?.status(), 202);
    events(&organisation, &ticket, 1).await?;
    let bomb = gzip(&vec![b' '; 50 * 1024 * 1024])?;
    assert_eq!(rejection(send("gzip", bomb).await?).await?, (413, "too_large".to_owned()));
    let cut = gzip(body.as_bytes())?.split_at(20).0.to_vec();
    assert_eq!(rejection(send("gzip", cut).await?).await?, (400, "unsupported_body".to_owned()));
    let brotli = send("br", body.into_bytes()).await?;
    assert_eq!(brotli.headers().get("accept-encoding").and_then(|name| name.to_str().ok()), Some("gzip"));
    assert_eq!(rejection(brotli).await?, (415, "unsupported_encoding".to_owned()));
    Ok(())
}

pub(crate) fn gzip(plain: &[u8]) -> Result<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

type Body = fn(&str) -> String;

/// The status and the reason of a rejection, which is small JSON with the request's id.
async fn rejection(response: Response) -> Result<(u16, String)> {
    let status = response.status().as_u16();
    ensure!(
        response.headers().get("content-type").is_some_and(|kind| kind == "application/json"),
        "the response is not JSON"
    );
    let body: Value = response.json().await?;
    ensure!(body["request"].is_string() && body.to_string().len() < 200, "{body}");
    Ok((status, body["error"].as_str().unwrap_or_default().to_owned()))
}
