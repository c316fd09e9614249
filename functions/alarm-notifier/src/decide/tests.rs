use super::*;

const APP: &str = "app";
const ARRIVED: &str = "app-h-dead-letters.fifo-arrived";
const WAITING: &str = "app-h-dead-letters.fifo-waiting";
const OUTBOX: &str = "app-outbox-backlog";

/// A problem that alarms change in the course of time; notices are sent at once.
#[derive(Default)]
struct Course {
    problem: Option<Problem>,
    notices: Vec<(u64, NoticeKind)>,
}

fn at(minute: u64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000).later(Duration::from_mins(minute))
}

impl Course {
    fn step(&mut self, minute: u64, next: Next) -> &mut Self {
        match next {
            Next::Nothing => {}
            Next::Over => self.problem = None,
            Next::Store(problem) => {
                self.notices.extend(problem.unsent.map(|unsent| (minute, unsent.kind)));
                self.problem = Some(Problem { unsent: None, ..*problem });
            }
        }
        self
    }

    fn change(&mut self, minute: u64, alarm: &str, state: State) -> &mut Self {
        let named = NamedAlarm::find(APP, alarm).unwrap();
        let change =
            Change { alarm: alarm.to_owned(), state, at: at(minute), value: Some(1.0), region: None };
        let next = after_change(self.problem.as_ref(), &change, &named, at(minute));
        self.step(minute, next)
    }

    fn sounds(&mut self, minute: u64, alarm: &str) -> &mut Self {
        self.change(minute, alarm, State::Alarm)
    }

    fn ends(&mut self, minute: u64, alarm: &str) -> &mut Self {
        self.change(minute, alarm, State::Ok)
    }

    /// The schedule's runs, four times an hour.
    fn until(&mut self, from: u64, to: u64) -> &mut Self {
        for minute in (from..to).step_by(15) {
            if let Some(problem) = self.problem.clone() {
                self.step(minute, after_time(&problem, at(minute)));
            }
        }
        self
    }
}

use NoticeKind::{Reminder, Resolved, Returned, Started};

const DAY: u64 = 24 * 60;

#[test]
fn a_problem_is_reported_once_then_daily_and_when_it_is_over() {
    let mut course = Course::default();
    course.sounds(0, OUTBOX).until(1, 2 * DAY + 60).ends(2 * DAY + 60, OUTBOX);
    let kinds: Vec<NoticeKind> = course.notices.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [Started, Reminder, Reminder, Resolved]);
    let minutes: Vec<u64> = course.notices.iter().map(|(minute, _)| *minute).collect();
    assert!(minutes[1] - minutes[0] >= DAY && minutes[2] - minutes[1] >= DAY, "{minutes:?}");
    course.until(2 * DAY + 60, 2 * DAY + 180);
    assert_eq!((course.notices.len(), course.problem), (4, None), "nothing is left of it");
}

#[test]
fn a_change_that_is_delivered_twice_or_too_late_changes_nothing() {
    let mut course = Course::default();
    course.sounds(10, OUTBOX).sounds(10, OUTBOX).ends(5, OUTBOX);
    assert_eq!(course.notices, [(10, Started)]);
    assert!(!course.problem.as_ref().unwrap().sounding.is_empty());
    course.ends(10, OUTBOX);
    assert_eq!(course.notices[1..], [(10, Resolved)], "its end in the same second");
}

/// Lambda delivers a change again a minute later if it failed, and another change may be delivered before that.
#[test]
fn a_beginning_that_is_delivered_after_its_end_does_not_make_an_alarm_sound_for_ever() {
    let mut course = Course::default();
    course.sounds(0, ARRIVED).ends(6, WAITING).sounds(5, WAITING).until(6, 3 * DAY);
    assert_eq!(course.notices, [(0, Started)]);
    assert_eq!(course.problem, None, "nothing is left of it");
}

#[test]
fn an_alarm_that_comes_and_goes_leads_to_four_notices_however_long_it_does() {
    let mut course = Course::default();
    for minute in (0..600).step_by(20) {
        course.sounds(minute, OUTBOX).ends(minute + 10, OUTBOX).until(minute + 11, minute + 20);
    }
    course.until(600, 720);
    let kinds: Vec<NoticeKind> = course.notices.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [Started, Resolved, Returned, Resolved]);
    course.until(720, 840).sounds(900, OUTBOX);
    assert_eq!(course.notices.last(), Some(&(900, Started)), "after a quiet hour it is news");
}

/// F19 of the field faults and C4 of the AWS facts: 0, 1, 1 and 5 dead letters.
#[test]
fn each_new_dead_letter_is_reported_and_what_waits_daily_and_its_end() {
    let mut course = Course::default();
    course.sounds(0, ARRIVED).sounds(1, WAITING).ends(2, ARRIVED);
    assert_eq!(course.notices, [(0, Started)], "two alarms, one message");
    course.until(3, 120).sounds(120, ARRIVED).ends(121, ARRIVED);
    assert_eq!(course.notices[1..], [(120, Started)], "while the first one waits");
    course.until(122, DAY + 180).ends(DAY + 200, WAITING);
    let kinds: Vec<NoticeKind> = course.notices[2..].iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [Reminder, Resolved]);
}

#[test]
fn a_burst_of_dead_letters_is_one_report_and_the_order_of_the_two_alarms_does_not_matter() {
    let mut course = Course::default();
    course.sounds(0, WAITING).sounds(1, ARRIVED).sounds(3, ARRIVED).sounds(4, ARRIVED);
    assert_eq!(course.notices, [(0, Started)]);
    let mut moved_by_sqs = Course::default();
    moved_by_sqs.sounds(0, WAITING);
    assert_eq!(moved_by_sqs.notices, [(0, Started)], "SQS does not count those as sent");
}

#[test]
fn a_dead_letter_that_was_redriven_at_once_leaves_no_problem() {
    let mut course = Course::default();
    course.sounds(0, ARRIVED).until(1, 120);
    assert_eq!((course.notices, course.problem), (vec![(0, Started)], None));
}

/// C5 of the AWS facts: the two alarms on 5xx are one problem, which is over when both are.
#[test]
fn a_problem_of_two_alarms_is_over_when_neither_sounds() {
    let mut course = Course::default();
    course.sounds(0, "app-ingest-server-errors").sounds(10, "app-ingest-failing");
    course.ends(20, "app-ingest-server-errors");
    assert_eq!(course.notices, [(0, Started)]);
    course.ends(30, "app-ingest-failing");
    assert_eq!(course.notices[1..], [(30, Resolved)]);
}

#[test]
fn the_alarms_of_a_deployment_and_the_end_of_nothing_are_not_reported() {
    let mut course = Course::default();
    course.sounds(0, "app-event-enricher-canary-errors").ends(1, OUTBOX);
    course.change(2, OUTBOX, State::InsufficientData);
    assert_eq!((course.notices, course.problem), (vec![], None));
}

#[test]
fn a_notice_that_could_not_be_sent_is_sent_again_by_the_next_delivery_or_the_schedule() {
    let named = NamedAlarm::find(APP, OUTBOX).unwrap();
    let change =
        Change { alarm: OUTBOX.to_owned(), state: State::Alarm, at: at(0), value: None, region: None };
    let Next::Store(unsent) = after_change(None, &change, &named, at(0)) else { panic!("not stored") };
    let soon = at(0).later(Duration::from_secs(5));
    assert_eq!(after_change(Some(&unsent), &change, &named, soon), Next::Nothing, "it is being sent");
    assert_eq!(after_time(&unsent, soon), Next::Nothing);
    for next in [after_change(Some(&unsent), &change, &named, at(1)), after_time(&unsent, at(15))] {
        let Next::Store(again) = next else { panic!("{next:?}") };
        assert_eq!(again.unsent.unwrap().kind, Started);
    }
    // A change that comes meanwhile does not hide it.
    let other = Change { at: at(1), state: State::Ok, ..change };
    let Next::Store(over) = after_change(Some(&unsent), &other, &named, at(1)) else { panic!("not stored") };
    assert_eq!(over.unsent.unwrap().kind, Resolved);
}
