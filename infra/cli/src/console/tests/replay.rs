//! Events that are published again, and tickets that are fetched again, by the commands' own code.

use super::*;

const PAGE: &str = "/replay?since=1m&organisation=north&kind=ticket.stage_changed";

/// The values of the fields of the form that replays what a page shows.
fn form(page: &Shown) -> Vec<(String, String)> {
    let form = page.text.split("<form class=\"stack\" method=\"post\" action=\"/replay\">").nth(1).unwrap();
    let fields = form.split("</form>").next().unwrap().split("<input type=\"hidden\" name=\"").skip(1);
    let field = |text: &str| {
        let mut parts = text.split('"');
        (parts.next().unwrap().to_owned(), parts.nth(1).unwrap().to_owned())
    };
    fields.map(field).collect()
}

#[tokio::test]
async fn events_are_shown_with_who_receives_them_and_published_once_after_the_confirmation() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let page = browser.get(PAGE).await;
    // Of the last minute's entries, every tenth is of the other organisation.
    assert!(page.is_closed() && !page.has("role=\"alert\""), "{}", page.text);
    let number = page.text.split("<p>").find_map(|text| text.split(" events.").next()?.parse::<usize>().ok());
    let number = number.unwrap();
    assert!((50..=54).contains(&number), "{number}");
    assert!(page.has("<td>(no handler receives it)</td><td>ticket.stage_changed</td>"), "{}", page.text);
    let fields = form(&page);
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).unwrap().1.clone();
    let (since, until, token) = (value("since"), value("until"), value("token"));
    assert!(since.ends_with('Z') && until.ends_with('Z'), "the form has the times that were read");
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let asked = browser.post("/replay", &fields).await;
    assert!(asked.has(&format!("<h1>Replay {number} events?</h1>")) && asked.is_closed(), "{}", asked.text);
    let scope = format!("--since {since} --until {until} --organisation north --kind ticket.stage_changed");
    assert!(asked.has(&format!("automations replay {scope}")), "{}", asked.text);
    assert!(stack.dead_letters.state().sent.is_empty() && stack.dead_letters.audit().is_empty());
    let id = asked.field("id");
    for _ in 0..2 {
        let done = browser.post("/change", &[("token", &token), ("id", &id)]).await;
        assert!(
            done.has(&format!("{number} events published again; actions that were performed")),
            "{}",
            done.text
        );
    }
    let sent = stack.dead_letters.state().sent.clone();
    assert_eq!(sent.len(), number, "a second click publishes nothing");
    assert!(sent.iter().all(|event| event.as_str().unwrap().contains("\"resent\"")), "{:?}", sent[0]);
    let number = number.to_string();
    let row = |state: &str, number: &str| ["replay", &scope, state, number].map(str::to_owned);
    assert_eq!(stack.dead_letters.audit(), [row("started", ""), row("done", &number)]);
}

#[tokio::test]
async fn what_cannot_be_replayed_is_said_and_nothing_is_published() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    for (query, problem) in [
        ("since=yesterday", "since: not a time: yesterday"),
        ("since=4d", "a page reads 3 days of the journal at most"),
        ("since=1h&until=2h", "is not after"),
        ("since=1h&kind=ticket.label_add", "do you mean ticket.label_added?"),
        ("since=1h&organisation=%3Cb%3E", "organisation"),
    ] {
        let page = browser.get(&format!("/replay?{query}")).await;
        assert!(page.has(problem) && page.has("role=\"alert\"") && page.is_closed(), "{}", page.text);
    }
    let page = browser.get("/replay?since=1h&handler=follow-up").await;
    assert!(page.has("The journal has no such event.") && !page.has(">Replay 0"), "{}", page.text);
    let token = browser.get(PAGE).await.field("token");
    let fields = [("token", token.as_str()), ("since", "1h"), ("handler", "follow-up")];
    let refused = browser.post("/replay", &fields).await;
    assert!(refused.has("the journal has no such event"), "{}", refused.text);
    assert!(stack.dead_letters.state().sent.is_empty());
}

#[tokio::test]
async fn a_replay_that_the_profile_may_not_make_is_disabled_and_names_the_action() {
    let stack = Stack::new().denying(&["PutItem"]);
    let browser = Browser::at(&stack).await;
    let page = browser.get(PAGE).await;
    assert!(
        page.has("Replays are disabled: the profile lacks <code>dynamodb:PutItem</code>"),
        "{}",
        page.text
    );
    let token = page.field("token");
    let refused = browser.post("/replay", &[("token", token.as_str()), ("since", "1m")]).await;
    assert!(refused.has("the profile lacks dynamodb:PutItem"), "{}", refused.text);
    assert!(stack.dead_letters.state().sent.is_empty());
}

#[tokio::test]
async fn an_event_of_a_timeline_leads_to_its_replay() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let page = browser.get("/timeline?organisation=north&kind=ticket&id=t-1").await;
    let link = page.text.split("<a href=\"/replay?").nth(1).map(|rest| rest.split('"').next().unwrap());
    let link = link.unwrap_or_else(|| panic!("{}", page.text)).replace("&#38;", "&");
    assert!(link.contains("&ticket=t-1&kind=ticket.stage_changed&since="), "{link}");
    let page = browser.get(&format!("/replay?{link}")).await;
    assert!(page.is_closed() && !page.has("role=\"alert\""), "{}", page.text);
}

#[tokio::test]
async fn all_tickets_of_an_organisation_are_rechecked_after_the_confirmation() {
    let stack = Stack::new();
    let browser = Browser::at(&stack).await;
    let page = browser.get("/organisations").await;
    assert!(page.has("Recheck all tickets of north …"), "{}", page.text);
    let token = page.field("token");
    let asked = browser.post("/organisations/recheck", &[("token", &token), ("name", "north")]).await;
    assert!(asked.has("<h1>Recheck all tickets of north?</h1>"), "{}", asked.text);
    assert!(asked.has("automations organisation recheck north") && asked.is_closed(), "{}", asked.text);
    let id = asked.field("id");
    let done = browser.post("/change", &[("token", &token), ("id", &id)]).await;
    assert!(done.has("0 tickets are fetched"), "{}", done.text);
    let row = |state: &str, number: &str| {
        ["organisation recheck", "--organisation north", state, number].map(str::to_owned)
    };
    assert_eq!(stack.dead_letters.audit(), [row("started", ""), row("done", "0")]);
    let unknown = browser.post("/organisations/recheck", &[("token", &token), ("name", "nowhere")]).await;
    assert!(
        unknown.has("role=\"alert\"") && !unknown.has("<button type=\"submit\" class"),
        "{}",
        unknown.text
    );
}

#[tokio::test]
async fn a_recheck_that_the_profile_may_not_make_is_disabled() {
    let stack = Stack::new().denying(&["UpdateItem"]);
    let browser = Browser::at(&stack).await;
    let page = browser.get("/organisations").await;
    let denied = "Pause, resume and recheck are disabled: the profile lacks <code>dynamodb:UpdateItem</code>";
    assert!(page.has(denied), "{}", page.text);
    let token = page.field("token");
    let refused = browser.post("/organisations/recheck", &[("token", &token), ("name", "north")]).await;
    assert!(refused.has("the profile lacks dynamodb:UpdateItem"), "{}", refused.text);
}
