//! What an operator changes is recorded: who, when, what, how many (row 21 of the anchors).

use crate::support::{among_others, dead_letters};
use anyhow::{Context as _, Result};
use automations::store::OperationState;
use automations::{aws, clock};
use automations_cli::audit::Audit;
use automations_cli::bulk::Bulk;
use automations_cli::{Consent, Selection};
use end_to_end::stack::Stack;

#[tokio::test]
async fn a_redrive_leaves_who_ran_it_and_how_many_messages_it_sent_back() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let since = clock::now();
    let none = Selection { reason: Some("audited_here".to_owned()), ..Selection::default() };
    let audit = Audit::new(&aws::load()?, stack.store());
    dead_letters(&stack)?.redrive_audited(&none, Consent::default(), &Bulk::default(), &audit).await?;
    let operations = stack.store().operations(since).await?;
    let own = operations.iter().find(|operation| operation.scope == "--reason audited_here");
    let own = own.context("the redrive is not recorded")?;
    assert_eq!(
        (own.command.as_str(), own.state, own.changed),
        ("dlq redrive", OperationState::Done, Some(0))
    );
    assert!(own.operator.starts_with("arn:aws:"), "{}", own.operator);
    assert!(stack.store().operations(clock::now()).await?.is_empty());
    Ok(())
}
