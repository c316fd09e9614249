//! What the client does about a token that is refused, or that says that its time is over.

use crate::client_fixture::{Desk, kind};
use crate::support::among_others;
use anyhow::Result;
use automations::salestrekker::Limits;
use end_to_end::stack::Stack;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_refused_token_is_read_anew_once_and_then_somebody_is_told() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let desk = Desk::new(&stack, "refused", Limits::default()).await?;
    for code in [401, 403, 200] {
        desk.fault("query Labels", 1, json!({ "refuse": { "code": code } })).await?;
        assert_eq!(desk.session(20).all_labels().await?.len(), 3, "{code}");
        desk.fault("query Labels", 2, json!({ "refuse": { "code": code } })).await?;
        assert_eq!(kind(desk.session(20).all_labels().await), "credential_refused", "{code}");
    }
    // Rotation in the middle of work: the token in memory is refused, the secret holds the next one already.
    stack.control(Method::POST, "expire-tokens", &json!({ "organisation": "refused" })).await?;
    assert_eq!(kind(desk.session(20).all_labels().await), "credential_refused");
    desk.organisation.renew_token().await?;
    assert_eq!(desk.session(20).all_labels().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced_before_it_is_refused() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let desk = Desk::new(&stack, "expired", Limits::default()).await?;
    desk.organisation.set_token("e30.eyJleHAiOiAxfQ.x").await?; // {"exp": 1}
    assert_eq!(kind(desk.session(20).all_labels().await), "credential_refused");
    desk.organisation.renew_token().await?;
    // The next such request is refused, whosever it is. The client does not spend it on the token in its memory: it has
    // read the secret anew before, so that this is the second refusal.
    let fault = json!([{ "on": "query OnlyHere", "is": { "refuse": { "code": 401 } } }]);
    stack.control(Method::POST, "faults", &fault).await?;
    let ask = async || desk.session(20).mutate("query OnlyHere { labels { id } }", json!({}), true).await;
    assert_eq!(kind(ask().await), "credential_refused");
    assert_eq!(kind(ask().await), "no error");
    Ok(())
}

#[tokio::test]
async fn the_rest_of_an_invocation_does_not_send_a_refused_token_but_takes_a_new_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let desk = Desk::new(&stack, "stops-early", Limits::default()).await?;
    let session = desk.session(60);
    desk.fault("query Labels", 2, json!({ "refuse": { "code": 401 } })).await?;
    assert_eq!(kind(session.all_labels().await), "credential_refused");
    // The API would take the token by now; nobody asks it.
    assert_eq!(kind(session.all_labels().await), "credential_refused");
    desk.organisation.renew_token().await?;
    assert_eq!(session.all_labels().await?.len(), 3);
    Ok(())
}
