//! What becomes of the edits of a run behind one that fails, and in front of it.

use super::*;

#[tokio::test]
async fn a_field_that_never_stays_fails_alone_and_what_is_shown_behind_it_is_recorded() {
    for looks in [false, true] {
        let at = InMemory { looks, ..InMemory::with(&[ticket("t-1", "old")], &[Fate::OwnerDropped; 3]) };
        let edited = edited(&at, vec![label("l-1"), owner(), stage("new", "old")]).await;
        assert_eq!(outcomes(&edited), [CHANGED, None, CHANGED]);
        assert_eq!((waits(&edited), at.stage()), (vec![false; 3], "new".into()), "the second is retried");
    }
}

#[tokio::test]
async fn what_is_not_there_after_the_last_write_is_not_marked_as_ours_and_what_is_there_stays_marked() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[Fate::OwnerDropped; 3]);
    edited(&at, vec![label("l-1"), owner()]).await;
    assert_eq!(at.removed.borrow().as_slice(), [ChangeMark::owner(OwnerId::parse("o-2").ok().as_ref())]);
}

/// A person moved the ticket after the first update, and it cannot be said whether an action of ours did.
#[tokio::test]
async fn nothing_is_written_again_behind_an_edit_that_cannot_be_judged_any_more() {
    let at = InMemory {
        is_table_down: true,
        ..InMemory::with(&[ticket("t-1", "old")], &[Fate::MovedOwnerDropped("other")])
    };
    let edited = edited(&at, vec![stage("new", "old"), owner(), label("l-1")]).await;
    assert_eq!((outcomes(&edited), waits(&edited)), (vec![None; 3], vec![false, true, true]));
    assert_eq!(at.replaced().len(), 1, "the second waits until the first is settled");
}

#[tokio::test]
async fn what_is_in_front_of_an_edit_that_cannot_be_judged_is_written_again_without_those_behind_it() {
    for looks in [false, true] {
        let at = InMemory {
            looks,
            is_table_down: true,
            ..InMemory::with(&[ticket("t-1", "old")], &[Fate::MovedAndDropped("other")])
        };
        let edited = edited(&at, vec![owner(), stage("new", "old"), label("l-1")]).await;
        assert_eq!(
            (outcomes(&edited), waits(&edited)),
            (vec![CHANGED, None, None], vec![false, false, true])
        );
        assert_eq!(at.tickets.borrow()[&id("t-1")].id_labels, None);
    }
}

/// Two actions want the same stage, and a person moves the ticket on.
#[tokio::test]
async fn an_edit_that_only_repeats_one_before_it_is_superseded_with_it() {
    for fates in [[Fate::Moved("other"), Fate::Kept], [Fate::Dropped, Fate::Moved("other")]] {
        for looks in [false, true] {
            let at = InMemory { looks, ..InMemory::with(&[ticket("t-1", "old")], &fates) };
            let edited = edited(&at, vec![stage("new", "old"), stage("new", "old")]).await;
            assert_eq!(
                outcomes(&edited),
                [Some(superseded("other")), Some(superseded("other"))],
                "{fates:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_edit_that_only_repeats_one_before_it_is_a_no_op_once_that_one_is_seen() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[Fate::Dropped]);
    let edited = edited(&at, vec![stage("new", "old"), stage("new", "old")]).await;
    assert_eq!((outcomes(&edited), at.replaced().len()), (vec![CHANGED, NO_OP], 2));
}

#[tokio::test]
async fn after_a_lost_response_the_edits_are_found_there_and_none_is_sent_again() {
    let at = InMemory { looks: true, ..InMemory::with(&[ticket("t-1", "old")], &[Fate::Lost]) };
    let lost = edited(&at, vec![label("l-1"), owner(), stage("new", "old")]).await;
    assert_eq!((waits(&lost), lost.is_rejected_together), (vec![false, true, true], false));
    let error = errors(&lost)[0].unwrap();
    assert!(error.outcome_unknown && error.error.remedy == Remedy::Retry { after: None });
    assert!(at.removed.borrow().is_empty(), "it may have taken effect: the change is still ours");
    let again = edited(&at, vec![label("l-1"), owner(), stage("new", "old")]).await;
    assert_eq!((outcomes(&again), at.replaced().len()), (vec![NO_OP; 3], 1));
}

#[tokio::test]
async fn after_a_lost_response_what_a_person_did_meanwhile_is_not_undone() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[Fate::Lost]);
    edited(&at, vec![label("l-1"), stage("new", "old")]).await;
    at.tickets.borrow_mut().insert(id("t-1"), ticket("t-1", "other"));
    let again = edited(&at, vec![label("l-1"), stage("new", "old")]).await;
    assert_eq!(outcomes(&again), [CHANGED, Some(superseded("other"))]);
}

#[tokio::test]
async fn one_edit_that_is_refused_is_reported_after_those_before_it_are_written_and_ends_the_run() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[]);
    let edited = edited(&at, vec![label("l-1"), stage("missing", "old"), label("l-2")]).await;
    assert_eq!((outcomes(&edited), waits(&edited)), (vec![CHANGED, None, None], vec![false, false, true]));
    assert_eq!(errors(&edited)[1].unwrap().error.remedy, Remedy::DeadLetter);
    let labels = at.tickets.borrow()[&id("t-1")].id_labels.clone().unwrap();
    assert_eq!(labels, [LabelId::parse("l-1").unwrap()], "what is behind it waits until it is settled");
}

#[tokio::test]
async fn an_update_that_is_rejected_leaves_its_edits_to_be_performed_one_at_a_time() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[Fate::Rejected, Fate::Rejected]);
    let together = edited(&at, vec![label("l-1"), owner()]).await;
    assert_eq!((waits(&together), together.is_rejected_together), (vec![true, true], true));
    assert_eq!(at.removed.borrow().len(), 2, "nothing took effect");
    let alone = edited(&at, vec![label("l-1")]).await;
    assert_eq!((outcomes(&alone), alone.is_rejected_together), (vec![None], false));
}

#[tokio::test]
async fn of_an_update_that_did_not_take_effect_the_first_edit_is_retried_and_the_others_wait() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[Fate::Unavailable]);
    let edited = edited(&at, vec![stage("old", "old"), label("l-1"), owner()]).await;
    assert_eq!((outcomes(&edited), edited.is_rejected_together), (vec![NO_OP, None, None], false));
    assert_eq!(waits(&edited), [false, false, true]);
    assert_eq!(at.removed.borrow().len(), 2);
}
