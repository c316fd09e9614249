use super::*;
use proptest::prelude::*;

const STORED: &str = r#"{"level":"INFO","message":"x","event_name":"change.stored","ticket.id":"t-1","event.id":"e-1","event.kind":"ticket.stage_changed","found_by":"webhook","hint.id":"r-1.0"}"#;
const DECIDED: &str =
    r#"{"level":"INFO","message":"x","event_name":"actions.decided","event.id":"e-1","actions":2}"#;
const LABELLED: &str = r#"{"level":"INFO","message":"x","event_name":"action.performed","action.id":"e-1.h.0","action.kind":"add_label","outcome":"done"}"#;
const CREATED: &str = r#"{"level":"INFO","message":"x","event_name":"action.performed","action.id":"e-1.h.1","action.kind":"create_ticket","outcome":"duplicate"}"#;

/// The log lines of each function for one event.
fn lines() -> Vec<LogLine> {
    let accepted = r#"{"level":"INFO","message":"x","event_name":"webhook.accepted","hint.id":"r-1.0"}"#;
    vec![
        LogLine::read("webhook-ingest", 1_000, accepted),
        LogLine::read("event-enricher", 1_052, STORED),
        LogLine::read("h", 1_256, DECIDED),
        LogLine::read("action-worker", 1_514, LABELLED),
        LogLine::read("action-worker", 1_529, CREATED),
    ]
}

fn recorded(lines: &[LogLine]) -> Timelines {
    let mut timelines = Timelines::default();
    for line in lines {
        timelines.record(line, 2_000);
    }
    timelines
}

#[test]
fn the_way_of_an_event_is_one_line() {
    let mut timelines = recorded(&lines());
    assert_eq!(timelines.finished(2_000), [], "more may come");
    let finished = timelines.finished(4_000);
    assert_eq!(
        finished[0].text(),
        "00:00:01.000 ticket.stage_changed of t-1: webhook → event +52 ms → h +256 ms: 2 actions → \
         add_label done +514 ms → create_ticket duplicate +529 ms"
    );
    assert_eq!(
        finished[0].functions().collect::<Vec<_>>(),
        ["webhook-ingest", "event-enricher", "h", "action-worker"]
    );
    assert_eq!(timelines.finished(9_000), [], "once");
}

#[test]
fn an_action_that_is_missing_is_waited_for_and_told_of() {
    let mut timelines = recorded(&lines()[..4]);
    assert_eq!(timelines.finished(4_000), []);
    let finished = timelines.finished(17_000);
    assert!(
        finished[0].text().ends_with("add_label done +514 ms → 1 action not done yet"),
        "{}",
        finished[0].text()
    );
    timelines.record(&lines()[4], 18_000);
    assert_eq!(timelines.finished(20_000)[0].json()["timeline"]["waiting"], 0);
}

#[test]
fn trouble_is_part_of_the_way() {
    let retried = r#"{"level":"INFO","message":"x","event_name":"message.retried","subject":"e-1.h.1","reason":"rate_limited","retry_ms":2000}"#;
    let dead_lettered = r#"{"level":"INFO","message":"x","event_name":"message.dead_lettered","subject":"e-1.h.1","reason":"not_found"}"#;
    let mut lines = lines();
    lines[4] = LogLine::read("action-worker", 1_600, retried);
    let mut timelines = recorded(&lines);
    assert!(timelines.finished(4_000).is_empty(), "the message will be retried");
    timelines.record(&LogLine::read("action-worker", 3_600, dead_lettered), 4_000);
    let text = timelines.finished(6_000)[0].text();
    assert!(text.ends_with("add_label done +514 ms → action 1 dead-lettered: not_found +2600 ms"), "{text}");
    let panicked = r#"{"level":"INFO","message":"x","event_name":"message.dead_lettered","subject":"e-1","reason":"handler_panicked"}"#;
    let mut timelines =
        recorded(&[LogLine::read("event-enricher", 1_000, STORED), LogLine::read("h", 1_100, panicked)]);
    let text = timelines.finished(4_000)[0].text();
    assert!(text.ends_with("event +0 ms → h +100 ms: dead-lettered: handler_panicked"), "{text}");
}

#[test]
fn what_nobody_answers_says_so() {
    let unrecognised = r#"{"level":"INFO","message":"x","event_name":"webhook.unrecognised","hint.id":"r-1.0","event.id":"e-2"}"#;
    let mut timelines = recorded(&[LogLine::read("event-enricher", 1_000, unrecognised)]);
    let text = timelines.finished(4_000)[0].text();
    assert_eq!(text, "00:00:01.000 webhook.unrecognised: webhook → event +0 ms → no handler");
}

/// F8 of the field faults.
#[test]
fn a_post_that_was_dropped_as_a_repetition_says_so() {
    let received = r#"{"level":"INFO","message":"x","event_name":"inbound.received","hint.id":"r-1.0","event.id":"e-2","event.kind":"inbound.survey"}"#;
    let dropped = r#"{"level":"INFO","message":"x","event_name":"inbound.duplicate","hint.id":"r-1.0","event.id":"e-2","event.kind":"inbound.survey","repeats":"body"}"#;
    let received = LogLine::read("event-enricher", 1_000, received);
    let mut timelines = recorded(&[received, LogLine::read("event-enricher", 1_000, dropped)]);
    let text = timelines.finished(4_000)[0].text();
    assert_eq!(
        text,
        "00:00:01.000 inbound.survey, dropped as a repetition by its body: webhook → event +0 ms → no handler"
    );
}

#[test]
fn a_hint_in_trouble_is_no_event() {
    let retried = r#"{"level":"INFO","message":"x","event_name":"message.retried","subject":"r-1.0","reason":"unreachable","retry_ms":2000}"#;
    assert_eq!(recorded(&[LogLine::read("event-enricher", 1_000, retried)]).finished(60_000), []);
}

#[test]
fn a_dry_run_waits_for_no_action() {
    let dry =
        r#"{"level":"INFO","message":"x","event_name":"actions.dry_run","event.id":"e-1","action":"{}"}"#;
    let mut timelines =
        recorded(&[LogLine::read("event-enricher", 1_000, STORED), LogLine::read("h", 1_100, dry)]);
    assert!(timelines.finished(4_000)[0].text().ends_with("h +100 ms: dry run"));
}

#[test]
fn what_stood_still_for_long_is_forgotten() {
    let mut timelines = recorded(&lines());
    assert_eq!(timelines.finished(RETENTION_MS + 2_000).len(), 1);
    assert!(timelines.timelines.is_empty() && timelines.webhooks.is_empty());
}

proptest! {
    #[test]
    fn the_order_in_which_lines_are_read_does_not_matter(order in Just([0, 1, 2, 3, 4]).prop_shuffle()) {
        let all = lines();
        let shuffled: Vec<LogLine> = order.iter().map(|index| all[*index].clone()).collect();
        let text = |mut timelines: Timelines| timelines.finished(9_000)[0].text();
        prop_assert_eq!(text(recorded(&shuffled)), text(recorded(&all)));
    }
}
