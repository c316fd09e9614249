//! The console from outside: who gets in, and what its pages say. Over HTTP; no browser.

use super::*;
use crate::stub;
use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE, HOST, SET_COOKIE};
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use std::time::Duration;

/// A running console on a stack whose audit has this command.
async fn console(command: &'static str) -> (Client, String, String) {
    let config = stub::config(Duration::ZERO, move |operation, _| {
        let item = json!({
            "id": { "S": "1" }, "at": { "N": "5" }, "operator": { "S": "arn:aws:iam::1:user/o" }, "command": { "S": command },
            "scope": { "S": "" }, "state": { "S": "done" }, "changed": { "N": "42" },
        });
        match operation {
            "Query" => (200, json!({ "Items": [item] }).to_string()),
            _ => (400, json!({ "__type": "AccessDeniedException" }).to_string()),
        }
    });
    let console = Console::bind(Target { config, local: None, stack: "a".to_owned() }, 0).await.unwrap();
    let url = console.url.clone();
    tokio::spawn(console.serve());
    let base = url.split("/enter").next().unwrap().to_owned();
    (Client::builder().no_proxy().build().unwrap(), base, url)
}

/// The cookie that the secret is exchanged for.
async fn entered(client: &Client, url: &str) -> String {
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_secret_is_exchanged_for_a_cookie_once_and_without_it_there_is_nothing() {
    let (client, base, url) = console("dlq drop").await;
    for path in ["/", "/audit", "/style.css", "/enter", "/enter?secret=", "/other"] {
        let response = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    let cookie = entered(&client, &url).await;
    assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::FORBIDDEN, "only once");
    for (value, status) in
        [(cookie.as_str(), StatusCode::OK), ("automations-console=x", StatusCode::FORBIDDEN)]
    {
        let response = client.get(format!("{base}/audit")).header(COOKIE, value).send().await.unwrap();
        assert_eq!(response.status(), status, "{value}");
    }
    assert!(!cookie.contains(url.split("secret=").nth(1).unwrap()), "the cookie is another secret");
}

/// DNS rebinding: a name of an attacker that points to 127.0.0.1.
#[tokio::test]
async fn another_host_name_is_refused_even_with_the_cookie() {
    let (client, base, url) = console("dlq drop").await;
    let cookie = entered(&client, &url).await;
    let port = base.rsplit(':').next().unwrap();
    for (host, status) in [
        (format!("localhost:{port}"), StatusCode::OK),
        (format!("evil.example.com:{port}"), StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1".to_owned(), StatusCode::MISDIRECTED_REQUEST),
    ] {
        let request = client.get(format!("{base}/audit")).header(COOKIE, &cookie).header(HOST, &host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let (client, base, url) = console("dlq drop").await;
    let cookie = entered(&client, &url).await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let response =
            client.request(method, format!("{base}/audit")).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn every_response_forbids_what_is_not_its_own_and_a_page_has_no_script_and_no_other_address() {
    let (client, base, url) = console("dlq drop").await;
    let cookie = entered(&client, &url).await;
    for path in ["/", "/audit", "/style.css", "/other"] {
        let response = client.get(format!("{base}{path}")).header(COOKIE, &cookie).send().await.unwrap();
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let text = response.text().await.unwrap();
        assert!(
            !text.contains("<script") && !text.contains("http://") && !text.contains("https://"),
            "{text}"
        );
        assert!(!text.contains(" style=") && !text.contains(" on"), "{text}");
    }
}

#[tokio::test]
async fn what_is_stored_or_typed_is_text_on_a_page() {
    let (client, base, url) = console("<b>drop</b>").await;
    let cookie = entered(&client, &url).await;
    let page = async |path: &str| {
        let response = client.get(format!("{base}{path}")).header(COOKIE, &cookie).send().await.unwrap();
        response.text().await.unwrap()
    };
    let audit = page("/audit").await;
    assert!(audit.contains(">42<") && audit.contains("drop") && !audit.contains("<b>"), "{audit}");
    assert!(audit.contains("<a href=\"/audit\" aria-current=\"page\">Audit</a>"), "{audit}");
    let timeline = page("/?organisation=north&kind=ticket&id=%22%3E%3Cb%3E").await;
    assert!(!timeline.contains("<b>"), "{timeline}");
    let denied = page("/?organisation=north&kind=ticket&id=t-1").await;
    assert!(denied.contains("role=\"alert\"") && denied.contains("DynamoDB"), "{denied}");
}
