//! A person's data can be erased, and nothing else is erased with it.

use crate::support::{alone, dead_letters, known_ticket, mutations, rest};
use anyhow::{Result, ensure};
use automations::clock;
use automations::id::{ContactId, OrganisationId};
use automations_cli::{Eraser, Subject};
use end_to_end::stack::{Organisation, OutputKind, Stack};
use serde_json::json;

fn eraser(stack: &Stack) -> Result<Eraser> {
    let (dynamodb, table) = (stack.dynamodb.clone(), stack.addresses.table.clone());
    Ok(Eraser { dynamodb, table, dead_letters: dead_letters(stack)? })
}

/// Creates a ticket of this client that is settled and followed up.
async fn settled(organisation: &Organisation<'_>, client: &str, actions: usize) -> Result<String> {
    let ticket = known_ticket(organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled", "idClients": [client] })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(organisation, "ticketCreate", actions).await?;
    rest(organisation.stack).await?;
    Ok(ticket)
}

/// The kinds of stored texts that contain this id.
async fn found_in(stack: &Stack, id: &str) -> Result<Vec<OutputKind>> {
    let kinds = [OutputKind::Item, OutputKind::DeadLetterBody, OutputKind::DeadLetterAttribute];
    let texts = stack.stored_texts().await?.into_iter();
    let stored = texts.filter(|stored| kinds.contains(&stored.kind));
    Ok(stored.filter(|stored| stored.text.contains(id)).map(|stored| stored.kind).collect())
}

#[tokio::test]
async fn the_digests_of_a_contacts_leads_are_erased_and_those_of_others_stay() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let north = OrganisationId::parse("erased-leads")?;
    let [jane, john] = ["contact-of-jane", "contact-of-john"].map(ContactId::parse);
    let (jane, john, now) = (jane?, john?, clock::now());
    let digests = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    stack.store().record_lead_contact(&north, &digests(&["email-1", "phone-1"]), &jane, now).await?;
    stack.store().record_lead_contact(&north, &digests(&["email-2"]), &john, now).await?;
    let eraser = eraser(&stack)?;
    let found = eraser.find(&north, &Subject::Contact(jane.to_string())).await?;
    assert_eq!((found.items, found.tickets.len()), (2, 0));
    eraser.erase(&found).await?;
    assert_eq!(stack.store().lead_contact(&north, &digests(&["email-1", "phone-1"]), now).await?, None);
    assert_eq!(stack.store().lead_contact(&north, &digests(&["email-2"]), now).await?, Some(john));
    Ok(())
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
    // A dead letter of a webhook for the first ticket, with the body of the webhook.
    let fault = json!([{ "organisation": "erased", "on": "ticket(", "is": { "errors": { "message": "no", "code": "BAD_USER_INPUT" } } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    organisation.change(&first, json!({ "stage": "Archived" })).await?;
    organisation.webhook("ticket-updated", &first).await?;
    rest(&stack).await?;
    ensure!(
        found_in(&stack, &first).await?.contains(&OutputKind::DeadLetterBody),
        "there is a dead letter to erase"
    );

    let neighbour = organisation.journal(&second).await?;
    let eraser = eraser(&stack)?;
    let contact = Subject::Contact("contact-to-erase".to_owned());
    let found = eraser.find(&north, &contact).await?;
    assert_eq!(found.tickets.iter().collect::<Vec<_>>(), [&first]);
    assert!(found.items >= 5 && found.dead_letters == 1, "{found:?}");
    ensure!(!found_in(&stack, &first).await?.is_empty(), "finding erases nothing");
    eraser.erase(&found).await?;
    assert_eq!(found_in(&stack, "contact-to-erase").await?, []);
    assert_eq!(found_in(&stack, &first).await?, []);
    assert_eq!(organisation.journal(&second).await?, neighbour, "the other ticket is not affected");

    let subject = Subject::Ticket(second.clone());
    let found = eraser.find(&north, &subject).await?;
    eraser.erase_until_gone((&north, &subject), &found).await?;
    assert_eq!(found_in(&stack, &second).await?, []);
    ensure!(!found_in(&stack, &third).await?.is_empty(), "the same client's other ticket is kept");
    assert_eq!(eraser.find(&north, &Subject::Ticket(second)).await?.items, 0);
    let elsewhere = OrganisationId::parse("elsewhere")?;
    assert_eq!(
        eraser.find(&elsewhere, &Subject::Ticket(third)).await?.items,
        0,
        "the ticket is not of this organisation"
    );
    Ok(())
}
