//! Everything that is parsed from outside, as functions of arbitrary bytes. `targets.rs` runs them: for a moment each in
//! `cargo test`, for longer with `cargo xtask fuzz`.

#![expect(
    clippy::missing_panics_doc,
    reason = "a target panics where what it names is broken; that is its result"
)]

use automations::json::{from_json, to_json};
use automations::model::action::PlannedAction;
use automations::model::diff::{Seen, Snapshot, change};
use automations::model::hint::Hint;
use automations::model::ticket::Named;
use automations::model::webhook::ticket_ids;
use automations::salestrekker::{Error, read_any_response};
use automations::serde::{Serialize, de::DeserializeOwned};
use automations::telemetry::metric::RejectionReason;
use automations::telemetry::xray::TraceHeader;
use automations::testing;
use automations::{Event, Ticket};
use webhook_ingest::address;

#[cfg(test)]
mod targets;

/// A webhook's body leads to ids, few and each once, or to none.
pub fn webhook_body(bytes: &[u8]) {
    let ids = ticket_ids(bytes);
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an id comes once");
    assert!(
        ids.iter().all(|id| !id.as_str().is_empty() && id.as_str().len() <= bytes.len()),
        "ids come from the body"
    );
    assert_eq!(ids, ticket_ids(bytes), "and are the same again");
}

/// A path is an address whose parts are what they should be, or a refusal.
pub fn webhook_path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    match address(path) {
        Ok(found) => {
            let again = format!("/hooks/{}/{}/{}", found.organisation, found.action, found.token);
            assert_eq!(
                path.trim_start_matches('/'),
                again.trim_start_matches('/'),
                "nothing is read into it"
            );
            let plain =
                |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            assert!(
                plain(found.organisation.as_str()) && plain(found.action.as_str()),
                "a part of a secret's name"
            );
        }
        Err(refusal) => assert!(
            matches!(refusal, RejectionReason::NotFound | RejectionReason::Unauthorised),
            "{refusal:?}"
        ),
    }
}

/// Any response of the API is data, or an error that quotes nothing of it. After a mutation, an error never says that nothing
/// happened unless the status says so.
pub fn response(status: u16, is_mutation: bool, body: &[u8]) {
    let Err(error) = read_any_response(status, is_mutation, body) else { return };
    assert!(error.to_string().len() < 200, "{error}");
    assert!(!is_mutation || !matches!(error, Error::Unavailable { why } if why.contains("5xx")), "{error}");
}

/// What is on a queue is a message of ours, and survives the way, or is told to be none without a word of it.
pub fn message(bytes: &[u8]) {
    survives::<Hint>(bytes);
    survives::<Event>(bytes);
    survives::<PlannedAction>(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(header) = TraceHeader::parse(text)
    {
        assert_eq!(TraceHeader::parse(header.as_str()), Ok(header), "a header is one again");
    }
}

fn survives<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    match from_json::<T>(bytes) {
        Ok(value) => {
            let text = to_json(&value);
            let again = from_json::<T>(text.as_bytes()).map(|value| to_json(&value));
            assert_eq!(again.ok(), Some(text), "what we write we can read");
        }
        Err(decode_error) => {
            assert!(decode_error.to_string().len() < 400, "where it does not fit, in a line");
        }
    }
}

/// Two looks at a ticket: what happened in between is told once, and the same look again tells nothing.
pub fn difference(bytes: &[u8]) {
    let half = bytes.len() / 2;
    let (before, after) = bytes.split_at(half);
    let first = change(None, Some(seen(before)), false).map(|change| change.snapshot);
    let second = change(first.as_ref(), Some(seen(after)), false);
    let stored: Option<Snapshot> = second.map(|change| {
        assert!(!change.kind.is_empty(), "a change is told");
        change.snapshot
    });
    let latest = stored.or(first);
    assert_eq!(change(latest.as_ref(), Some(seen(after)), true), None, "the same look tells nothing");
    let gone = change(latest.as_ref(), None, false).map(|change| change.snapshot);
    assert_eq!(change(gone.as_ref(), None, false), None, "a ticket vanishes once");
}

/// A ticket that these bytes describe: every field takes few values, so that two are often nearly the same.
fn seen(bytes: &[u8]) -> Seen {
    let at = |position: usize| bytes.get(position).copied().unwrap_or_default();
    let mut ticket: Ticket = testing::ticket();
    let named =
        |byte: u8| (format!("id-{}", byte % 4), (byte & 16 == 0).then(|| format!("name {}", byte % 3)));
    if let (id, name) = named(at(0))
        && let Ok(id) = id.parse()
    {
        ticket.stage = Named { id, name };
    }
    if let (id, name) = named(at(1))
        && let Ok(id) = id.parse()
    {
        ticket.workflow = Named { id, name };
    }
    ticket.owner = (at(2) & 1 == 0).then(|| format!("owner-{}", at(2) % 5).parse().ok()).flatten();
    ticket.active = [None, Some(true), Some(false)].get(usize::from(at(3) % 3)).copied().flatten();
    ticket.value = (at(4) & 1 == 0).then(|| i64::from(at(4)).into());
    let labels = bytes.iter().skip(6).take(5).filter_map(|byte| {
        let (id, name) = named(*byte);
        Some(Named { id: id.parse().ok()?, name })
    });
    ticket.labels = labels.collect();
    ticket.labels.sort();
    ticket.labels.dedup_by(|left, right| left.id == right.id);
    let clients =
        bytes.iter().skip(11).take(5).filter_map(|byte| format!("client-{}", byte % 6).parse().ok());
    ticket.clients = clients.collect();
    ticket.clients.sort();
    ticket.clients.dedup();
    Seen { ticket, name_digest: format!("{}", at(5) % 3) }
}
