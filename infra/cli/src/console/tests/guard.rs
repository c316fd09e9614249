//! Who gets in, and who may send a form.

use super::*;
use reqwest::Method;
use reqwest::header::{ALLOW, CONTENT_SECURITY_POLICY, HOST};

/// A stack of which nothing may be read.
fn nothing(_: &str, _: &Value) -> (u16, String) {
    (400, "{\"__type\": \"AccessDeniedException\"}".to_owned())
}

#[tokio::test]
async fn the_secret_is_exchanged_for_a_cookie_once_and_without_it_there_is_nothing() {
    let mut browser = Browser::outside(nothing).await;
    for path in ["/", "/audit", "/style.css", "/console.js", "/enter", "/enter?secret=", "/other"] {
        let response = browser.client.get(format!("{}{path}", browser.base)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    browser.enter().await;
    let again = browser.client.get(&browser.url).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::FORBIDDEN, "only once");
    for (value, status) in
        [(browser.cookie.as_str(), StatusCode::OK), ("automations-console=x", StatusCode::FORBIDDEN)]
    {
        let request = browser.client.get(format!("{}/audit", browser.base)).header(COOKIE, value);
        assert_eq!(request.send().await.unwrap().status(), status, "{value}");
    }
    assert!(!browser.cookie.contains(browser.url.split("secret=").nth(1).unwrap()), "another secret");
}

/// DNS rebinding: a name of an attacker that points to 127.0.0.1.
#[tokio::test]
async fn another_host_name_is_refused_even_with_the_cookie() {
    let browser = Browser::inside(nothing).await;
    let port = browser.base.rsplit(':').next().unwrap();
    for (host, status) in [
        (format!("localhost:{port}"), StatusCode::OK),
        (format!("evil.example.com:{port}"), StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1".to_owned(), StatusCode::MISDIRECTED_REQUEST),
    ] {
        let request = browser.getting("/audit").header(HOST, &host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

/// Every path that takes a form.
const FORMS: &[&str] = &[
    "/change",
    "/dead-letters/matching",
    "/dead-letters/selected",
    "/handlers/try",
    "/organisations/recheck",
    "/pauses",
    "/reminders/cancel",
    "/replay",
    "/settings/set",
    "/settings/unset",
    "/undo",
];

#[test]
fn every_path_that_takes_a_form_is_checked_here() {
    let router = include_str!("../pages/mod.rs");
    let posts = router.lines().filter(|line| line.contains("post("));
    let posts: Vec<&str> = posts.filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(posts.len(), FORMS.len(), "{posts:?}");
    assert!(posts.iter().all(|path| FORMS.contains(path)), "{posts:?}");
}

#[tokio::test]
async fn no_form_is_taken_without_the_token_the_cookie_and_our_host() {
    let mut browser = Browser::inside(nothing).await;
    let fields = [("token", "x"), ("id", "x"), ("do", "pause"), ("what", "writing")];
    for path in FORMS {
        for fields in [&fields[..], &fields[1..]] {
            let refused = browser.post(path, fields).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
            assert!(refused.has("nothing was changed"), "{path}");
        }
        let rebound = browser.posting(path, &fields).header(HOST, "evil.example.com").send().await.unwrap();
        assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    browser.cookie = String::new();
    for path in FORMS {
        assert_eq!(browser.post(path, &fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

/// CSRF: a page of another site posts to the console's address. A strict cookie would not be sent; the token is the second wall.
#[tokio::test]
async fn a_form_without_this_runs_token_changes_nothing() {
    let browser = Browser::inside(nothing).await;
    assert_eq!(browser.get("/change?id=x").await.status, StatusCode::GONE);
    let cookie = browser.cookie.split('=').nth(1).unwrap().to_owned();
    let secret = browser.url.split("secret=").nth(1).unwrap().to_owned();
    for token in ["", "x", &cookie, &secret] {
        let refused = browser.post("/change", &[("token", token), ("id", "x")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{token}");
        assert!(refused.has("nothing was changed"));
    }
    assert_eq!(browser.post("/change", &[("id", "x")]).await.status, StatusCode::FORBIDDEN);
    // Without the cookie, the token is not even looked at.
    let outside = Browser { cookie: String::new(), ..browser };
    assert_eq!(outside.post("/change", &[("id", "x")]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_not_a_form_of_our_own_site_is_refused() {
    let browser = Browser::inside(nothing).await;
    let url = format!("{}/change", browser.base);
    let post = || browser.client.post(&url).header(COOKIE, &browser.cookie);
    let form = "application/x-www-form-urlencoded";
    let large = format!("token={}", "x".repeat(70_000));
    let cases = [
        (post().header("content-type", "text/plain").body("token=x"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (post().body("token=x"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (post().header("content-type", form).body(large), StatusCode::PAYLOAD_TOO_LARGE),
        (
            post().header("content-type", form).header("sec-fetch-site", "same-site").body("token=x"),
            StatusCode::FORBIDDEN,
        ),
    ];
    for (request, status) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.text().await.unwrap().contains("nothing was changed"));
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    let browser = Browser::inside(nothing).await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let request = browser.client.request(method, format!("{}/audit", browser.base));
        let response = request.header(COOKIE, &browser.cookie).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD, POST");
    }
}

#[tokio::test]
async fn every_response_forbids_what_is_not_its_own() {
    let browser = Browser::inside(nothing).await;
    for path in [
        "/",
        "/audit",
        "/dead-letters",
        "/change",
        "/style.css",
        "/console.js",
        "/icon.svg",
        "/favicon.ico",
        "/other",
    ] {
        let response = browser.getting(path).send().await.unwrap();
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'; "), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains("http") && !policy.contains("data:"),
            "{policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"),
            "{policy}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let shown = Shown::of(response).await;
        assert!(path.contains('.') || shown.is_closed(), "{}", shown.text);
    }
}
