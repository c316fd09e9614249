//! Pages that change nothing.

use super::*;
use serde_json::json;

/// A stack whose audit has this command, and nothing else that may be read.
fn audit_of(command: &'static str) -> impl Fn(&str, &Value) -> (u16, String) {
    move |operation, _| {
        let item = json!({
            "id": { "S": "1" }, "at": { "N": "5" }, "operator": { "S": "arn:aws:iam::1:user/o" }, "command": { "S": command },
            "scope": { "S": "" }, "state": { "S": "done" }, "changed": { "N": "42" },
        });
        match operation {
            "Query" => (200, json!({ "Items": [item] }).to_string()),
            _ => (400, json!({ "__type": "AccessDeniedException" }).to_string()),
        }
    }
}

#[tokio::test]
async fn what_is_stored_or_typed_is_text_on_a_page() {
    let browser = Browser::inside(audit_of("<script>drop</script>")).await;
    let audit = browser.get("/audit").await;
    assert!(audit.has(">42<") && audit.has("drop") && audit.is_closed(), "{}", audit.text);
    assert!(audit.has("<a href=\"/audit\" aria-current=\"page\">Audit</a>"), "{}", audit.text);
    assert!(audit.has("<time datetime=\"1970-01-01T00:00:00.005Z\">1970-01-01 00:00:00 UTC</time>"));
    let timeline = browser.get("/timeline?organisation=north&kind=ticket&id=%22%3E%3Cscript%3E").await;
    assert!(timeline.is_closed() && timeline.has("&#60;script&#62;"), "{}", timeline.text);
    let denied = browser.get("/timeline?organisation=north&kind=ticket&id=t-1").await;
    assert!(denied.has("role=\"alert\"") && denied.has("DynamoDB"), "{}", denied.text);
}

#[tokio::test]
async fn a_page_has_a_language_landmarks_and_a_way_past_the_navigation() {
    let browser = Browser::inside(audit_of("dlq drop")).await;
    for (path, _) in super::super::pages::NAVIGATION {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for part in [
            "<html lang=\"en\">",
            "name=\"viewport\"",
            "<main id=\"main\">",
            "href=\"#main\"",
            "<nav aria-label=",
        ] {
            assert!(page.has(part), "{path} lacks {part}");
        }
        assert_eq!(page.text.matches("<h1>").count(), 1, "{path}");
        assert_eq!(page.text.matches("aria-current=\"page\"").count(), 1, "{path}");
        assert!(page.is_closed(), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn a_page_whose_requests_are_denied_says_so_and_offers_no_change() {
    let denied = |_: &str, _: &Value| (400, "{\"__type\": \"AccessDeniedException\"}".to_owned());
    let browser = Browser::inside(denied).await;
    let timeline = "/timeline?organisation=north&kind=ticket&id=t-1";
    for path in ["/", timeline, "/events", "/dead-letters", "/handlers", "/organisations", "/audit"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.has("role=\"alert\"") && page.is_closed(), "{path}: {}", page.text);
        assert!(!page.has("name=\"do\""), "{path}: {}", page.text);
    }
}

/// It builds and starts a program of the checkout: only with the session's token.
#[tokio::test]
async fn a_handler_is_tried_only_with_the_token_and_what_is_wrong_is_said() {
    let browser = Browser::inside(|operation, _| match operation {
        "Query" => (200, "{\"Items\": []}".to_owned()),
        _ => (400, "{\"__type\": \"AccessDeniedException\"}".to_owned()),
    });
    let browser = browser.await;
    let form = browser.get("/handlers/try?handler=%22%3E%3Cscript%3E").await;
    assert!(form.is_closed() && form.has("&#34;&#62;&#60;script&#62;"), "{}", form.text);
    let token = form.field("token");
    let fields = |token| {
        [
            ("token", token),
            ("handler", "<script>"),
            ("organisation", "north"),
            ("ticket", "t-1"),
            ("event", ""),
        ]
    };
    assert_eq!(browser.post("/handlers/try", &fields("x")).await.status, StatusCode::FORBIDDEN);
    let tried = browser.post("/handlers/try", &fields(&token)).await;
    assert!(
        tried.has("role=\"alert\"") && tried.has("&#60;script&#62;") && tried.is_closed(),
        "{}",
        tried.text
    );
    assert!(tried.has("name=\"ticket\" required value=\"t-1\""), "the form is as it was sent");
}
