//! A rehearsal against every vendor as imagined: the right verdict each time, and a write changes nothing else.

use crate::client_fixture::ClientFixture;
use crate::organisations::organisations;
use crate::support::{SOON, among_others, decided, events, known_ticket, mutations, rest};
use anyhow::{Context as _, Result, bail, ensure};
use automations::aws::secret::{ApiToken, Kind, Rehearsal, parse};
use automations::handler::Decide;
use automations::id::{OrganisationId, OwnerId, TicketId};
use automations::model::lead::{Lead, LeadTarget};
use automations::private::Private;
use automations::salestrekker::Limits;
use automations::store::Outcome;
use automations::{Action, Event};
use automations_cli::organisation::{Answered, Patience, Person, Rehearsed};
use end_to_end::stack::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// The deal is not moved here; see `rehearsed_webhooks.rs`.
const PATIENCE: Patience = Patience {
    watched: Duration::ZERO,
    own_change: Duration::ZERO,
    person: Duration::ZERO,
    interval: Duration::ZERO,
};

/// A terminal without a person, or with one who says yes.
struct Terminal {
    says_yes: bool,
}

impl Person for Terminal {
    fn hears(&mut self, _: &str) {}

    fn confirms(&mut self, _: &str) -> bool {
        self.says_yes
    }
}

fn verdict(found: &Rehearsed, question: &str) -> Option<Answered> {
    found.findings.iter().find(|finding| finding.question == question).map(|finding| finding.verdict)
}

/// A ticket with everything filled in.
fn filled() -> Value {
    json!({
        "description": "Refinance of a canary-home", "color": "red", "idTeamMembers": ["m-1"],
        "customFields": [{ "name": "lender", "value": "canary-bank" }],
        "values": { "onceOff": 450_000.0, "onceOffDueDate": "2026-12-01" },
    })
}

/// Everything of a ticket but its labels.
async fn all_but_labels(fixture: &ClientFixture<'_>, ticket: &str) -> Result<Value> {
    let mut ticket = fixture.organisation.ticket(ticket).await?;
    ticket.as_object_mut().context("no ticket")?.remove("idLabels");
    Ok(ticket)
}

#[tokio::test]
async fn a_rehearsal_has_the_right_verdict_for_every_vendor_as_imagined() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let all = organisations(&stack)?;
    for bits in 0..64_u8 {
        let is = |bit: u8| bits & (1 << bit) != 0;
        let (replaces, has_extras) = (is(0), is(1));
        let vendor = json!({
            "update": if replaces { "replaces" } else { "merges" }, "extra_fields": has_extras, "other_type_names": is(2),
            "int_amounts": is(3), "introspection": is(4),
            "missing": if is(5) { json!(["Ticket.isActive", "Contact.company"]) } else { json!([]) },
        });
        let name = format!("rehearsed-{bits}");
        let fixture = ClientFixture::new(&stack, &name, Limits::default()).await?;
        stack.control(Method::PUT, &format!("vendor/{name}"), &vendor).await?;
        let ticket = TicketId::parse(fixture.organisation.new_ticket(filled()).await?)?;
        let before = all_but_labels(&fixture, ticket.as_str()).await?;
        let found =
            all.rehearse(&fixture.id, &ticket, None, &mut Terminal { says_yes: false }, PATIENCE).await?;
        let is_safe = !(replaces && has_extras);
        assert_eq!(found.passed(), is_safe, "{vendor}: {found:#?}");
        assert_eq!(verdict(&found, "an unchanged write"), Some(Answered::Good), "{vendor}: {found:#?}");
        assert_eq!(verdict(&found, "a change of one label"), Some(Answered::Good), "{vendor}: {found:#?}");
        let report = serde_json::to_string(&found)?;
        ensure!(!report.contains("canary") && !report.contains("450"), "a value is in the report: {report}");
        let secret = fixture.organisation.secret_name(Kind::ApiToken);
        let stored = stack.secrets.get_secret_value().secret_id(secret).send().await?;
        let stored = stored.secret_string.context("no value")?.into();
        let expected = if is_safe { Rehearsal::Passed } else { Rehearsal::Missing };
        assert_eq!(parse::<ApiToken>(&stored)?.rehearsal, expected, "{vendor}");
        if is_safe {
            assert_eq!(all_but_labels(&fixture, ticket.as_str()).await?, before, "{vendor}");
        } else {
            let cleared = found.findings.iter().find(|finding| finding.verdict == Answered::Bad);
            let answer = &cleared.context("nothing is bad")?.answer;
            ensure!(answer.contains("are cleared: ") && answer.contains("description"), "{vendor}: {answer}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_seen_is_asked_of_a_person_and_without_one_it_is_not_passed() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let all = organisations(&stack)?;
    let fixture = ClientFixture::new(&stack, "rehearsed-blind", Limits::default()).await?;
    let vendor = json!({ "introspection": false, "missing": ["Ticket.description", "Ticket.isActive"] });
    stack.control(Method::PUT, "vendor/rehearsed-blind", &vendor).await?;
    let ticket = fixture.ticket().await?;
    for says_yes in [false, true] {
        let found = all.rehearse(&fixture.id, &ticket, None, &mut Terminal { says_yes }, PATIENCE).await?;
        assert_eq!(found.passed(), says_yes, "{found:#?}");
        let question = "fields that an update does not send";
        let expected = if says_yes { Answered::Good } else { Answered::Unknown };
        assert_eq!(verdict(&found, question), Some(expected));
    }
    Ok(())
}

fn lead() -> Lead {
    let private = |text: &str| Private::new(text.to_owned());
    Lead {
        first_name: private("Jane"),
        family_name: private("Citizen"),
        email: private("jane@example.com"),
        ..Lead::default()
    }
}

/// Every action that changes a ticket or creates one, under every vendor that a rehearsal lets through: nothing else of the ticket changes.
#[tokio::test]
async fn an_action_changes_nothing_else_of_a_ticket_whatever_the_vendor_does() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    for (number, vendor) in [
        json!({}),
        json!({ "update": "merges", "extra_fields": true }),
        json!({ "update": "merges", "extra_fields": true, "other_type_names": true, "int_amounts": true }),
        json!({ "other_type_names": true, "int_amounts": true, "introspection": false }),
        json!({ "missing": ["Ticket.isActive", "Contact.company"] }),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("vendor-{number}");
        let organisation = stack.organisation(&name).await?;
        stack.control(Method::PUT, &format!("vendor/{name}"), &vendor).await?;
        let ticket = known_ticket(&organisation, "Approved").await?;
        organisation.change(&ticket, filled()).await?;
        let actions: Decide<()> = |event: &Event, ()| {
            let Some(ticket) = event.ticket() else { return vec![] };
            let Ok(another) = OwnerId::parse("another-broker") else { return vec![] };
            let is_move = event.kind.name() == "ticket.stage_changed" && event.chain().is_empty();
            let all = || {
                vec![
                    Action::add_label(ticket, "Refinance"),
                    Action::add_label(ticket, "Client"),
                    Action::remove_label(ticket, "Client"),
                    Action::set_owner(ticket, &another),
                    Action::set_value(ticket, 460_000),
                    Action::move_stage(ticket, "Archived"),
                    Action::move_workflow(ticket, "Annual reviews", "Due"),
                    Action::create_ticket(ticket, "Annual reviews", "A year later"),
                    Action::create_lead(lead(), &LeadTarget::first_stage_of("Home loans"), "{contact}"),
                ]
            };
            if is_move { all() } else { vec![] }
        };
        let hosted = organisation.host("all-changes", actions, ()).await?;
        organisation.change(&ticket, json!({ "stage": "Application" })).await?;
        let before = organisation.ticket(&ticket).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        let seen = events(&organisation, &ticket, 2).await?;
        let moved =
            seen.iter().find(|event| event.kind.name() == "ticket.stage_changed").context("no move")?;
        decided(&hosted, &organisation, &ticket).await?;
        let mut created = Vec::new();
        for position in 0..9 {
            let done = eventually("the action", SOON, async || {
                organisation.done(moved, "all-changes", position).await?.context("not done yet")
            });
            match (position, done.await?.outcome) {
                (0..7, Outcome::Changed) => {}
                (7, Outcome::Created { ticket }) | (8, Outcome::LeadCreated { ticket, .. }) => {
                    created.push(ticket);
                }
                (position, other) => bail!("{vendor}, {position}: {other:?}"),
            }
        }
        rest(&stack).await?;
        // Edits that arrive together share an update, except that a part is changed once in each.
        mutations(&organisation, "ticketUpdate", 3).await?;
        let (mut before, mut after) = (before, organisation.ticket(&ticket).await?);
        for fields in [&mut before, &mut after].map(Value::as_object_mut) {
            let fields = fields.context("no ticket")?;
            for changed in ["idLabels", "idOwner", "idStage", "idWorkflow"] {
                fields.remove(changed);
            }
            fields["values"]["onceOff"].take();
        }
        assert_eq!(after, before, "{vendor}");
        for ticket in created {
            let known = organisation.ticket(ticket.as_str()).await?;
            ensure!(known["name"] == "A year later" || known["name"] == "Jane Citizen", "{vendor}: {known}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_first_action_of_an_organisation_waits_for_its_rehearsal() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("not-rehearsed").await?;
    organisations(&stack)?
        .set_rehearsal(&OrganisationId::parse("not-rehearsed")?, Rehearsal::Missing)
        .await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 2).await?.remove(1);
    let done = eventually("a record", SOON, async || {
        organisation.done(&event, "follow-up-on-settlement", 0).await?.context("not yet")
    });
    assert_eq!(done.await?.outcome, Outcome::Unrehearsed);
    assert!(organisation.mutations().await?.is_empty());
    Ok(())
}
