//! What the table holds two writers to, on the real DynamoDB endpoint.

use crate::setting::{among_others, events, known_ticket};
use anyhow::{Context as _, Result};
use automations::clock::Moment;
use automations::id::{ActionId, OrganisationId, TicketId};
use automations::store::{Claim, Claimant, Done, Error, Outcome};
use automations::{Action, action::Decided};
use end_to_end::stack::Stack;

fn claimant(owner: &str, now: u64) -> Claimant<'_> {
    Claimant { owner, now: Moment::from_millis(now), until: Moment::from_millis(now.saturating_add(100)) }
}

#[tokio::test]
async fn of_two_writers_of_one_version_one_is_overtaken() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("two-writers").await?;
    let ticket = TicketId::parse(known_ticket(&organisation, "Approved").await?)?;
    let (store, id) = (stack.store(), OrganisationId::parse("two-writers")?);
    let known = store.known(&id, std::slice::from_ref(&ticket)).await?.remove(&ticket).context("unknown")?;
    let mut next = known.snapshot.clone();
    next.ticket.version = 2;
    let now = Moment::from_millis(1);
    store.write(&id, &next, &[], &[], now).await?;
    let late = store.write(&id, &next, &[], &[], now).await;
    assert!(matches!(late, Err(Error::Overtaken)), "{late:?}");
    let stale = store.write(&id, &known.snapshot, &[], &[], now).await;
    assert!(matches!(stale, Err(Error::Overtaken)), "{stale:?}");
    Ok(())
}

#[tokio::test]
async fn a_claim_is_one_claimants_until_its_lease_ends() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let (store, id) = (stack.store(), OrganisationId::parse("claims")?);
    let action = ActionId::parse("claims.lease.0")?;
    let [first, second] = [claimant("first", 1_000), claimant("second", 1_050)];
    assert_eq!(store.claim(&id, &action, first).await?, Claim::Ours { in_doubt: false });
    assert_eq!(store.claim(&id, &action, second).await?, Claim::Held { until: first.until });
    assert_eq!(store.claim(&id, &action, first).await?, Claim::Ours { in_doubt: false }, "its own again");
    // The first is lost before it sent anything: the action is nobody's, and nothing is in doubt.
    let third = claimant("third", 1_100);
    assert_eq!(store.claim(&id, &action, third).await?, Claim::Ours { in_doubt: false });
    let late = store.sending(&id, &action, first).await;
    assert!(matches!(late, Err(Error::Overtaken)), "who lost its lease sends nothing: {late:?}");
    // The third is lost after it began to send.
    store.sending(&id, &action, third).await?;
    assert_eq!(store.claim(&id, &action, claimant("fourth", 1_300)).await?, Claim::Ours { in_doubt: true });
    assert_eq!(
        store.claim(&id, &action, claimant("fifth", 1_500)).await?,
        Claim::Ours { in_doubt: true },
        "a doubt outlives whoever did not resolve it"
    );
    store.park(&id, &action, claimant("fifth", 1_500)).await?;
    assert_eq!(store.claim(&id, &action, claimant("sixth", 9_000)).await?, Claim::Parked);
    Ok(())
}

#[tokio::test]
async fn a_claim_that_is_given_back_is_anybodys_and_one_that_is_done_nobodys() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("given-back").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0);
    let (store, id) = (stack.store(), event.organisation.clone());
    let decided = Decided {
        chain: vec![],
        hint: None,
        id: ActionId::of(&event.id, "test", 0)?,
        organisation: id.clone(),
        event: event.id.clone(),
        handler: "test".to_owned(),
        decided_at: event.observed_at,
        attempt: 1,
        action: Action::add_label(event.ticket().context("no ticket")?, "Client"),
    };
    let [first, second] = [claimant("first", 1_000), claimant("second", 1_010)];
    store.claim(&id, &decided.id, first).await?;
    store.sending(&id, &decided.id, first).await?;
    store.release(&id, &decided.id, first).await?;
    assert_eq!(store.claim(&id, &decided.id, second).await?, Claim::Ours { in_doubt: false });
    let done =
        Done { decided: decided.clone(), outcome: Outcome::Changed, done_at: Moment::from_millis(1_020) };
    let late = store.record(&done, first).await;
    assert!(matches!(late, Err(Error::Overtaken)), "{late:?}");
    assert_eq!(store.done(&id, &decided.id).await?, None);
    store.record(&done, second).await?;
    assert_eq!(store.done(&id, &decided.id).await?, Some(done));
    assert_eq!(store.claim(&id, &decided.id, claimant("third", 9_000)).await?, Claim::Done);
    Ok(())
}
