//! A notice is signed, and is sent again with the same id if the destination did not accept it.

use crate::support::{SOON, among_others, decided, events, known_ticket};
use anyhow::{Context as _, Result, ensure};
use automations::id::DestinationName;
use automations::{Action, Event};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use end_to_end::stack::{Stack, eventually};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) type Received = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// Starts a destination that rejects the first request; returns its URL and the received requests.
pub(crate) async fn receiver() -> Result<(String, Received)> {
    let received = Received::default();
    let receive = async |State(received): State<Received>, headers: HeaderMap, body: String| {
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        received.push((headers, serde_json::from_str(&body).unwrap_or_default()));
        if received.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    };
    let app =
        axum::Router::new().route("/notices", axum::routing::post(receive)).with_state(Arc::clone(&received));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/notices", socket.local_addr()?);
    tokio::spawn(async move { axum::serve(socket, app).await });
    Ok((url, received))
}

fn notify(event: &Event, team: &DestinationName) -> Vec<Action> {
    let Some(ticket) = event.entered_stage("Settled") else { return vec![] };
    vec![Action::notify(ticket, team, "{ticket} is settled")]
}

fn notify_with_links(event: &Event, team: &DestinationName) -> Vec<Action> {
    let Some(ticket) = event.entered_stage("Settled") else { return vec![] };
    let fields = ["to.stage.name", "ticket.value", "ticket.name"];
    vec![
        Action::notify(ticket, team, "{ticket_link} {board_link}"),
        Action::notify_json(event, team, &fields),
    ]
}

#[tokio::test]
async fn a_text_and_an_event_have_links_to_the_ticket() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("notices-links").await?;
    let (url, received) = receiver().await?;
    organisation.set_secret("destination-team", &json!({ "url": url, "secrets": ["whsec_AAAA"] })).await?;
    let hosted = organisation.host("notifies", notify_with_links, DestinationName::parse("team")?).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled", "name": "Citizen-of-links" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 3)
        .await?
        .into_iter()
        .find(|event| event.entered_stage("Settled").is_some());
    let event = event.context("no event")?;
    decided(&hosted, &organisation, &ticket).await?;
    // The first request is rejected and sent again.
    let requests = eventually("the notices", SOON, async || {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(received.len() >= 3, "so far {}", received.len());
        Ok(received.clone())
    })
    .await?;
    let workflow = &event.ticket().context("no ticket")?.workflow.id;
    let (text, json) = (&requests[1].1["data"]["text"], &requests[2].1);
    let text = text.as_str().context("no text")?;
    ensure!(text.contains(&format!("/deal/{workflow}/{ticket} https://")), "{text}");
    ensure!(text.ends_with(&format!("/board/{workflow}")), "{text}");
    assert_eq!(json["type"], "ticket.stage_changed");
    assert_eq!(json["data"]["fields"]["to.stage.name"], "Settled");
    assert_eq!(json["data"]["fields"]["ticket.name"], "Citizen-of-links");
    ensure!(json["data"]["link"].as_str().is_some_and(|link| text.starts_with(link)), "{json}");
    ensure!(stack.logged("action-worker", "Citizen-of-links").await?.is_empty(), "a name is logged");
    Ok(())
}

#[tokio::test]
async fn a_notice_is_signed_and_keeps_its_id_when_it_is_sent_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("notices").await?;
    let (url, received) = receiver().await?;
    let secret = json!({ "url": url, "secrets": ["whsec_AAAA", "whsec_BBBB"] });
    organisation.set_secret("destination-team", &secret).await?;
    let hosted = organisation.host("notifies", notify, DestinationName::parse("team")?).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled", "name": "Citizen" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 3).await?;
    decided(&hosted, &organisation, &ticket).await?;
    let requests = eventually("the second attempt", SOON, async || {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(received.len() >= 2, "so far {}", received.len());
        Ok(received.clone())
    })
    .await?;
    let header = |index: usize, name: &str| {
        requests[index].0.get(name).and_then(|value| value.to_str().ok()).context("no header")
    };
    assert_eq!(header(0, "webhook-id")?, header(1, "webhook-id")?);
    assert_eq!(header(1, "webhook-signature")?.split(' ').count(), 2, "one signature for each secret");
    assert_eq!(requests[1].1["data"]["text"], "Citizen is settled");
    assert_eq!(requests[1].1["data"]["ticket"], json!(ticket));
    Ok(())
}
