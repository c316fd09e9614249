//! `automations console` on the deployed stack: what each page shows, and a change that is confirmed (rows 1, 9 and 21 of the anchors).

use crate::support::{SOON, alone, dead_letters, events, known_ticket, rest};
use anyhow::{Context as _, Result, ensure};
use automations::store::OperationState;
use automations::{aws, clock};
use automations_cli::Selection;
use automations_cli::account::Target;
use automations_cli::console::Console;
use end_to_end::stack::{Stack, eventually};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};

/// A browser that has exchanged the secret.
pub(crate) struct Browser {
    client: Client,
    base: String,
    cookie: String,
}

impl Browser {
    pub(crate) async fn at(stack: &Stack) -> Result<Self> {
        let local = Some(stack.addresses.aws_endpoint_url.clone());
        Self::of(Target { config: aws::load()?, local, stack: stack.addresses.stack.clone() }).await
    }

    pub(crate) async fn of(target: Target) -> Result<Self> {
        let console = Console::bind(target, 0).await?;
        let url = console.url.clone();
        tokio::spawn(console.serve());
        let base = url.split("/enter").next().context("no base")?.to_owned();
        // A handler that is tried is built.
        let timeout = Duration::from_mins(10);
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build()?;
        let entered = client.get(&url).send().await?;
        let cookie = entered.headers().get(SET_COOKIE).context("no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().context("no value")?.to_owned();
        Ok(Self { client, base, cookie })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        let response =
            self.client.get(format!("{}{path}", self.base)).header(COOKIE, &self.cookie).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status == StatusCode::OK, "{path}: {status}: {text}");
        Ok(text)
    }

    /// Sends a form, and returns where it leads to, or its page.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<(StatusCode, String)> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.base)).header(COOKIE, &self.cookie);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let response: Response = request.send().await?;
        let to = response.headers().get(LOCATION).map(|to| to.to_str().map(str::to_owned)).transpose()?;
        let status = response.status();
        let there = match to {
            Some(to) => to,
            None => response.text().await?,
        };
        Ok((status, there))
    }
}

/// The value of a form's first field of this name.
fn field(page: &str, name: &str) -> Result<String> {
    let after = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    let value = after.and_then(|after| after.split('"').next());
    Ok(value.with_context(|| format!("no field {name}: {page}"))?.to_owned())
}

/// The page of a change, once it has ended and says this.
async fn ended(browser: &Browser, to: &str, text: &str) -> Result<String> {
    eventually("the end of the change", SOON, async || {
        let page = browser.get(to).await?;
        ensure!(page.contains(text), "{page}");
        Ok(page)
    })
    .await
}

#[tokio::test]
async fn each_page_shows_the_deployed_stack_and_no_error() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("on-a-page").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let browser = Browser::at(&stack).await?;
    let timeline = format!("/timeline?organisation=on-a-page&kind=ticket&id={ticket}");
    let pages = [
        ("/", "on-a-page".to_owned()),
        (timeline.as_str(), format!("value=\"{ticket}\"")),
        ("/events?organisation=on-a-page", format!(">{ticket}</a>")),
        ("/events?organisation=on-a-page&handler=follow-up-on-settlement", "No such event".to_owned()),
        ("/dead-letters", "Dead letters".to_owned()),
        ("/handlers", "follow-up-on-settlement".to_owned()),
        ("/settings?handler=follow-up-on-settlement&organisation=on-a-page", "Set for on-a-page".to_owned()),
        ("/reminders?organisation=on-a-page", "0 wait".to_owned()),
        ("/undo?handler=follow-up-on-settlement&since=1h&organisation=on-a-page", "three days".to_owned()),
        ("/organisations", "/hooks/on-a-page/ticket-updated/…".to_owned()),
        ("/organisations?check=on-a-page", "credential accepted".to_owned()),
        ("/audit", "What operators changed".to_owned()),
    ];
    for (path, part) in pages {
        let start = Instant::now();
        let page = browser.get(path).await?;
        ensure!(page.contains(&part), "{path} lacks {part}: {page}");
        ensure!(!page.contains("role=\"alert\""), "{path}: {page}");
        ensure!(start.elapsed() < Duration::from_secs(20), "{path}: {:?}", start.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_dropped_through_its_confirmation_and_the_audit_has_it() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let since = clock::now();
    let url = stack.queue_url(&stack.addresses.hints_dead_letters_queue).await?;
    let hint = hint_of("dropped-on-a-page", "t-dropped-on-a-page");
    stack.sqs.send_message().queue_url(url).message_body(hint).send().await?;
    let all = Selection { queue: Some("hints-dead-letters".to_owned()), ..Selection::default() };
    let id = eventually("the dead letter", SOON, async || {
        let shown = dead_letters(&stack)?.thorough().show(&all).await?;
        let own = shown.into_iter().find(|(_, body)| body.contains("t-dropped-on-a-page"));
        Ok(own.context("not yet")?.0.id)
    })
    .await?;
    let browser = Browser::at(&stack).await?;
    let page = browser.get("/dead-letters?again=true").await;
    ensure!(page.is_err(), "it leads on");
    let token = eventually("the page with it", SOON, async || {
        let _ = browser.get("/dead-letters?again=true").await;
        let page = browser.get(&format!("/dead-letters/one?id={id}")).await?;
        ensure!(page.contains("t-dropped-on-a-page"), "{page}");
        field(&page, "token")
    })
    .await?;
    let fields = |token| [("token", token), ("do", "drop"), ("id", id.as_str())];
    let (refused, _) = browser.post("/dead-letters/selected", &fields("x")).await?;
    assert_eq!(refused, StatusCode::FORBIDDEN);
    let (asked, to) = browser.post("/dead-letters/selected", &fields(&token)).await?;
    assert_eq!(asked, StatusCode::SEE_OTHER);
    let page = browser.get(&to).await?;
    ensure!(page.contains("Drop 1 dead letter?") && page.contains("1 from "), "{page}");
    let change = field(&page, "id")?;
    let (done, to) = browser.post("/change", &[("token", &token), ("id", &change)]).await?;
    assert_eq!(done, StatusCode::SEE_OTHER);
    ended(&browser, &to, "1 permanently deleted").await?;
    let operations = stack.store().operations(since).await?;
    let own = operations.iter().find(|operation| operation.scope == format!("--id {id}"));
    let own = own.context("the deletion is not recorded")?;
    assert_eq!((own.command.as_str(), own.state, own.changed), ("dlq drop", OperationState::Done, Some(1)));
    Ok(())
}

/// Row 9 of the anchors: all that fit the filter, and no other.
#[tokio::test]
async fn all_dead_letters_of_a_filter_are_dropped_through_one_confirmation() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let url = stack.queue_url(&stack.addresses.hints_dead_letters_queue).await?;
    for (organisation, ticket) in [("fits", "t-1-fits"), ("fits", "t-2-fits"), ("fits-not", "t-fits-not")] {
        let hint = hint_of(organisation, ticket);
        stack.sqs.send_message().queue_url(&url).message_body(hint).send().await?;
    }
    let browser = Browser::at(&stack).await?;
    let token = field(&browser.get("/").await?, "token")?;
    let fields = [("token", token.as_str()), ("do", "drop"), ("organisation", "fits")];
    // SQS may show a message late.
    let change = eventually("both dead letters", SOON, async || {
        let (status, to) = browser.post("/dead-letters/matching", &fields).await?;
        ensure!(status == StatusCode::SEE_OTHER, "{to}");
        let page = browser.get(&to).await?;
        ensure!(page.contains("Drop 2 dead letters?"), "{page}");
        field(&page, "id")
    })
    .await?;
    let (done, to) = browser.post("/change", &[("token", &token), ("id", &change)]).await?;
    assert_eq!(done, StatusCode::SEE_OTHER);
    ended(&browser, &to, "2 permanently deleted").await?;
    let rest_of = Selection { organisation: Some("fits-not".parse()?), ..Selection::default() };
    assert_eq!(dead_letters(&stack)?.thorough().drop(&rest_of).await?, 1);
    Ok(())
}

fn hint_of(organisation: &str, ticket: &str) -> String {
    let hint = json!({
        "id": format!("{ticket}.0"), "organisation": organisation, "action": "ticket-updated",
        "received_at": "2026-11-25T09:30:00.000Z", "ticket": ticket, "raw": null,
    });
    hint.to_string()
}

#[tokio::test]
async fn a_handler_that_is_built_here_decides_as_the_deployed_one_did() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("tried-on-a-page").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 2).await?;
    rest(&stack).await?;
    let browser = Browser::at(&stack).await?;
    let token = field(&browser.get("/handlers/try?handler=follow-up-on-settlement").await?, "token")?;
    let fields = [
        ("token", token.as_str()),
        ("handler", "follow-up-on-settlement"),
        ("organisation", "tried-on-a-page"),
        ("ticket", ticket.as_str()),
    ];
    let (status, page) = browser.post("/handlers/try", &fields).await?;
    assert_eq!(status, StatusCode::OK);
    ensure!(page.matches("<td>the same</td>").count() == 2, "{page}");
    Ok(())
}
