//! Who may see a page. Other programs and other web pages of the same machine reach 127.0.0.1 too: so the secret of the printed URL is
//! exchanged for a cookie, once; the `Host` header must be ours, as a name of an attacker may point here (DNS rebinding); and a page may
//! load nothing from elsewhere. Nothing can be changed yet: every method but GET and HEAD is refused.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use subtle::ConstantTimeEq as _;

/// The path at which the secret is exchanged.
const ENTER: &str = "/enter";
/// Cookies are shared by all ports of a host: another stack's console has another name.
const COOKIE_NAME: &str = "automations-console";
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The secrets of one run.
pub(super) struct Guard {
    port: u16,
    secret: String,
    cookie: String,
    is_exchanged: AtomicBool,
}

impl Guard {
    pub(super) fn new(port: u16) -> Result<Self> {
        Ok(Self { port, secret: random()?, cookie: random()?, is_exchanged: AtomicBool::new(false) })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{ENTER}?secret={}", self.port, self.secret)
    }

    fn is_own_host(&self, request: &Request) -> bool {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)].iter().any(|own| own == host)
    }

    fn has_cookie(&self, request: &Request) -> bool {
        let own = format!("{COOKIE_NAME}-{}={}", self.port, self.cookie);
        let all = request.headers().get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        all.flat_map(|cookies| cookies.split("; ")).any(|cookie| is_equal(cookie, &own))
    }

    /// Whether the request has the secret, which is accepted once.
    fn exchanges(&self, request: &Request) -> bool {
        let query = request.uri().query().unwrap_or_default();
        let is_own = query.strip_prefix("secret=").is_some_and(|secret| is_equal(secret, &self.secret));
        is_own && !self.is_exchanged.swap(true, Ordering::SeqCst)
    }

    /// A page that goes on to the overview: a browser sends a strict cookie only with a request that begins at our own page.
    fn entered(&self) -> Response {
        let Self { port, cookie, .. } = self;
        let cookie = format!("{COOKIE_NAME}-{port}={cookie}; Path=/; HttpOnly; SameSite=Strict");
        let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Console</title>\
            <meta http-equiv=\"refresh\" content=\"0;url=/\"><p><a href=\"/\">Open the console</a></p></html>";
        ([(SET_COOKIE, cookie)], Html(page)).into_response()
    }
}

/// The pages, each behind the guard.
pub(super) fn guarded(pages: Router, guard: Guard) -> Router {
    pages.layer(middleware::from_fn_with_state(Arc::new(guard), check))
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let mut response = if !guard.is_own_host(&request) {
        (StatusCode::MISDIRECTED_REQUEST, "this is not the console's address").into_response()
    } else if !is_read {
        (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")], "the console changes nothing")
            .into_response()
    } else if request.uri().path() == ENTER && guard.exchanges(&request) {
        guard.entered()
    } else if guard.has_cookie(&request) {
        next.run(request).await
    } else {
        let text = "open the URL that `automations console` printed; it works once, so start the command again for another browser";
        (StatusCode::FORBIDDEN, text).into_response()
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_equal(given: &str, own: &str) -> bool {
    given.as_bytes().ct_eq(own.as_bytes()).into()
}

fn random() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
