//! A ticket that was read long before it is sent back would undo what a person did meanwhile.

use super::*;
use crate::run::{MAX_AGE, MAX_READS_AGAIN};

fn millis(more: u64) -> u64 {
    u64::try_from(MAX_AGE.as_millis()).unwrap().saturating_add(more)
}

#[tokio::test]
async fn a_ticket_that_was_read_too_long_before_is_read_again() {
    for (age, read, is, outcome, reads) in [
        (millis(0), "old", "other", CHANGED, 1),
        (millis(1), "old", "other", Some(superseded("other")), 1),
        (millis(0), "new", "old", NO_OP, 0),
        (millis(1), "new", "old", CHANGED, 2),
    ] {
        let at = InMemory::with(&[ticket("t-1", is)], &[]);
        at.now.set(age);
        let found = Ok(ticket("t-1", read));
        let (planned, (change, seen)) = (planned(0), stage("new", "old"));
        let edits = vec![Edit { planned: &planned, change, seen }];
        let run = Run::new(id("t-1"), edits, Some(Look { found, at: Timestamp::from_millis(0) }));
        let edited = edit_tickets(&at, vec![run]).await.remove(0);
        assert_eq!((outcomes(&edited), at.reads.get()), (vec![outcome], reads), "{age}");
    }
}

#[tokio::test]
async fn what_a_person_does_while_a_change_is_marked_for_long_is_not_undone() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[]);
    at.mark_ms.borrow_mut().push_back(millis(1));
    at.moved_while_marked.set(Some("other"));
    let edited = edited(&at, vec![stage("new", "old"), owner()]).await;
    assert_eq!(outcomes(&edited), [Some(superseded("other")), CHANGED]);
    assert_eq!((at.stage(), at.replaced().len()), ("other".into(), 1));
    assert_eq!(at.removed.borrow().len(), 2, "what was marked and not sent");
}

#[tokio::test]
async fn after_a_long_lookup_of_a_name_the_ticket_is_read_again_and_nothing_is_marked_before() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[]);
    at.stage_ms.borrow_mut().push_back(millis(1));
    assert_eq!(outcomes(&edited(&at, vec![label("l-1"), stage("new", "old")]).await), [CHANGED; 2]);
    assert_eq!((at.reads.get(), at.replaced().len(), at.removed.borrow().len()), (3, 1, 0));
}

#[tokio::test]
async fn an_edit_that_was_superseded_is_so_when_the_ticket_is_read_again() {
    let at = InMemory::with(&[ticket("t-1", "other")], &[]);
    at.stage_ms.borrow_mut().push_back(millis(1));
    let edited = edited(&at, vec![stage("new", "old"), owner()]).await;
    assert_eq!((outcomes(&edited), at.stage()), (vec![Some(superseded("other")), CHANGED], "other".into()));
}

#[tokio::test]
async fn a_ticket_that_is_always_old_is_sent_at_last() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[]);
    at.mark_ms.borrow_mut().extend([millis(1); 9]);
    assert_eq!(outcomes(&edited(&at, vec![owner()]).await), [CHANGED]);
    assert_eq!((at.reads.get(), at.replaced().len()), (1 + MAX_READS_AGAIN + 1, 1));
}
