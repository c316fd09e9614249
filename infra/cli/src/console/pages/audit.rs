//! What operators changed in the last thirty days: as `automations audit`.

use super::{NAVIGATION, shown};
use crate::account::Target;
use crate::commands::audit::row;
use askama::Template;
use automations::clock;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;

const SHOWN: Duration = Duration::from_hours(30 * 24);

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    navigation: &'static [(&'static str, &'static str)],
    path: &'static str,
    rows: Vec<[String; 6]>,
    problem: Option<String>,
}

pub(super) async fn page(State(target): State<Arc<Target>>) -> Response {
    let read = target.store().operations(clock::now().earlier(SHOWN)).await;
    let (rows, problem) = match read {
        Ok(operations) => (operations.iter().map(row).collect(), None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    shown(&Page { navigation: &NAVIGATION, path: "/audit", rows, problem })
}
