//! Inbound webhooks that are not Salestrekker's: each request causes one event, and only its handler sees the content.

use crate::support::{SOON, alone, among_others, dead_letters, mutations, rest};
use anyhow::{Context as _, Result, ensure};
use automations::id::OrganisationId;
use automations::model::event::Cause;
use automations::store::ItemKind;
use automations::{Event, aws, clock};
use automations_cli::organisation::{Organisations, Sender, inbound_action};
use automations_cli::{Consent, Selection};
use end_to_end::stack::{Listener, Organisation, Stack, eventually};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=x";
pub(crate) const A_WHILE: Duration = Duration::from_mins(1);

/// Declares an inbound webhook of the organisation; returns its URL.
pub(crate) async fn declared(organisation: &Organisation<'_>, name: &str) -> Result<String> {
    declared_with(organisation, name, json!({})).await
}

/// The same, with these fields in its secret.
pub(crate) async fn declared_with(
    organisation: &Organisation<'_>,
    name: &str,
    mut value: Value,
) -> Result<String> {
    let (token, action) = (format!("token-of-{name}"), format!("inbound-{name}"));
    value["token"] = json!(token);
    organisation.set_secret(&action, &value).await?;
    Ok(organisation.webhook_url(&action).replace(&organisation.webhook_token, &token))
}

/// The status of a response, and the reason if it is a rejection.
pub(crate) async fn status_and_reason(response: Response) -> Result<(u16, String)> {
    let status = response.status().as_u16();
    let body: Value = response.json().await?;
    Ok((status, body["error"].as_str().unwrap_or_default().to_owned()))
}

async fn post(organisation: &Organisation<'_>, url: &str, kind: &str, body: &str) -> Result<(u16, String)> {
    status_and_reason(organisation.send(Method::POST, url, kind, body.into()).await?).await
}

async fn post_as(url: &str, id: &str, body: &str) -> Result<()> {
    let request = reqwest::Client::builder()
        .timeout(A_WHILE)
        .build()?
        .post(url)
        .header("webhook-id", id)
        .header("content-type", FORM);
    ensure!(request.body(body.to_owned()).send().await?.status() == 202, "refused");
    Ok(())
}

/// Waits for this many events and for empty queues; returns all events.
pub(crate) async fn received(stack: &Stack, listener: &Listener<'_>, count: usize) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    eventually("the events", SOON, async || {
        events.extend(listener.received().await?);
        ensure!(events.len() >= count, "so far {}", events.len());
        Ok(())
    })
    .await?;
    rest(stack).await?;
    events.extend(listener.received().await?);
    Ok(events)
}

#[tokio::test]
async fn a_form_and_json_become_an_event_each_that_is_in_no_record_and_no_log() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound").await?;
    let url = declared(&organisation, "survey").await?;
    let listener = stack.listen("inbound").await?;
    let accepted = (202, String::new());
    assert_eq!(post(&organisation, &url, FORM, "who=Citizen-of-forms&id=t-1").await?, accepted);
    assert_eq!(
        post(&organisation, &url, JSON, r#"{"who": "Citizen-of-forms", "id": "t-1"}"#).await?,
        accepted
    );
    let events = received(&stack, &listener, 2).await?;
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_eq!(event.kind.name(), "inbound.survey");
        let fields = event.inbound("survey").context("no fields")?;
        assert_eq!(fields.text("who").context("no field")?.reveal(), "Citizen-of-forms");
        assert!(matches!(&event.cause, Cause::Webhook { action, .. } if action.as_str() == "inbound-survey"));
    }
    assert!(organisation.journal("t-1").await?.is_empty(), "an id in a form is not a ticket's");
    for function in ["webhook-ingest", "event-enricher"] {
        ensure!(stack.logged(function, "Citizen-of-forms").await?.is_empty(), "{function} logs a name");
    }
    let replayable =
        stack.store().journal(clock::now().earlier(A_WHILE), clock::now().later(A_WHILE)).await?;
    ensure!(
        replayable.events.iter().all(|event| event.inbound("survey").is_none()),
        "the journal contains a form"
    );
    Ok(())
}

#[tokio::test]
async fn a_post_that_comes_again_is_told_once_by_its_id_or_by_what_it_says() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound-again").await?;
    let url = declared(&organisation, "survey").await?;
    let listener = stack.listen("inbound-again").await?;
    for _ in 0..3 {
        post(&organisation, &url, FORM, "answer=no-id").await?;
    }
    post_as(&url, "m-1", "answer=first").await?;
    post_as(&url, "m-1", "answer=the-same-to-its-sender").await?;
    post_as(&url, "m-2", "answer=twice").await?;
    post_as(&url, "m-3", "answer=twice").await?;
    let events = received(&stack, &listener, 4).await?;
    let answer = |event: &Event| Some(event.inbound("survey")?.text("answer")?.reveal().clone());
    let mut answers: Vec<String> = events.iter().filter_map(answer).collect();
    answers.retain(|answer| answer != "first" && answer != "the-same-to-its-sender");
    answers.sort();
    assert_eq!((events.len(), answers), (4, ["no-id", "twice", "twice"].map(str::to_owned).to_vec()));
    // Receipts expire when no hint of theirs can be in flight any more.
    let items = stack.store().items_of(&OrganisationId::parse("inbound-again")?).await?;
    let receipts = items.iter().filter(|item| matches!(item.key.kind, ItemKind::InboundReceipt(..)));
    let days_kept = receipts.map(|item| {
        let number = |name| item.attributes.get(name)?.as_n().ok()?.parse::<u64>().ok();
        Some((number("expires")? - number("at")? / 1_000) / 86_400)
    });
    assert_eq!(days_kept.collect::<Vec<_>>(), [Some(45); 4]);
    Ok(())
}

/// Posts with these headers.
pub(crate) async fn post_with(
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Result<Response> {
    let mut request = reqwest::Client::builder().timeout(A_WHILE).build()?.post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(body.into()).send().await?)
}

/// F7 of the field faults: the id of each known sender, although the rest of the body differs.
#[tokio::test]
async fn a_repetition_is_recognised_by_the_id_of_each_known_sender() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound-ids").await?;
    let url = declared(&organisation, "survey").await?;
    let listener = stack.listen("inbound-ids").await?;
    let headers = ["svix-id", "webhook-id", "X-GitHub-Delivery", "Idempotency-Key"];
    for at in 1..=2 {
        for name in headers {
            let body = json!({ "by": name, "at": at }).to_string();
            let response =
                post_with(&url, &[("content-type", JSON), (name, &format!("{name}-1"))], body).await?;
            assert_eq!(response.status(), 202);
        }
        let stripe = json!({ "by": "stripe", "at": at, "object": "event", "id": "evt_1" }).to_string();
        assert_eq!(post(&organisation, &url, JSON, &stripe).await?.0, 202);
    }
    let events = received(&stack, &listener, 5).await?;
    let by = |event: &Event| Some(event.inbound("survey")?.text("by")?.reveal().clone());
    let mut by: Vec<String> = events.iter().filter_map(by).collect();
    by.sort();
    let mut expected: Vec<String> = headers.iter().chain(&["stripe"]).map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(by, expected);
    Ok(())
}

/// F9 and F10 of the field faults, and arrays: a form with a file, a compressed one, and an object each.
#[tokio::test]
async fn a_form_with_a_file_a_compressed_form_and_the_objects_of_an_array_become_events() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound-shapes").await?;
    let url = declared(&organisation, "survey").await?;
    let listener = stack.listen("inbound-shapes").await?;
    let part = |header: &str, content: &str| {
        format!("--x\r\nContent-Disposition: form-data; {header}\r\n\r\n{content}\r\n")
    };
    let file = part("name=\"id\"; filename=\"passport.pdf\"", &"x".repeat(1024 * 1024));
    let form = format!("{}{file}--x--\r\n", part("name=\"a\"", "of-multipart"));
    assert_eq!(post(&organisation, &url, MULTIPART, &form).await?.0, 202);
    let gzip = crate::ingest::gzip(b"a=of-gzip")?;
    let response = post_with(&url, &[("content-type", FORM), ("content-encoding", "gzip")], gzip).await?;
    assert_eq!(response.status(), 202);
    let bomb = crate::ingest::gzip(&vec![b'a'; 50 * 1024 * 1024])?;
    let response = post_with(&url, &[("content-type", FORM), ("content-encoding", "gzip")], bomb).await?;
    assert_eq!(status_and_reason(response).await?, (413, "too_large".to_owned()));
    assert_eq!(post(&organisation, &url, JSON, r#"[{"a": "equal"}, {"a": "equal"}]"#).await?.0, 202);
    let events = received(&stack, &listener, 4).await?;
    let text = |event: &Event| Some(event.inbound("survey")?.text("a")?.reveal().clone());
    let mut texts: Vec<String> = events.iter().filter_map(text).collect();
    texts.sort();
    assert_eq!(texts, ["equal", "equal", "of-gzip", "of-multipart"]);
    let names_file = |event: &&Event| {
        let file =
            event.inbound("survey").and_then(|fields| Some(fields.value("id")?.reveal()["file"].clone()));
        file == Some(json!("passport.pdf"))
    };
    assert_eq!(events.iter().filter(names_file).count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stranger_an_undeclared_name_and_the_wrong_doors_key_are_the_same_401() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound-ingest").await?;
    let url = declared(&organisation, "survey").await?;
    let other = declared(&organisation, "other").await?;
    let wrong = [
        format!("{url}0"),
        url.replace("token-of-survey", "token-of-other"),
        url.replace("inbound-survey", "inbound-undeclared"),
        url.replace("/hooks/inbound-ingest/", "/hooks/unknown/"),
        // A form's token is not valid for ticket webhooks, and the reverse.
        url.replace("inbound-survey", "ticket-updated"),
        organisation.webhook_url("inbound-survey"),
    ];
    for url in wrong {
        assert_eq!(post(&organisation, &url, FORM, "a=1").await?, (401, "unauthorised".to_owned()), "{url}");
    }
    for url in [url, other] {
        assert_eq!(organisation.send(Method::GET, &url, JSON, Vec::new()).await?.status(), 200, "ready");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_and_one_that_is_too_large() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound-bodies").await?;
    let url = declared(&organisation, "survey").await?;
    let listener = stack.listen("inbound-bodies").await?;
    let unreadable = (400, "unsupported_body".to_owned());
    for (kind, body) in [
        (JSON, ""),
        (JSON, "[1]"),
        (JSON, "[{}, 1]"),
        (JSON, "{"),
        (FORM, ""),
        (MULTIPART, "--x--"),
        (MULTIPART, "a=1"),
    ] {
        assert_eq!(post(&organisation, &url, kind, body).await?, unreadable, "{kind}: {body}");
    }
    let too_large = (413, "too_large".to_owned());
    let body = |length: usize| format!("a={}", "x".repeat(length));
    let many = format!("[{}]", vec!["{}"; 101].join(","));
    for (kind, body) in
        [(FORM, body(128 * 1024)), (FORM, format!("a={}", "\u{1}".repeat(60_000))), (JSON, many)]
    {
        assert_eq!(post(&organisation, &url, kind, &body).await?, too_large);
    }
    let longest = body(128 * 1024 - 20);
    assert_eq!(post(&organisation, &url, FORM, &longest).await?.0, 202);
    let events = received(&stack, &listener, 1).await?;
    let text = events[0].inbound("survey").and_then(|fields| fields.text("a")).context("no field")?;
    assert_eq!((events.len(), text.reveal().len()), (1, longest.len() - 2), "the largest body fits an event");
    Ok(())
}

const JANE: &str = "name=Jane+Citizen-of-websites&email=jane%40example.com&phone=491+570+006";

#[tokio::test]
async fn a_website_lead_has_one_contact_though_its_form_came_twice_and_its_ticket_failed_at_first()
-> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("website").await?;
    let url = declared(&organisation, "website-lead").await?;
    let busy = json!({ "status": { "code": 429 } });
    let fault = json!([{ "organisation": "website", "on": "ticketCreate", "times": 1, "is": busy }]);
    stack.control(Method::POST, "faults", &fault).await?;
    for _ in 0..2 {
        assert_eq!(post(&organisation, &url, FORM, JANE).await?.0, 202);
    }
    let tickets = mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let all = organisation.mutations().await?;
    let kinds: Vec<_> = all.iter().map(|mutation| mutation.mutation.as_str()).collect();
    assert_eq!(kinds, ["contactCreate", "ticketCreate"]);
    assert_eq!(tickets[0]["idClients"], json!([all[0].result]));
    assert_eq!(tickets[0]["name"], "Jane Citizen-of-websites, website");
    for function in ["webhook-ingest", "event-enricher", "ticket-on-website-lead", "action-worker"] {
        ensure!(stack.logged(function, "Citizen-of-websites").await?.is_empty(), "{function} logs a name");
    }
    // The first webhook for the lead's ticket: we created that ticket.
    let ticket = all[1].result.as_str().context("no ticket")?;
    organisation.webhook("ticket-updated", ticket).await?;
    let events = crate::support::events(&organisation, ticket, 1).await?;
    assert_eq!(events[0].kind.name(), "ticket.created");
    Ok(())
}

/// The worker crashes after the contact is created, and before the outcome of the ticket is known.
#[tokio::test]
async fn a_website_lead_that_is_cut_off_between_its_steps_goes_on_behind_the_first() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("website-cut").await?;
    let url = declared(&organisation, "website-lead").await?;
    let fault =
        json!([{ "organisation": "website-cut", "on": "ticketCreate", "times": 1, "is": "cut_before" }]);
    stack.control(Method::POST, "faults", &fault).await?;
    post(&organisation, &url, FORM, JANE).await?;
    mutations(&organisation, "contactCreate", 1).await?;
    rest(&stack).await?;
    ensure!(
        mutations(&organisation, "ticketCreate", 0).await?.is_empty(),
        "the outcome of the ticket is unknown"
    );
    let dead_letters = dead_letters(&stack)?;
    let all = dead_letters.show(&Selection::default()).await?;
    let (dead_letter, _) =
        all.into_iter().find(|(_, body)| body.contains("\"website-cut\"")).context("no dead letter")?;
    assert_eq!(dead_letter.reason, "outcome_unknown");
    let selection = Selection { id: Some(dead_letter.id), ..Selection::default() };
    dead_letters.redrive(&selection, Consent { retry_unknown: true, ..Consent::default() }).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "contactCreate", 1).await?.len(), 1, "no second contact");
    Ok(())
}

#[tokio::test]
async fn an_inbound_webhook_is_declared_replaced_and_taken_back_by_a_command() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("inbound-declared").await?;
    let endpoint = stack.addresses.aws_endpoint_url.clone();
    let all = Organisations::new(&aws::load()?, stack.addresses.stack.clone(), Some(endpoint))?;
    let (name, action) = (OrganisationId::parse("inbound-declared")?, inbound_action("website-lead")?);
    let plain = Sender::default();
    let unknown = all.inbound(&OrganisationId::parse("not-added-yet")?, &action, &plain, None).await;
    ensure!(
        unknown.is_err_and(|error| error.to_string().contains("there is no organisation")),
        "no such organisation"
    );
    let url = |urls: automations_cli::organisation::Urls| urls.urls.into_values().next().context("no URL");
    let first = url(all.inbound(&name, &action, &plain, None).await?)?;
    let again = url(all.inbound(&name, &action, &plain, None).await?)?;
    assert_eq!(again, first, "declaring it again returns the same URL");
    let ready = async |url: &str| {
        Ok::<_, anyhow::Error>(organisation.send(Method::GET, url, JSON, vec![]).await?.status())
    };
    assert_eq!(ready(&first).await?, 200);
    let second = url(all.new_inbound(&name, &action).await?)?;
    ensure!(all.new_inbound(&name, &action).await.is_err(), "there are two older tokens");
    eventually("the new token", SOON, async || {
        ensure!(ready(&second).await? == 200, "refused");
        Ok(())
    })
    .await?;
    assert_eq!(ready(&first).await?, 200, "the old token is still accepted");
    all.finish_inbound(&name, &action).await?;
    ensure!(all.finish_inbound(&name, &action).await.is_err(), "there is no old token");
    all.remove_inbound(&name, &action).await?;
    ensure!(all.remove_inbound(&name, &action).await.is_err(), "it is removed");
    assert_ne!(url(all.inbound(&name, &action, &plain, None).await?)?, second);
    Ok(())
}
