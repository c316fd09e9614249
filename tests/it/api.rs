//! The client with the stand-in, over real HTTP: every operation, and every kind of bad response.

use crate::client_fixture::{ClientFixture, in_seconds, kind};
use crate::support::among_others;
use anyhow::{Context as _, Result};
use automations::aws::secret::{ApiToken, Credential, Secrets};
use automations::id::{ContactId, TicketId};
use automations::private::Private;
use automations::salestrekker::{Client, Error, FullTicket, Limits, NewContact, Transport, Who};
use end_to_end::stack::Stack;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a test may read a worthless token")]
fn expose(token: &SecretString) -> &str {
    token.expose_secret()
}

#[tokio::test]
async fn every_query_reads_what_is_there() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "reads", Limits::default()).await?;
    let ticket = fixture.ticket().await?;
    let session = fixture.session(20);
    let workflows = session.all_workflows().await?;
    assert_eq!(workflows.len(), 2);
    let found = session.search_workflows("loan").await?;
    assert_eq!((found.len(), found[0].name.as_str()), (1, "Home loans"));
    let workflow = session.workflows(std::slice::from_ref(&found[0].id)).await?.remove(0)?.context("none")?;
    assert_eq!(workflow.stages.first().map(|stage| stage.name.as_str()), Some("New lead"));
    assert_eq!(workflow.kind.and_then(|kind| kind.name).as_deref(), Some("Home Loan"));
    assert_eq!(session.all_labels().await?.len(), 3);
    assert_eq!(session.ticket(&ticket).await?.id_workflow, Some(workflow.id));
    assert_eq!(session.ticket_extras(&ticket).await?.assets, None);
    let organisations = session.organizations().await?;
    assert_eq!(organisations.first().and_then(|own| own.organization.name.as_deref()), Some("reads"));
    Ok(())
}

#[tokio::test]
async fn every_mutation_does_what_it_says_and_names_its_sender() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "writes", Limits::default()).await?;
    let ticket = fixture.ticket().await?;
    let new = fixture.like(&ticket).await?;
    let session = fixture.session(20);
    let created = session.create_ticket(&new).await?;
    let mut whole = session.ticket(&created).await?;
    assert_eq!(whole.name, Some(Private::new("Citizen".to_owned())));
    whole.name = Some(Private::new("Specimen".to_owned()));
    session.update_ticket(whole.clone()).await?;
    assert_eq!(session.ticket(&created).await?, whole);

    let private = |text: &str| Private::new(text.to_owned());
    let person = Who::Person {
        first_name: private("Jane"),
        family_name: private("Citizen"),
        email: private("jane@example.com"),
        primary_code: private("+61"),
        primary: private("491 570 006"),
    };
    for who in [person, Who::Company { name: private("Citizen Holdings") }] {
        let contact = NewContact { id_owner: new.id_owner.clone(), is_active: true, id_labels: vec![], who };
        let id = session.create_contact(&contact).await?;
        let contact = session.contact(&id).await?;
        let company = contact.company.and_then(|company| company.name);
        let person = contact.person.and_then(|person| person.information?.family_name);
        assert!(company == Some(private("Citizen Holdings")) || person == Some(private("Citizen")));
    }
    let own = "mutation($id: ID!) { ticketUpdate(ticket: {id: $id}) }";
    assert_eq!(kind(session.mutate(own, json!({ "id": created }), false).await), "salestrekker_rejected");

    let all = fixture.organisation.mutations().await?;
    assert!(all.iter().all(|mutation| mutation.user_agent.starts_with("salestrekker-automations/")));
    assert!(all.iter().all(|mutation| mutation.accept_encoding.contains("gzip")));
    Ok(())
}

#[tokio::test]
async fn each_id_of_a_batch_has_its_own_result_whatever_its_neighbours_are() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let limits = Limits { ids_per_request: NonZeroUsize::MIN.saturating_add(3), ..Limits::default() };
    let fixture = ClientFixture::new(&stack, "batches", limits).await?;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(fixture.ticket().await?);
        ids.push(TicketId::parse(format!("no-such-{number}"))?);
    }
    let session = fixture.session(20);
    let is_right = |found: &[Result<Option<FullTicket>, Error>]| {
        ids.iter().zip(found).all(|(id, found)| match found {
            Ok(Some(ticket)) => &ticket.id == id,
            Ok(None) => id.as_str().starts_with("no-such"),
            Err(_) => false,
        })
    };
    let found = session.tickets(&ids).await?;
    assert!(found.len() == 20 && is_right(&found));
    // Two fields of one of five requests fail: their ids have no result, all others have theirs.
    fixture.fault("query Ticket(", 1, json!({ "partial": { "fields": 2 } })).await?;
    let found = session.tickets(&ids).await?;
    let failed: Vec<usize> = (0..20).filter(|index| found[*index].is_err()).collect();
    assert!(failed.len() == 2 && failed[1] - failed[0] == 1, "{failed:?}");
    // Errors without a path: the client requests the ids one at a time, and each has its result.
    fixture.fault("query Ticket(", 1, json!({ "partial": { "fields": 2, "pathless": true } })).await?;
    assert!(is_right(&session.tickets(&ids).await?));
    assert_eq!(kind(session.contact(&ContactId::parse("no-such")?).await), "not_found");
    Ok(())
}

/// F2 of the field faults.
#[tokio::test]
async fn one_id_that_the_api_rejects_without_naming_it_fails_alone() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "one-bad-id", Limits::default()).await?;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(fixture.ticket().await?);
    }
    let (session, mut bad) = (fixture.session(20), Vec::new());
    for (index, is) in [
        (1, json!({ "errors": { "message": "invalid id" } })),
        (4, json!({ "respond": { "errors": [{ "message": "invalid id" }] } })),
        (6, json!({ "partial": { "fields": 25, "pathless": true } })),
    ] {
        fixture.fault(ids[index].as_str(), 99, is.clone()).await?;
        bad.push(index);
        let found = session.tickets(&ids).await?;
        let failed: Vec<usize> = (0..ids.len()).filter(|index| found[*index].is_err()).collect();
        assert_eq!(failed, bad, "{is}");
    }
    Ok(())
}

#[tokio::test]
async fn a_query_is_repeated_until_it_is_answered_and_not_for_ever() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "repeats", Limits::default()).await?;
    let bad = [
        json!({ "status": { "code": 500 } }),
        json!({ "status": { "code": 200 } }),
        // F1 of the field faults: a page of a gateway, not GraphQL.
        json!({ "status": { "code": 404 } }),
        json!({ "status": { "code": 429 } }),
        json!("cut_before"),
        json!("cut_after"),
        json!({ "errors": { "message": "x", "code": "INTERNAL_SERVER_ERROR" } }),
    ];
    for is in bad {
        fixture.fault("query Labels", 2, is.clone()).await?;
        assert_eq!(fixture.session(20).all_labels().await?.len(), 3, "{is}");
        fixture.fault("query Labels", 3, is.clone()).await?;
        let kind = kind(fixture.session(20).all_labels().await);
        assert!(["salestrekker_unavailable", "salestrekker_throttled"].contains(&kind), "{is}: {kind}");
    }
    Ok(())
}

#[tokio::test]
async fn a_mutation_is_repeated_only_where_that_is_harmless() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "harmless", Limits::default()).await?;
    let ticket = fixture.ticket().await?;
    let (new, session) = (fixture.like(&ticket).await?, fixture.session(20));
    let unavailable = json!({ "status": { "code": 503 } });

    let own = r#"mutation Repeatable($id: ID!) {
        contactCreate(contact: {idOwner: $id, isActive: true, idLabels: [], company: {name: "x"}})
    }"#;
    fixture.fault("mutation Repeatable", 2, unavailable.clone()).await?;
    session.mutate(own, json!({ "id": new.id_owner }), true).await?;
    assert_eq!(fixture.mutations("contactCreate").await?, 1);

    // An update replaces the whole ticket, which a person may change meanwhile: the caller reads it again first.
    fixture.fault("ticketUpdate", 1, unavailable.clone()).await?;
    let whole = session.ticket(&ticket).await?;
    assert_eq!(kind(session.update_ticket(whole).await), "salestrekker_unavailable");
    assert_eq!(fixture.mutations("ticketUpdate").await?, 0);

    fixture.fault("ticketCreate", 1, unavailable).await?;
    assert_eq!(kind(session.create_ticket(&new).await), "salestrekker_unavailable");
    for (is, created) in [("cut_before", 0), ("cut_after", 1), ("null_data", 2)] {
        fixture.fault("ticketCreate", 1, json!(is)).await?;
        let outcome = kind(session.create_ticket(&new).await);
        assert!(outcome == "outcome_unknown", "{is}: {outcome}");
        assert_eq!(fixture.mutations("ticketCreate").await?, created, "{is}");
    }
    fixture.fault("ticketUpdate", 1, json!("cut_after")).await?;
    assert_eq!(kind(session.update_ticket(session.ticket(&ticket).await?).await), "outcome_unknown");
    Ok(())
}

#[tokio::test]
async fn a_field_that_is_dropped_in_silence_can_be_read_back() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "dropped", Limits::default()).await?;
    let (ticket, session) = (fixture.ticket().await?, fixture.session(20));
    let before = session.ticket(&ticket).await?;
    fixture.fault("ticketUpdate", 1, json!({ "drop": ["name"] })).await?;
    let wanted = FullTicket { name: Some(Private::new("other".to_owned())), ..before.clone() };
    session.update_ticket(wanted).await?;
    assert_eq!(session.ticket(&ticket).await?.name, before.name);
    Ok(())
}

#[tokio::test]
async fn advice_to_wait_is_passed_on_where_there_is_no_time_to_take_it() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "throttled", Limits::default()).await?;
    fixture.fault("query Labels", 1, json!({ "status": { "code": 429, "retry_after": 30 } })).await?;
    let error = fixture.session(5).all_labels().await.expect_err("throttled");
    assert!(matches!(error, Error::Throttled { retry_after: Some(wait) } if wait.as_secs() == 30));
    let timeout = fixture.session(0).all_labels().await.expect_err("no time");
    assert!(timeout.to_string().contains("no time is left"), "{timeout}");
    Ok(())
}

#[tokio::test]
async fn an_organisation_has_its_pace_and_another_its_own() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let one = NonZeroU32::MIN;
    let limits = Limits { requests_per_second: one, burst: one, ..Limits::default() };
    let slow = ClientFixture::new(&stack, "slow-pace", limits).await?;
    slow.session(20).all_labels().await?;
    // Of these two seconds, a session keeps one and a half for what comes after the request.
    assert_eq!(kind(slow.session(2).all_labels().await), "salestrekker_throttled");
    assert_eq!(slow.session(20).all_labels().await?.len(), 3, "with enough time, it waits");
    Ok(())
}

#[tokio::test]
async fn what_the_api_says_no_to_is_told_without_its_words() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "rejected", Limits::default()).await?;
    let is = json!({ "errors": { "message": "no such client: Jane Citizen" } });
    fixture.fault("query Labels", 1, is).await?;
    let error = fixture.session(20).all_labels().await.expect_err("rejected");
    assert!(!format!("{error} {error:?}").contains("Jane"));
    assert!(matches!(error, Error::Rejected { messages, .. } if messages.reveal()[0].contains("Jane")));
    Ok(())
}

#[tokio::test]
async fn an_answer_too_large_too_deep_too_slow_or_empty_is_a_clear_error() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let limits = Limits {
        max_response_bytes: NonZeroUsize::MIN.saturating_add(99_999),
        request_ms: NonZeroU64::MIN.saturating_add(1_499),
        retries: 0,
        ..Limits::default()
    };
    let fixture = ClientFixture::new(&stack, "bounds", limits).await?;
    let bounds = [
        (json!({ "large": { "bytes": 200_000 } }), "a response of more than 100000 bytes"),
        (json!({ "deep": { "levels": 200 } }), "a response nested deeper than 64"),
        (json!("null_data"), "not as expected: data"),
        (json!("trickle"), "no response in time"),
        (json!({ "slow": { "ms": 60_000 } }), "no response in time"),
    ];
    for (is, words) in bounds {
        fixture.fault("query Labels", 1, is.clone()).await?;
        let error = fixture.session(20).all_labels().await.expect_err(words);
        assert!(error.to_string().contains(words), "{is}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_user_signs_in_and_enters_another_organisation() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let first = ClientFixture::new(&stack, "first-office", Limits::default()).await?;
    let user = json!({ "email": "two@example.com", "password": "pass", "organisations": ["first-office", "other-office"] });
    stack.control(Method::POST, "users", &user).await?;
    let transport = Transport::new(Limits::default())?;
    let mut stored = json!({ "endpoint": stack.api(), "email": "two@example.com", "password": "pass" });
    let credential: Credential = serde_json::from_value(stored.clone())?;
    first.organisation.set_token(expose(&transport.sign_in(&credential).await?)).await?;
    let memberships = first.session(20).organizations().await?;
    let other = memberships.iter().find(|one| one.organization.name.as_deref() == Some("other-office"));
    stored["organization"] = json!(other.context("the other office is not listed")?.id);
    let credential: Credential = serde_json::from_value(stored.clone())?;
    let token = transport.sign_in(&credential).await?;
    transport.try_token(&ApiToken::of(&credential, token.clone())).await?;
    // The other organisation cannot read the ticket of the first one.
    let ticket = first.ticket().await?;
    assert_eq!(kind(first.session(20).ticket(&ticket).await), "no error");
    first.organisation.set_token(expose(&token)).await?;
    let other =
        Client::new(Secrets::new(stack.secrets.clone(), stack.addresses.stack.clone()), Limits::default())?;
    assert_eq!(kind(other.session(&first.id, in_seconds(20)).ticket(&ticket).await), "not_found");
    stored["password"] = json!("wrong");
    let wrong: Credential = serde_json::from_value(stored)?;
    assert_eq!(kind(transport.sign_in(&wrong).await), "credential_refused");
    Ok(())
}

#[tokio::test]
async fn the_schema_that_is_fetched_is_the_one_that_is_served() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "schema", Limits::default()).await?;
    let config = automations::aws::load()?;
    let fetched = schema::fetch(&config, &stack.addresses.stack, "schema").await?.to_string();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no root")?;
    let known = schema::read(&root.join("shared/schema/salestrekker.graphql"))?;
    let fetched = schema::parse(&fetched, Path::new("fetched"))?;
    assert_eq!(schema::check(&fetched, &known, &schema::documents(root)?), []);

    fixture.fault("__schema", 1, json!({ "errors": { "message": "introspection is not allowed" } })).await?;
    let refused = schema::fetch(&config, &stack.addresses.stack, "schema").await.expect_err("refused");
    assert!(refused.to_string().contains("ask the vendor for the schema"), "{refused}");
    Ok(())
}
