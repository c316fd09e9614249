use super::*;
use proptest::prelude::*;

fn schedule(expression: &str, zone: Zone) -> Schedule {
    Schedule { expression: expression.parse().unwrap(), zone }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The firings after a time, in UTC to the minute.
fn after(expression: &str, zone: Zone, from: &str, count: usize) -> Vec<String> {
    let schedule = schedule(expression, zone);
    let next = |time: &Timestamp| schedule.next_after(*time);
    let firings = std::iter::successors(next(&time(from)), next).take(count);
    firings.map(|at| at.to_string().get(..16).unwrap().to_owned()).collect()
}

/// A Monday morning is at 8:00 whatever the clocks did on Sunday: Sydney's were put forward on 4 October 2026, and back on 4 April 2027.
#[test]
fn a_morning_is_the_same_on_the_clock_before_and_after_daylight_saving_begins_and_ends() {
    let mondays = "cron(0 8 ? * MON *)";
    assert_eq!(
        after(mondays, Zone::Sydney, "2026-09-25T00:00:00Z", 2),
        ["2026-09-27T22:00", "2026-10-04T21:00"]
    );
    assert_eq!(
        after(mondays, Zone::Sydney, "2027-03-26T00:00:00Z", 2),
        ["2027-03-28T21:00", "2027-04-04T22:00"]
    );
    assert_eq!(
        after(mondays, Zone::Brisbane, "2026-09-25T00:00:00Z", 2),
        ["2026-09-27T22:00", "2026-10-04T22:00"]
    );
}

/// As AWS does: 2:30 does not exist on 4 October 2026, and exists twice on 4 April 2027.
#[test]
fn a_time_that_clocks_skip_has_no_firing_and_one_that_they_show_twice_has_one() {
    let nightly = "cron(30 2 * * ? *)";
    assert_eq!(
        after(nightly, Zone::Sydney, "2026-10-02T20:00:00Z", 2),
        ["2026-10-04T15:30", "2026-10-05T15:30"],
        "from the 3rd at 6:00 to the 5th at 2:30"
    );
    assert_eq!(
        after(nightly, Zone::Sydney, "2027-04-02T20:00:00Z", 2),
        ["2027-04-03T15:30", "2027-04-04T16:30"]
    );
    let nightly = schedule(nightly, Zone::Sydney);
    let in_the_second_hour = time("2027-04-03T16:40:00Z");
    assert_eq!(nightly.newest(None, in_the_second_hour), time("2027-04-03T15:30:00Z"));
    assert_eq!(nightly.newest(None, time("2026-10-03T20:00:00Z")), time("2026-10-02T16:30:00Z"));
}

/// The examples of AWS's guide, and those of each wildcard.
#[test]
fn every_field_is_read_as_aws_documents_it() {
    let of = |expression: &str| after(expression, Zone::Brisbane, "2026-11-26T00:00:00Z", 3);
    // Brisbane's midnight is 14:00 UTC.
    assert_eq!(of("cron(0/20 10 * * ? *)"), ["2026-11-26T00:20", "2026-11-26T00:40", "2026-11-27T00:00"]);
    assert_eq!(of("cron(0 0 1,15 * ? *)"), ["2026-11-30T14:00", "2026-12-14T14:00", "2026-12-31T14:00"]);
    assert_eq!(of("cron(0 0 L * ? *)"), ["2026-11-29T14:00", "2026-12-30T14:00", "2027-01-30T14:00"]);
    assert_eq!(of("cron(0 0 ? * 6#1 *)"), ["2026-12-03T14:00", "2026-12-31T14:00", "2027-02-04T14:00"]);
    assert_eq!(of("cron(0 0 ? * 6L *)"), ["2026-11-26T14:00", "2026-12-24T14:00", "2027-01-28T14:00"]);
    assert_eq!(of("cron(0 0 ? * L *)"), ["2026-11-27T14:00", "2026-12-04T14:00", "2026-12-11T14:00"]);
    assert_eq!(of("cron(0 0 ? * MON-FRI/2 *)"), ["2026-11-26T14:00", "2026-11-29T14:00", "2026-12-01T14:00"]);
    // 1 May 2027 is a Saturday, 31 January 2027 a Sunday.
    assert_eq!(of("cron(0 0 1W MAY ? *)"), ["2027-05-02T14:00", "2028-04-30T14:00", "2029-04-30T14:00"]);
    assert_eq!(of("cron(0 0 31W jan ? 2027)"), ["2027-01-28T14:00"]);
    assert_eq!(of("cron(0 0 29 2 ? *)"), ["2028-02-28T14:00", "2032-02-28T14:00", "2036-02-28T14:00"]);
}

#[test]
fn what_aws_would_refuse_is_refused() {
    let error = |text: &str| text.parse::<Expression>().unwrap_err();
    for text in ["", "at(2026-11-26T08:00:00)", "cron 0 8 * * ? *", "cron(0 8 * * ?)", "cron(0 8 * * ? * *)"]
    {
        assert_eq!(error(text), InvalidExpression::Form, "{text}");
    }
    for text in
        ["rate(0 minutes)", "rate(1 minutes)", "rate(2 minute)", "rate(5)", "rate(5 weeks)", "rate(-1 days)"]
    {
        assert_eq!(error(text), InvalidExpression::Rate, "{text}");
    }
    for (text, field) in [
        ("cron(60 8 * * ? *)", "minutes"),
        ("cron(0 24 * * ? *)", "hours"),
        ("cron(0 8 32 * ? *)", "day-of-month"),
        ("cron(0 8 3-1 * ? *)", "day-of-month"),
        ("cron(0 8 * 13 ? *)", "month"),
        ("cron(0 8 ? * 0 *)", "day-of-week"),
        ("cron(0 8 ? * 3#1,6#3 *)", "day-of-week"),
        ("cron(0 8 ? * 2#6 *)", "day-of-week"),
        ("cron(0/0 8 * * ? *)", "minutes"),
        ("cron(0 8 * * ? 1969)", "year"),
        ("cron(+5 8 * * ? *)", "minutes"),
    ] {
        assert_eq!(error(text), InvalidExpression::Field(field), "{text}");
    }
    for text in ["cron(0 8 * * * *)", "cron(0 8 ? * ? *)", "cron(0 8 1 * MON *)"] {
        assert_eq!(error(text), InvalidExpression::Days, "{text}");
    }
    assert_eq!(error("cron(0 8 30 2 ? *)"), InvalidExpression::Never);
}

#[test]
fn firings_between_two_are_those_that_were_missed() {
    let hourly = schedule("cron(0 * * * ? *)", Zone::Sydney);
    let (first, last) = (time("2026-11-26T00:00:00Z"), time("2026-11-26T03:00:00Z"));
    assert_eq!(
        (hourly.between(first, last), hourly.between(last, first), hourly.between(first, first)),
        (2, 0, 0)
    );
    let rate = schedule("rate(1 hour)", Zone::Sydney);
    assert_eq!(rate.between(first, last), 2);
    assert_eq!(rate.newest(Some(first), time("2026-11-26T03:59:59Z")), last);
    assert_eq!(rate.newest(Some(last), first), last, "AWS's clock is ahead of ours");
    let minutes = schedule("rate(1 minute)", Zone::Sydney);
    assert_eq!(minutes.between(first, time("2027-11-26T00:00:00Z")), MAX_COUNTED);
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error_and_an_expression_is_written_as_it_was_read(
        text in "(cron|rate)\\([0-9*?/,#LWA-Z -]{0,30}\\)|.{0,40}"
    ) {
        if let Ok(expression) = text.parse::<Expression>() {
            prop_assert_eq!(expression.to_string(), text);
            let json = crate::json::to_json(&expression);
            prop_assert_eq!(crate::json::from_json::<Expression>(json.as_bytes()).unwrap(), expression);
        }
    }

    /// Looking forward and looking back find the same firings.
    #[test]
    fn the_next_firing_is_the_newest_one_at_its_time_and_none_is_between(
        seconds in 1_700_000_000..1_900_000_000_u64, minute in 0..60_u8, hour in 0..24_u8, day in 1..8_u8
    ) {
        for zone in [Zone::Sydney, Zone::LordHowe, Zone::Chatham] {
            let schedule = schedule(&format!("cron({minute} {hour} ? * {day} *)"), zone);
            let from = Timestamp::from_seconds(seconds);
            let next = schedule.next_after(from).unwrap();
            prop_assert!(next > from);
            prop_assert_eq!(schedule.newest(None, next), next);
            let just_before = next.earlier(Duration::from_secs(1));
            let newest = schedule.newest(None, just_before);
            prop_assert!(newest <= from);
            prop_assert_eq!(schedule.between(newest, next), 0);
        }
    }
}
