//! What every page has, and the parts that pages show alike.

use super::NAVIGATION;
use anyhow::Error;
use askama::Template;
use automations::clock::Timestamp;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse as _, Response};
use std::fmt;
use url::form_urlencoded::Serializer;

/// The frame of a page.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) navigation: &'static [(&'static str, &'static str)],
    pub(super) path: &'static str,
    /// What could not be read, or is wrong in what was asked for.
    pub(super) problems: Vec<String>,
    /// After how many seconds the script reads the page again; 0 is never.
    pub(super) live: u32,
}

impl Layout {
    /// Of the page at this path of the navigation.
    pub(super) fn of(path: &'static str) -> Self {
        Self { navigation: &NAVIGATION, path, problems: Vec::new(), live: 0 }
    }

    /// The value; or none, and the page says why.
    pub(super) fn take<T>(&mut self, read: Result<T, Error>) -> Option<T> {
        read.map_err(|error| self.problems.push(format!("{error:#}"))).ok()
    }
}

/// A time as an element: in UTC, which the script replaces by the viewer's own time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 with milliseconds: `2026-09-21T14:13:20.000Z`.
        let iso = self.0.to_string();
        let text = to_second(&iso);
        write!(f, "<time datetime=\"{iso}\">{text} UTC</time>")
    }
}

/// A time in a sentence, to the minute.
pub(super) fn utc(at: Timestamp) -> String {
    let text = to_second(&at.to_string());
    format!("{} UTC", text.rsplit_once(':').map_or(text.as_str(), |(minute, _)| minute))
}

fn to_second(iso: &str) -> String {
    iso.split('.').next().unwrap_or_default().replacen('T', " ", 1)
}

/// A page, or why it cannot be shown.
pub(super) fn shown(page: &impl Template) -> Response {
    shown_as(StatusCode::OK, page)
}

/// A page with another status.
pub(super) fn shown_as(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Goes on to a page of our own, after a form.
pub(super) fn go_to(address: String) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()
}

/// The address of a page with these values, without those that are empty.
pub(super) fn address(path: &str, values: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(values.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The timeline of a thing of this kind in an organisation.
pub(super) fn timeline_of(organisation: &str, kind: &str, id: &str) -> String {
    address("/timeline", &[("organisation", organisation), ("kind", kind), ("id", id)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_utc_for_people_and_exact_for_the_script() {
        let moment = Moment(Timestamp::from_millis(1_790_000_000_123)).to_string();
        assert_eq!(moment, "<time datetime=\"2026-09-21T14:13:20.123Z\">2026-09-21 14:13:20 UTC</time>");
        assert_eq!(utc(Timestamp::from_millis(1_790_000_000_123)), "2026-09-21 14:13 UTC");
    }

    #[test]
    fn an_address_has_what_is_not_empty_and_is_escaped() {
        assert_eq!(address("/a", &[("x", "")]), "/a");
        assert_eq!(address("/a", &[("x", ""), ("y", "1&2 \"<"), ("z", "ä")]), "/a?y=1%262+%22%3C&z=%C3%A4");
    }
}
