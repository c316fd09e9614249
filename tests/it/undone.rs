//! What an action did is undone in order and once, where nothing has changed the same since (row 9 of the anchors).

use crate::chains::MOVE_ON;
use crate::superseded::{done, last, moves, planned, send};
use crate::support::{alone, among_others, events, known_ticket, mutations, published, rest};
use anyhow::{Context as _, Result, ensure};
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::model::action::PlannedAction;
use automations::store::Outcome;
use automations::{Action, aws, clock};
use automations_cli::account::Target;
use automations_cli::audit::Tally;
use automations_cli::commands::undo;
use automations_cli::timeline::{Reader as TimelineReader, Wanted as OfTicket, assemble};
use automations_cli::undo::{Reader, Undo, Verdict, Wanted};
use end_to_end::stack::{Organisation, Stack};
use serde_json::json;

fn target(stack: &Stack) -> Result<Target> {
    Ok(Target { config: aws::load()?, local: None, stack: stack.addresses.stack.clone() })
}

/// What this handler did to the organisation's tickets since then.
async fn read(organisation: &Organisation<'_>, handler: &str, since: Timestamp) -> Result<Vec<Undo>> {
    let (handler, until) = (handler.to_owned(), clock::now());
    let organisation_id = Some(organisation.name.parse()?);
    let wanted = Wanted::Handler { handler, since, until, organisation: organisation_id };
    let reader = Reader::new(organisation.stack.store(), clock::now());
    let (undos, unreadable) = reader.read(&wanted).await?;
    ensure!(unreadable.is_empty(), "{unreadable:?}");
    Ok(undos)
}

/// The opposite actions of those that can be undone.
fn undoable(undos: &[Undo]) -> Vec<PlannedAction> {
    let by = |undo: &Undo| match &undo.verdict {
        Verdict::Undoable { by } => Some((**by).clone()),
        Verdict::AlreadyUndone { .. }
        | Verdict::ChangedNothing { .. }
        | Verdict::ChangedSince { .. }
        | Verdict::NotFoundYet
        | Verdict::NotCheckedSince { .. }
        | Verdict::ForAPerson { .. } => None,
    };
    undos.iter().filter_map(by).collect()
}

#[tokio::test]
async fn a_label_and_a_stage_are_undone_backwards_once_and_the_timeline_shows_it() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("undone").await?;
    let id = known_ticket(&organisation, "Approved").await?;
    let before = organisation.ticket(&id).await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let since = clock::now();
    let both =
        planned(&event, [Action::add_label(&ticket, "Client"), Action::move_stage(&ticket, "Archived")])?;
    send(&stack, &both).await?;
    for action in &both {
        assert_eq!(done(&stack, action).await?.outcome, Outcome::Changed);
    }
    organisation.webhook("ticket-updated", &id).await?;
    events(&organisation, &id, 3).await?;
    published(&organisation, &id).await?;

    let undos = read(&organisation, "moves", since).await?;
    let found: Vec<_> = undos.iter().map(|undo| undo.action.clone()).collect();
    assert_eq!(found, [both[1].id.clone(), both[0].id.clone()], "the last one first");
    let opposite = undoable(&undos);
    assert_eq!(opposite.len(), 2, "{undos:?}");
    let tally = Tally::default();
    assert_eq!(undo::send(&target(&stack)?, &undos, &tally).await?, 2);
    for action in &opposite {
        assert_eq!(done(&stack, action).await?.outcome, Outcome::Changed);
    }
    let after = organisation.ticket(&id).await?;
    assert_eq!((&after["idStage"], &after["idLabels"]), (&before["idStage"], &json!([])));

    // Undo twice is undo once.
    let again = read(&organisation, "moves", since).await?;
    assert!(again.iter().all(|undo| matches!(undo.verdict, Verdict::AlreadyUndone { .. })), "{again:?}");
    assert_eq!(undo::send(&target(&stack)?, &again, &tally).await?, 0);
    rest(&stack).await?;
    let updates = organisation.mutations().await?.len();

    organisation.webhook("ticket-updated", &id).await?;
    let journal = events(&organisation, &id, 5).await?;
    for event in &journal[3..] {
        let by = event.chain().last().context("it is not recognised as ours")?;
        ensure!(opposite.iter().any(|action| action.id == *by), "{by}");
        ensure!(event.chain().len() == 2, "the undone action, and the undo: {:?}", event.chain());
    }
    let reader =
        TimelineReader::new(&aws::load()?, stack.addresses.stack.clone(), stack.store(), clock::now());
    let name = OrganisationId::parse(organisation.name.clone())?;
    let kept = reader.read(&name, &OfTicket::Ticket(id.parse()?), Timestamp::from_seconds(0), 1_000).await?;
    let text = assemble(&kept).to_string();
    ensure!(text.contains(opposite[0].id.as_str()), "{text}");
    rest(&stack).await?;
    assert_eq!(organisation.mutations().await?.len(), updates, "nothing is done again");
    Ok(())
}

#[tokio::test]
async fn what_a_person_changed_since_is_named_and_stays_and_the_worker_refuses_what_was_not_known()
-> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("undone-late").await?;
    let since = clock::now();
    let [known, unknown] =
        [known_ticket(&organisation, "Approved").await?, known_ticket(&organisation, "Approved").await?];
    for id in [&known, &unknown] {
        let (event, ticket) = last(&organisation, id, 1).await?;
        let action = planned(&event, [Action::move_stage(&ticket, "Archived")])?;
        send(&stack, &action).await?;
        assert_eq!(done(&stack, &action[0]).await?.outcome, Outcome::Changed);
        organisation.webhook("ticket-updated", id).await?;
        last(&organisation, id, 2).await?;
    }
    moves(&organisation, &known, "Application", 3).await?;
    let undos = read(&organisation, "moves", since).await?;
    let of = |id: &str| undos.iter().find(|undo| undo.ticket.as_ref().is_some_and(|own| own.as_str() == id));
    let verdict = &of(&known).context("the first is missing")?.verdict;
    let Verdict::ChangedSince { by, what, .. } = verdict else { anyhow::bail!("{verdict:?}") };
    ensure!(by.contains("webhook ticket-updated") && what.contains("Archived → Application"), "{verdict:?}");

    // A person moves the other one, and no check has found it yet.
    let by_hand = organisation.change(&unknown, json!({ "stage": "New lead" })).await?;
    let opposite = undoable(&undos);
    assert_eq!(opposite.len(), 1, "{undos:?}");
    assert_eq!(undo::send(&target(&stack)?, &undos, &Tally::default()).await?, 1);
    let outcome = done(&stack, &opposite[0]).await?.outcome;
    ensure!(matches!(outcome, Outcome::Superseded { .. }), "{outcome:?}");
    assert_eq!(organisation.ticket(&unknown).await?["idStage"], by_hand["idStage"]);
    Ok(())
}

/// Without it, a handler that asks for our own changes would do at once what was undone.
#[tokio::test]
async fn a_handler_does_not_do_again_what_an_operator_undid() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("undone-again").await?;
    let id = known_ticket(&organisation, "New lead").await?;
    let handler = organisation.host("again", MOVE_ON, ["Application", "Archived"]).await?;
    let since = clock::now();
    organisation.change(&id, json!({ "stage": "Application" })).await?;
    organisation.webhook("ticket-updated", &id).await?;
    events(&organisation, &id, 2).await?;
    crate::support::decided(&handler, &organisation, &id).await?;
    mutations(&organisation, "ticketUpdate", 1).await?;
    organisation.webhook("ticket-updated", &id).await?;
    events(&organisation, &id, 3).await?;
    published(&organisation, &id).await?;
    rest(&stack).await?;
    let undos = read(&organisation, "again", since).await?;
    assert_eq!(undo::send(&target(&stack)?, &undos, &Tally::default()).await?, 1, "{undos:?}");
    mutations(&organisation, "ticketUpdate", 2).await?;
    organisation.webhook("ticket-updated", &id).await?;
    let back = events(&organisation, &id, 4).await?.remove(3);
    ensure!(back.entered_stage("Application").is_some() && back.chain().len() == 2, "{back:?}");
    crate::support::decided(&handler, &organisation, &id).await?;
    rest(&stack).await?;
    assert_eq!(
        mutations(&organisation, "ticketUpdate", 2).await?.len(),
        2,
        "it is left as the operator wants it"
    );
    Ok(())
}
