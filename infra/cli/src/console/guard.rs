//! Who may see a page, and who may change something. Other programs and other web pages of the same machine reach 127.0.0.1 too: so the
//! secret of the printed URL is exchanged for a cookie, once; the `Host` header must be ours, as a name of an attacker may point here (DNS
//! rebinding); a page may load nothing from elsewhere; and each change needs a token that only our own pages have (CSRF).

use super::form::Form;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, REFERRER_POLICY, SET_COOKIE,
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
/// The form's field with the token.
const TOKEN: &str = "token";
/// Bytes of a form: the ids of all dead letters that a page shows are less.
const MAX_FORM: usize = 64 * 1024;
/// A style sheet, a script and an icon of our own, and what the script reads: nothing else, and nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The secrets of one run. It has one session: the cookie, and the token that belongs to it.
pub(super) struct Guard {
    port: u16,
    secret: String,
    cookie: String,
    token: String,
    is_exchanged: AtomicBool,
}

impl Guard {
    pub(super) fn new(port: u16) -> Result<Self> {
        let is_exchanged = AtomicBool::new(false);
        Ok(Self { port, secret: random()?, cookie: random()?, token: random()?, is_exchanged })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{ENTER}?secret={}", self.port, self.secret)
    }

    /// What each form that changes something sends back.
    pub(super) fn token(&self) -> &str {
        &self.token
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

    async fn respond(&self, request: Request, next: Next) -> Response {
        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        if !self.is_own_host(&request) {
            return (StatusCode::MISDIRECTED_REQUEST, "this is not the console's address").into_response();
        }
        if !is_read && request.method() != Method::POST {
            let allowed = [(ALLOW, "GET, HEAD, POST")];
            return (StatusCode::METHOD_NOT_ALLOWED, allowed, "no page has this method").into_response();
        }
        if is_read && request.uri().path() == ENTER && self.exchanges(&request) {
            return self.entered();
        }
        if !self.has_cookie(&request) {
            let text = "open the URL that `automations console` printed; it works once, so start the command again for another browser";
            return (StatusCode::FORBIDDEN, text).into_response();
        }
        if is_read {
            return next.run(request).await;
        }
        match self.with_form(request).await {
            Ok(request) => next.run(request).await,
            Err(refused) => refused.into_response(),
        }
    }

    /// The request with its [`Form`], if one of our own pages sent it.
    async fn with_form(&self, request: Request) -> Result<Request, Refused> {
        is_own_form(&request)?;
        let (parts, body) = request.into_parts();
        let too_large = (StatusCode::PAYLOAD_TOO_LARGE, "nothing was changed: the form is too large");
        let form = Form::of(&to_bytes(body, MAX_FORM).await.map_err(|_length| too_large)?);
        if !is_equal(form.one(TOKEN), &self.token) {
            let text =
                "nothing was changed: the form's token is missing or of another run; open the page again";
            return Err((StatusCode::FORBIDDEN, text));
        }
        let mut request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(form);
        Ok(request)
    }
}

type Refused = (StatusCode, &'static str);

/// Whether the request is a form, and no other site's.
fn is_own_form(request: &Request) -> Result<(), Refused> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    // Browsers say which site a request comes from (W3C, Fetch Metadata Request Headers). `Origin` is `null` without a referrer.
    if header("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err((StatusCode::FORBIDDEN, "nothing was changed: another site sent this form"));
    }
    let kind = header(CONTENT_TYPE.as_str()).and_then(|kind| kind.split(';').next());
    if kind.is_none_or(|kind| kind.trim() != "application/x-www-form-urlencoded") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "nothing was changed: this is not a form"));
    }
    Ok(())
}

/// The pages, each behind the guard.
pub(super) fn guarded(pages: Router, guard: Guard) -> Router {
    pages.layer(middleware::from_fn_with_state(Arc::new(guard), check))
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = guard.respond(request, next).await;
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

/// 256 bits of the operating system, for a URL.
pub(super) fn random() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
