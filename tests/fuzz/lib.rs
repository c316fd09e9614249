//! Fuzz targets: functions of arbitrary bytes for every parser of external input. `targets.rs` runs them: briefly in
//! `cargo test`, longer with `cargo xtask fuzz`.

#![expect(clippy::missing_panics_doc, reason = "a target panics if its property does not hold")]

use automations::aws::secret::{Declaration, Verification};
use automations::clock::Timestamp;
use automations::inbound::{Identity, InboundRequest, MAX_EVENTS, MAX_FIELDS};
use automations::json::{from_json, to_json};
use automations::model::action::PlannedAction;
use automations::model::content_encoding::decoded;
use automations::model::diff::change;
use automations::model::field_value::FieldValue;
use automations::model::firing::QueuedHint;
use automations::model::hint::Hint;
use automations::model::snapshot::{Seen, Snapshot};
use automations::model::ticket::Named;
use automations::model::webhook::ticket_ids;
use automations::salestrekker::{Error, read_any_response};
use automations::serde::{Serialize, de::DeserializeOwned};
use automations::serde_json::Value;
use automations::telemetry::metric::RejectionReason;
use automations::telemetry::xray::TraceHeader;
use automations::testing;
use automations::{Event, Ticket};
use webhook_ingest::address;

#[cfg(test)]
mod targets;

/// A webhook's body has ticket ids without duplicates, or none.
pub fn webhook_body(bytes: &[u8]) {
    let ids = ticket_ids(bytes, None);
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "no id is repeated");
    assert!(
        ids.iter().all(|id| !id.as_str().is_empty() && id.as_str().len() <= bytes.len()),
        "ids are part of the body"
    );
    assert_eq!(ids, ticket_ids(bytes, None), "parsing is deterministic");
    let in_form = ticket_ids(bytes, Some("multipart/form-data; boundary=x"));
    assert!(in_form.iter().all(|id| id.as_str().len() <= bytes.len()), "ids are part of the body");
}

/// The body of an inbound webhook becomes events within their limits, or is rejected as a whole, however it says that it is
/// encoded.
pub fn inbound_body(bytes: &[u8]) {
    const LIMIT: usize = 64 * 1024;
    let plain = decoded(bytes, "gzip", LIMIT);
    assert!(plain.as_ref().map_or(0, |plain| plain.len()) <= LIMIT, "the limit holds");
    let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
    for (body, kind) in [Some(bytes), plain.as_deref().ok()]
        .into_iter()
        .flatten()
        .flat_map(|body| kinds.map(|kind| (body, kind)))
    {
        let read = |identity| InboundRequest::read_all(body, Some(kind), identity);
        let Ok(events) = read(Identity::Content) else { continue };
        assert!((1..=MAX_EVENTS).contains(&events.len()), "there are events");
        assert!(events.iter().all(|event| to_json(&event.fields).len() <= MAX_FIELDS), "each fits a message");
        assert_eq!(read(Identity::Content).as_ref(), Ok(&events), "a repetition is recognised");
    }
}

/// Three header values and a body, one a line: without the secret, no signature is valid.
pub fn signature(bytes: &[u8]) {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let [id, time, value, body] = [(); 4].map(|()| lines.next().unwrap_or_default());
    for scheme in ["standard-webhooks", "hmac-sha256:webhook-signature"] {
        let declared =
            format!(r#"{{"verify": "{scheme}", "signing_secrets": ["c2VjcmV0LW9mLXRoaXMtdGVzdA=="]}}"#);
        let declared: Option<Declaration> = from_json(declared.as_bytes()).ok();
        let verification = declared.and_then(|declared| declared.verification);
        let header = |name: &str| match name {
            "webhook-id" => Some(id),
            "webhook-timestamp" => Some(time),
            "webhook-signature" => Some(value),
            _ => None,
        };
        let check = |own: Verification| own.check(header, body, Timestamp::from_seconds(1_614_265_330));
        assert!(verification.map(check).is_some_and(|result| result.is_err()), "a signature was guessed");
    }
}

/// A path is a valid address, or is rejected.
pub fn webhook_path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    match address(path) {
        Ok(found) => {
            let again = format!("/hooks/{}/{}/{}", found.organisation, found.action, found.token);
            assert_eq!(
                path.trim_start_matches('/'),
                again.trim_start_matches('/'),
                "the address has the same parts as the path"
            );
            let plain =
                |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            assert!(
                plain(found.organisation.as_str()) && plain(found.action.as_str()),
                "the parts are valid in a secret's name"
            );
        }
        Err(reason) => {
            assert!(
                matches!(reason, RejectionReason::NotFound | RejectionReason::Unauthorised),
                "{reason:?}"
            );
        }
    }
}

/// A response of the API is data, or an error that does not quote it. After a mutation, an error says that nothing happened
/// only if the status says so.
pub fn response(status: u16, is_mutation: bool, body: &[u8]) {
    let Err(error) = read_any_response(status, is_mutation, body) else { return };
    assert!(error.to_string().len() < 200, "{error}");
    assert!(!is_mutation || !matches!(error, Error::Unavailable { why } if why.contains("5xx")), "{error}");
}

/// A message on a queue is valid and round-trips, or the error does not quote it.
pub fn message(bytes: &[u8]) {
    round_trips::<Hint>(bytes);
    if let Ok(QueuedHint::Hint(hint)) = from_json(bytes) {
        assert_eq!(
            from_json(bytes),
            Ok(*hint),
            "a message of the queue of hints is the hint that it would be alone"
        );
    }
    round_trips::<Event>(bytes);
    round_trips::<PlannedAction>(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(header) = TraceHeader::parse(text)
    {
        assert_eq!(TraceHeader::parse(header.as_str()), Ok(header), "a header round-trips");
    }
}

fn round_trips<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    match from_json::<T>(bytes) {
        Ok(value) => {
            let text = to_json(&value);
            let again = from_json::<T>(text.as_bytes()).map(|value| to_json(&value));
            assert_eq!(again.ok(), Some(text), "a message round-trips");
        }
        Err(decode_error) => {
            assert!(decode_error.to_string().len() < 400, "the error is short");
        }
    }
}

/// Two states of a ticket: a change is reported once, and the same state again reports nothing.
pub fn difference(bytes: &[u8]) {
    let half = bytes.len() / 2;
    let (before, after) = bytes.split_at(half);
    let first = change(None, Some(seen(before)), false).map(|change| change.snapshot);
    let second = change(first.as_ref(), Some(seen(after)), false);
    let stored: Option<Snapshot> = second.map(|change| {
        let is_silent = change.kind.is_empty();
        let fields_before = first.as_ref().map(|first| &first.ticket.fields);
        let has_other_fields = Some(&change.snapshot.ticket.fields) != fields_before;
        let names = |ticket: &Ticket| [ticket.stage.name.clone(), ticket.workflow.name.clone()];
        let has_other_names =
            first.as_ref().is_some_and(|first| names(&first.ticket) != names(&change.snapshot.ticket));
        assert!(
            !is_silent || has_other_fields || has_other_names,
            "a change has a kind, or a field or a name that was not known"
        );
        change.snapshot
    });
    let latest = stored.or(first);
    assert_eq!(change(latest.as_ref(), Some(seen(after)), true), None, "the same state reports nothing");
    let deleted = change(latest.as_ref(), None, false).map(|change| change.snapshot);
    assert_eq!(change(deleted.as_ref(), None, false), None, "a ticket is deleted once");
}

/// A ticket from these bytes: every field has few possible values, so that two tickets are often similar.
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
    if let (true, Ok(field)) = (at(16) & 1 == 0, "due".parse()) {
        let value = (at(16) & 2 == 0).then(|| FieldValue::from(Value::from(at(16) % 5)));
        ticket.fields.insert(field, value);
    }
    Seen::without_fields(ticket, format!("{}", at(5) % 3))
}
