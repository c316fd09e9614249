//! The screen and what needs a person, of stacks that were read.

use super::alarms::section;
use super::*;
use std::collections::BTreeMap;

const DAY: u64 = 86_400;

type Change = fn(&mut Status);

/// A stack in which nothing is wrong.
fn quiet() -> Status {
    let at = Timestamp::from_seconds(1_790_000_000);
    let queue = |name: &str| QueueState { queue: name.to_owned(), waiting: 0, in_flight: 0, oldest_s: None };
    let function = |name: &str, version: Option<&str>| FunctionState {
        function: name.to_owned(),
        version: version.map(str::to_owned),
        canary: None,
        problems: Vec::new(),
    };
    Status {
        stack: "a".to_owned(),
        state: "UPDATE_COMPLETE".to_owned(),
        at,
        queues: Part::Read(vec![queue("a-hints"), queue("a-actions.fifo")]),
        ages_not_read: None,
        dead_letters: Part::Read(vec![summary("a-hints-dead-letters", &[])]),
        organisations: Part::Read(vec![organisation("north")]),
        functions: Part::Read(vec![function("a-webhook-ingest", Some("12")), function("a-reconciler", None)]),
        schedules: Part::Read(vec![ScheduleState {
            handler: "digest".to_owned(),
            expression: "cron(0 8 ? * MON *)".to_owned(),
            zone: "Australia/Sydney".to_owned(),
            is_enabled: true,
            last: None,
            next: Some(at),
            overdue: None,
        }]),
        alarms: Part::Read(Vec::new()),
        left_behind: Part::Read(Vec::new()),
        pauses: Part::Read(Vec::new()),
        read_while_paused: Part::Read(Vec::new()),
        own_settings: Part::Read(Vec::new()),
        reminders: Part::Read(Vec::new()),
    }
}

fn organisation(name: &str) -> OrganisationState {
    OrganisationState {
        organisation: OrganisationId::parse(name).unwrap(),
        is_listed: true,
        token_problem: None,
        days_left: Some(11),
        last_webhook_at: Some(Timestamp::from_seconds(1_789_999_820)),
        last_webhook_s: Some(180),
    }
}

fn summary(queue: &str, reasons: &[(&str, usize)]) -> Summary {
    let reasons: BTreeMap<_, _> =
        reasons.iter().map(|(reason, number)| ((*reason).to_owned(), *number)).collect();
    let number: usize = reasons.values().sum();
    let oldest_s = (number > 0).then_some(2 * DAY);
    let count = u64::try_from(number).unwrap();
    Summary { queue: queue.to_owned(), count, held: 0, reasons, superseded: 0, oldest_s }
}

/// What needs a person, as text.
fn needed(status: &Status) -> Vec<String> {
    status.attention().into_iter().map(|it| format!("{} → {}", it.what, it.next)).collect()
}

#[test]
fn a_quiet_stack_is_a_screen_of_few_lines_and_needs_nobody() {
    let status = quiet();
    assert_eq!(needed(&status), [""; 0]);
    let expected = "\
a at 2026-09-21T14:13:20.000Z: UPDATE_COMPLETE

2 queues: empty

1 dead-letter queue: empty

organisation  token         last webhook
north         11 days left  3 min ago

function          version that serves
a-webhook-ingest  12
1 function more: as deployed last

handler  schedule                              last   next
digest   cron(0 8 ? * MON *) Australia/Sydney  never  2026-09-21T14:13:20.000Z

no organisation has settings of its own

no reminder is due within a day

no alarm sounds

nothing is paused

nothing needs a person";
    assert_eq!(status.screen(&status.attention()), expected);
}

/// They are known until the end of 2027.
#[test]
fn holidays_that_run_out_are_on_the_screen_and_need_a_person_in_the_end() {
    let at = |day: &str| {
        let status = Status { at: format!("{day}T02:00:00Z").parse().unwrap(), ..quiet() };
        let is_shown = status.screen(&[]).contains("public holidays are known until 2027-12-31;");
        (is_shown, needed(&status).len())
    };
    assert_eq!((at("2027-07-04"), at("2027-07-05")), ((false, 0), (true, 0)));
    assert_eq!((at("2027-11-01"), at("2027-11-02"), at("2028-03-01")), ((true, 0), (true, 1), (true, 1)));
}

#[test]
fn what_waits_failed_and_sounds_is_shown_with_the_next_command() {
    let mut status = quiet();
    let hints = QueueState { queue: "a-hints".to_owned(), waiting: 12, in_flight: 3, oldest_s: Some(240) };
    let empty = QueueState { queue: "a-x.fifo".to_owned(), waiting: 0, in_flight: 0, oldest_s: None };
    let unknown = QueueState { queue: "a-y.fifo".to_owned(), waiting: 0, in_flight: 1, oldest_s: None };
    status.queues = Part::Read(vec![hints, empty, unknown]);
    let failed = [("not_found", 2), ("outcome_unknown", 1)];
    status.dead_letters = Part::Read(vec![summary("a-actions-dead-letters.fifo", &failed)]);
    status.alarms = Part::Read(vec![AlarmState {
        alarm: "a-hints-backlog".to_owned(),
        since: Some(Timestamp::from_seconds(1_790_000_000 - 600)),
        section: Some("Message waiting too long".to_owned()),
    }]);
    if let Part::Read(functions) = &mut status.functions {
        functions[0].canary = Some(("13".to_owned(), 10));
    }
    let attention = status.attention();
    let expected = "\
a at 2026-09-21T14:13:20.000Z: UPDATE_COMPLETE

queue     waiting  in flight  oldest
a-hints   12       3          4 min
a-y.fifo  0        1          ?
1 queue more: empty

dead letters                 waiting  oldest  reasons
a-actions-dead-letters.fifo  3        2 d     not_found 2, outcome_unknown 1

organisation  token         last webhook
north         11 days left  3 min ago

function          version that serves
a-webhook-ingest  12, 10% of the traffic to 13
1 function more: as deployed last

handler  schedule                              last   next
digest   cron(0 8 ? * MON *) Australia/Sydney  never  2026-09-21T14:13:20.000Z

no organisation has settings of its own

no reminder is due within a day

alarm            for     runbook
a-hints-backlog  10 min  Message waiting too long

nothing is paused

needs a person:
  the alarm a-hints-backlog sounds → docs/runbook.md, \"Message waiting too long\"
  3 dead letters in a-actions-dead-letters.fifo → automations dlq show --queue a-actions-dead-letters.fifo";
    assert_eq!(status.screen(&attention), expected);
}

fn north(status: &mut Status) -> &mut OrganisationState {
    let Part::Read(all) = &mut status.organisations else { panic!() };
    &mut all[0]
}

#[test]
fn a_schedule_of_which_no_event_came_needs_a_person() {
    let mut status = quiet();
    let at = status.at;
    let Part::Read(schedules) = &mut status.schedules else { panic!() };
    schedules[0].overdue = Some(at);
    let needed = needed(&status);
    assert!(needed.len() == 1 && needed[0].contains("digest was due at 2026-09-21"), "{needed:?}");
}

#[test]
fn each_problem_needs_a_person_and_what_is_in_progress_does_not() {
    let with = |change: Change| {
        let mut status = quiet();
        change(&mut status);
        needed(&status)
    };
    let cases: [(Change, &str); 9] = [
        (|it| it.state = "UPDATE_ROLLBACK_FAILED".to_owned(), "the stack is UPDATE_ROLLBACK_FAILED"),
        (|it| north(it).is_listed = false, "automations organisation urls north"),
        (|it| north(it).days_left = Some(3), "has 3 days left"),
        (
            |it| north(it).token_problem = Some("secret_invalid"),
            "secret_invalid → automations organisation renew north",
        ),
        (
            |it| {
                let Part::Read(all) = &mut it.functions else { panic!() };
                all[0].problems = vec!["a-webhook-ingest is Failed".to_owned()];
            },
            "a-webhook-ingest is Failed → automations smoke",
        ),
        (
            |it| {
                let Part::Read(all) = &mut it.dead_letters else { panic!() };
                all[0].held = 1;
            },
            "1 dead letter in a-hints-dead-letters",
        ),
        (|it| it.alarms = Part::NotRead("AccessDenied".to_owned()), "not read: alarms: AccessDenied"),
        (|it| it.queues = Part::NotRead("no".to_owned()), "not read: queues: no"),
        (|it| it.ages_not_read = Some("no".to_owned()), "not read: ages of queues: no"),
    ];
    for (change, expected) in cases {
        let needed = with(change);
        assert!(needed.len() == 1 && needed[0].contains(expected), "{expected}: {needed:?}");
    }
    let harmless: [Change; 4] = [
        |it| it.state = "UPDATE_IN_PROGRESS".to_owned(),
        |it| north(it).days_left = Some(4),
        |it| north(it).days_left = None,
        |it| north(it).last_webhook_s = None,
    ];
    for change in harmless {
        assert_eq!(with(change), [""; 0]);
    }
}

#[test]
fn the_json_says_what_the_screen_says() {
    let mut status = quiet();
    status.alarms = Part::NotRead("no".to_owned());
    let attention = status.attention();
    let report = Report { good: attention.is_empty(), attention: &attention, status: &status };
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["good"], false);
    assert_eq!(json["attention"][0]["what"], "not read: alarms: no");
    assert_eq!(json["alarms"], serde_json::json!({ "not_read": "no" }));
    assert_eq!(json["organisations"]["read"][0]["days_left"], 11);
    assert_eq!(json["functions"]["read"][0]["version"], "12");
}

#[test]
fn an_alarm_names_its_section_also_on_two_lines() {
    let folded = "Tickets are overdue. See docs/runbook.md, \"Reconciler\n behind\".";
    assert_eq!(section(folded).as_deref(), Some("Reconciler behind"));
    assert_eq!(section("An alarm of another stack"), None);
}

/// Row 18 of the anchors.
#[test]
fn a_queue_that_a_crashed_run_of_listen_left_is_named() {
    let queue = "a-listen_1790000000_0a.fifo".to_owned();
    let status = Status { left_behind: Part::Read(vec![queue.clone()]), ..quiet() };
    let needed = needed(&status);
    assert!(needed.len() == 1 && needed[0].contains(&queue), "{needed:?}");
    assert!(needed[0].ends_with("→ the next `automations listen` removes both"), "{needed:?}");
}

#[test]
fn a_pause_is_shown_and_needs_a_person_only_before_messages_are_lost() {
    let days = |days: u64| {
        let mut status = quiet();
        let since = status.at.earlier(std::time::Duration::from_hours(24 * days));
        status.pauses =
            Part::Read(vec![Pause::new(Paused::Handler("h".to_owned()), since, Some("trial".to_owned()))]);
        status
    };
    let screen = days(3).screen(&[]);
    assert!(screen.contains("the handler h") && screen.contains("3 d  trial"), "{screen}");
    assert_eq!(needed(&days(3)), Vec::<String>::new());
    let near = needed(&days(10));
    assert!(near[0].starts_with("the handler h is paused for over 10 days"), "{near:?}");
}

/// After a deployment that changed the trigger.
#[test]
fn what_is_paused_and_read_all_the_same_needs_a_person() {
    let read = vec![Paused::Handler("h".to_owned()), Paused::Writing];
    let needed = needed(&Status { read_while_paused: Part::Read(read), ..quiet() });
    assert!(needed[0].starts_with("the handler h is paused, and Lambda reads its queue"), "{needed:?}");
    let next: Vec<_> = needed.iter().map(|line| line.rsplit("→ ").next().unwrap()).collect();
    assert_eq!(next, ["automations pause --handler h --yes", "automations pause --writing --yes"]);
}
