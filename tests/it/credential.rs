//! How the client handles a token that is rejected or expired.

use crate::client_fixture::{ClientFixture, kind};
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
    let fixture = ClientFixture::new(&stack, "refused", Limits::default()).await?;
    for code in [401, 403, 200] {
        fixture.fault("query Labels", 1, json!({ "reject": { "code": code } })).await?;
        assert_eq!(fixture.session(20).all_labels().await?.len(), 3, "{code}");
        fixture.fault("query Labels", 2, json!({ "reject": { "code": code } })).await?;
        assert_eq!(kind(fixture.session(20).all_labels().await), "credential_refused", "{code}");
    }
    // Rotation during work: the token in memory is rejected, and the secret already has the new one.
    stack.control(Method::POST, "expire-tokens", &json!({ "organisation": "refused" })).await?;
    assert_eq!(kind(fixture.session(20).all_labels().await), "credential_refused");
    fixture.organisation.renew_token().await?;
    assert_eq!(fixture.session(20).all_labels().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced_before_it_is_refused() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "expired", Limits::default()).await?;
    fixture.organisation.set_token("e30.eyJleHAiOiAxfQ.x").await?; // {"exp": 1}
    assert_eq!(kind(fixture.session(20).all_labels().await), "credential_refused");
    fixture.organisation.renew_token().await?;
    // The next such request is rejected. The client does not send it with the token in its memory: it reads the secret first,
    // so that this is the second rejection.
    let fault = json!([{ "on": "query OnlyHere", "is": { "reject": { "code": 401 } } }]);
    stack.control(Method::POST, "faults", &fault).await?;
    let request =
        async || fixture.session(20).mutate("query OnlyHere { labels { id } }", json!({}), true).await;
    assert_eq!(kind(request().await), "credential_refused");
    assert_eq!(kind(request().await), "no error");
    Ok(())
}

#[tokio::test]
async fn the_rest_of_an_invocation_does_not_send_a_refused_token_but_takes_a_new_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let fixture = ClientFixture::new(&stack, "stops-early", Limits::default()).await?;
    let session = fixture.session(60);
    fixture.fault("query Labels", 2, json!({ "reject": { "code": 401 } })).await?;
    assert_eq!(kind(session.all_labels().await), "credential_refused");
    // The API would accept the token by now, but the client sends no request.
    assert_eq!(kind(session.all_labels().await), "credential_refused");
    fixture.organisation.renew_token().await?;
    assert_eq!(session.all_labels().await?.len(), 3);
    Ok(())
}
