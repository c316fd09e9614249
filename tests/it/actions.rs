//! The effect of each action, planned by a test's own handlers and performed by the worker.

use crate::support::{SOON, among_others, decided, events, known_ticket, mutations, rest};
use anyhow::{Context as _, Result, ensure};
use automations::handler::Decide;
use automations::id::OwnerId;
use automations::model::lead::{Lead, LeadTarget};
use automations::model::phone::PhoneCode;
use automations::private::Private;
use automations::store::Outcome;
use automations::{Action, Event};
use end_to_end::stack::{Organisation, OutputKind, Stack, eventually};
use serde_json::json;

/// Changes a ticket's stage and runs this handler on the event; returns the event.
pub(crate) async fn decide<Settings>(
    organisation: &Organisation<'_>,
    ticket: &str,
    handler: Decide<Settings>,
    settings: Settings,
) -> Result<Event> {
    let hosted = organisation.host("tried", handler, settings).await?;
    organisation.change(ticket, json!({ "stage": "Archived" })).await?;
    organisation.webhook("ticket-updated", ticket).await?;
    let event = events(organisation, ticket, 2).await?.remove(1);
    decided(&hosted, organisation, ticket).await?;
    Ok(event)
}

async fn outcome(organisation: &Organisation<'_>, event: &Event, position: usize) -> Result<Outcome> {
    eventually("the action", SOON, async || {
        let done = organisation.done(event, "tried", position).await?;
        Ok(done.context("not done yet")?.outcome)
    })
    .await
}

#[tokio::test]
async fn an_owner_is_set_and_a_label_removed_and_what_is_so_already_is_left() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("owner-and-label").await?;
    let ticket =
        organisation.new_ticket(json!({ "stage": "Approved", "labels": ["Refinance", "Client"] })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 1).await?;
    let twice: Decide<OwnerId> = |event, owner| {
        let Some(ticket) = event.ticket() else { return vec![] };
        let both = || [Action::set_owner(ticket, owner), Action::remove_label(ticket, "Refinance")];
        [both(), both()].concat()
    };
    let event = decide(&organisation, &ticket, twice, OwnerId::parse("another-broker")?).await?;
    let mut outcomes = Vec::new();
    for position in 0..4 {
        outcomes.push(outcome(&organisation, &event, position).await?);
    }
    assert_eq!(outcomes, [Outcome::Changed, Outcome::Changed, Outcome::NoOp, Outcome::NoOp]);
    let shown = organisation.ticket(&ticket).await?;
    assert_eq!(shown["idOwner"], "another-broker");
    assert_eq!(shown["idLabels"].as_array().map(Vec::len), Some(1), "the other label is kept");
    Ok(())
}

#[tokio::test]
async fn a_ticket_moves_to_a_stage_of_another_workflow_and_gets_another_value() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("workflow-and-value").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let twice: Decide<()> = |event, ()| {
        let Some(ticket) = event.ticket() else { return vec![] };
        let both =
            || [Action::move_workflow(ticket, "Annual reviews", "Due"), Action::set_value(ticket, 460_000)];
        [both(), both()].concat()
    };
    let event = decide(&organisation, &ticket, twice, ()).await?;
    let mut outcomes = Vec::new();
    for position in 0..4 {
        outcomes.push(outcome(&organisation, &event, position).await?);
    }
    assert_eq!(outcomes, [Outcome::Changed, Outcome::Changed, Outcome::NoOp, Outcome::NoOp]);
    // The second edit has an update of its own, unless it arrived with the first one.
    let updates = mutations(&organisation, "ticketUpdate", 1).await?;
    assert_ne!(updates[0]["idWorkflow"], json!(event.ticket().context("no ticket")?.workflow.id));
    assert_eq!(organisation.ticket(&ticket).await?["values"]["onceOff"].as_f64(), Some(460_000.0));
    organisation.webhook("ticket-updated", &ticket).await?;
    let ours = events(&organisation, &ticket, 5).await?;
    for event in ours.iter().skip(2) {
        ensure!(!event.chain().is_empty(), "{} is not recognised as ours", event.kind.name());
    }
    ensure!(stack.logged("action-worker", "460000").await?.is_empty(), "an amount is logged");
    Ok(())
}

fn jane(event: &Event, into: &LeadTarget) -> Vec<Action> {
    if event.kind.name() != "ticket.stage_changed" {
        return vec![];
    }
    let [first_name, family_name, email, phone] =
        ["Jane", "Citizen-of-leads", "jane@example.com", "0491 570 006"]
            .map(|text| Private::new(text.to_owned()));
    let phone_code = PhoneCode::default();
    let lead = Lead { first_name, family_name, email, phone_code, phone, ..Lead::default() };
    vec![Action::create_lead(lead, into, "{contact}, website")]
}

#[tokio::test]
async fn a_lead_whose_ticket_failed_at_first_has_one_contact() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("lead-repeated").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let fault = json!([{ "organisation": "lead-repeated", "on": "ticketCreate", "times": 1, "is": { "status": { "code": 429 } } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    let event = decide(&organisation, &ticket, jane, LeadTarget::first_stage_of("Home loans")).await?;
    let Outcome::LeadCreated { contact, .. } = outcome(&organisation, &event, 0).await? else {
        anyhow::bail!("no lead")
    };
    let tickets = mutations(&organisation, "ticketCreate", 1).await?;
    assert_eq!(tickets[0]["idClients"], json!([contact]));
    assert_eq!(tickets[0]["name"], "Jane Citizen-of-leads, website");
    let contacts = mutations(&organisation, "contactCreate", 1).await?;
    assert_eq!(contacts.len(), 1);
    assert_eq!((&contacts[0]["primaryCode"], &contacts[0]["primary"]), (&json!("61"), &json!("491570006")));
    let done = organisation.done(&event, "tried", 0).await?.context("not done")?;
    ensure!(!automations::json::to_json(&done).contains("Jane"), "the record contains a person's data");
    ensure!(stack.logged("action-worker", "Citizen-of-leads").await?.is_empty(), "a person's name is logged");
    Ok(())
}

/// A second lead of the same person, with what a form may say beyond name and address.
#[tokio::test]
async fn a_lead_of_a_known_person_has_their_contact_and_all_that_the_form_said() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("lead-reused").await?;
    organisation.set_secret("lead-key", &json!({ "key": "a key of the test" })).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let twice: Decide<()> = |event, ()| {
        let lead = |email: &str, phone: &str| {
            let [email, phone, description] =
                [email, phone, "purpose: canary-of-leads"].map(|text| Private::new(text.to_owned()));
            let lead = Lead { email, phone, description, value: Some(500_000.into()), ..Lead::default() };
            let lead = Lead {
                labels: vec!["Client".to_owned(), "Refinance".to_owned()],
                reuse_contact: true,
                ..lead
            };
            Action::create_lead(lead, &LeadTarget::first_stage_of("Home loans"), "x")
        };
        if event.kind.name() != "ticket.stage_changed" {
            return vec![];
        }
        vec![lead("jane@example.com", "0491 570 006"), lead("jane.citizen@example.com", "+61 491 570 006")]
    };
    let event = decide(&organisation, &ticket, twice, ()).await?;
    let mut made = Vec::new();
    for position in 0..2 {
        let Outcome::LeadCreated { contact, ticket } = outcome(&organisation, &event, position).await? else {
            anyhow::bail!("no lead")
        };
        let shown = organisation.ticket(ticket.as_str()).await?;
        assert_eq!(shown["idLabels"].as_array().map(Vec::len), Some(2), "{shown}");
        assert_eq!(shown["values"]["onceOff"].as_f64(), Some(500_000.0));
        made.push(contact);
    }
    assert_eq!(made[0], made[1], "the number is the same");
    assert_eq!(mutations(&organisation, "contactCreate", 1).await?.len(), 1);
    for ticket in mutations(&organisation, "ticketCreate", 2).await? {
        assert_eq!(ticket["description"], "purpose: canary-of-leads");
    }
    let stored = stack.stored_texts().await?.into_iter().filter(|stored| stored.kind == OutputKind::Item);
    let found: Vec<_> = stored
        .filter(|stored| stored.text.contains("491570006") || stored.text.contains("canary-of-leads"))
        .collect();
    ensure!(found.is_empty(), "the table has a person's number, or their answers");
    Ok(())
}

#[tokio::test]
async fn a_lead_whose_contact_has_no_answer_is_left_to_a_person() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("lead-in-doubt").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let fault =
        json!([{ "organisation": "lead-in-doubt", "on": "contactCreate", "times": 1, "is": "cut_after" }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    let event = decide(&organisation, &ticket, jane, LeadTarget::first_stage_of("Home loans")).await?;
    mutations(&organisation, "contactCreate", 1).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "contactCreate", 1).await?.len(), 1);
    assert_eq!(organisation.done(&event, "tried", 0).await?, None);
    Ok(())
}
