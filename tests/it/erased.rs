//! What is kept of somebody can be erased, and nothing else goes with it.

use crate::support::{alone, known_ticket, letters, mutations, rest};
use anyhow::{Result, ensure};
use automations::id::OrganisationId;
use end_to_end::stack::{Organisation, Stack, Where};
use operate::{Eraser, Subject};
use serde_json::json;

fn eraser(stack: &Stack) -> Result<Eraser> {
    let (dynamodb, table) = (stack.dynamodb.clone(), stack.place.table.clone());
    Ok(Eraser { dynamodb, table, letters: letters(stack)? })
}

/// A ticket of this client that settled and was followed up.
async fn settled(organisation: &Organisation<'_>, client: &str, actions: usize) -> Result<String> {
    let ticket = known_ticket(organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled", "idClients": [client] })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(organisation, "ticketCreate", actions).await?;
    rest(organisation.stack).await?;
    Ok(ticket)
}

/// Where this id still stands.
async fn kept(stack: &Stack, id: &str) -> Result<Vec<Where>> {
    let places = [Where::Item, Where::LetterBody, Where::LetterAttribute];
    let written = stack.written().await?.into_iter();
    let kept = written.filter(|written| places.contains(&written.place));
    Ok(kept.filter(|written| written.text.contains(id)).map(|written| written.place).collect())
}

#[tokio::test]
async fn a_ticket_and_a_contact_are_erased_and_their_neighbours_stay() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("erased").await?;
    let north = OrganisationId::parse("erased")?;
    let first = settled(&organisation, "contact-to-erase", 1).await?;
    let second = settled(&organisation, "contact-that-stays", 2).await?;
    let third = settled(&organisation, "contact-that-stays", 3).await?;
    // A webhook of the first one that was given up, with all that it brought.
    let refused = json!([{ "organisation": "erased", "on": "ticket(", "is": { "errors": { "message": "no", "code": "BAD_USER_INPUT" } } }]);
    stack.control(reqwest::Method::POST, "faults", &refused).await?;
    organisation.change(&first, json!({ "stage": "Archived" })).await?;
    organisation.webhook("ticket-updated", &first).await?;
    rest(&stack).await?;
    ensure!(kept(&stack, &first).await?.contains(&Where::LetterBody), "there is a letter to erase");

    let neighbour = organisation.journal(&second).await?;
    let eraser = eraser(&stack)?;
    let contact = Subject::Contact("contact-to-erase".to_owned());
    let found = eraser.find(&north, &contact).await?;
    assert_eq!(found.tickets.iter().collect::<Vec<_>>(), [&first]);
    assert!(found.items >= 5 && found.letters == 1, "{found:?}");
    ensure!(!kept(&stack, &first).await?.is_empty(), "looking erases nothing");
    eraser.erase(&found).await?;
    assert_eq!(kept(&stack, "contact-to-erase").await?, []);
    assert_eq!(kept(&stack, &first).await?, []);
    assert_eq!(organisation.journal(&second).await?, neighbour, "a neighbour's stays");

    let found = eraser.find(&north, &Subject::Ticket(second.clone())).await?;
    eraser.erase(&found).await?;
    assert_eq!(kept(&stack, &second).await?, []);
    ensure!(!kept(&stack, &third).await?.is_empty(), "the same client's other ticket stays");
    assert_eq!(eraser.find(&north, &Subject::Ticket(second)).await?.items, 0);
    let elsewhere = OrganisationId::parse("elsewhere")?;
    assert_eq!(eraser.find(&elsewhere, &Subject::Ticket(third)).await?.items, 0, "of another organisation");
    Ok(())
}
