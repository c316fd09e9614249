use super::*;
use crate::testing::a_ticket;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// When it is due after an event at this time, in UTC.
fn due(event_at: &str, when: impl Into<When>) -> String {
    when.into().resolve(at(event_at), None).unwrap().to_string().replace(":00.000Z", "Z")
}

#[test]
fn minutes_count_from_the_event_and_not_from_when_it_is_handled() {
    assert_eq!(due("2026-11-25T09:30:00Z", When::after_days(90)), "2027-02-23T09:30Z");
    assert_eq!(due("2026-11-25T09:30:00Z", When::after_hours(2)), "2026-11-25T11:30Z");
    assert_eq!(due("2026-11-25T09:30:00Z", When::after_minutes(5)), "2026-11-25T09:35Z");
}

#[test]
fn nine_o_clock_in_sydney_moves_with_daylight_saving_and_in_brisbane_does_not() {
    for (date, sydney, brisbane) in [
        ("2026-07-01", "2026-06-30T23:00Z", "2026-06-30T23:00Z"),
        ("2026-12-01", "2026-11-30T22:00Z", "2026-11-30T23:00Z"),
        ("2027-04-03", "2027-04-02T22:00Z", "2027-04-02T23:00Z"),
        ("2027-04-04", "2027-04-03T23:00Z", "2027-04-03T23:00Z"),
    ] {
        let of = |zone| due("2026-01-01T00:00:00Z", Day::of_date(day(date), zone));
        assert_eq!((of(Zone::Sydney).as_str(), of(Zone::Brisbane).as_str()), (sydney, brisbane), "{date}");
    }
}

/// In Sydney clocks skip 02:00 to 03:00 on 4 October 2026, and show it twice on 4 April 2027.
#[test]
fn a_time_that_clocks_skip_is_later_and_one_that_they_show_twice_is_the_first() {
    let of = |date: &str, zone| {
        due("2026-01-01T00:00:00Z", Day::of_date(day(date), zone).at("02:30".parse().unwrap()))
    };
    assert_eq!(of("2026-10-04", Zone::Sydney), "2026-10-03T16:30Z", "03:30 there");
    assert_eq!(of("2027-04-04", Zone::Sydney), "2027-04-03T15:30Z", "still with daylight saving");
    assert_eq!(of("2026-10-04", Zone::Brisbane), "2026-10-03T16:30Z");
    let midnight = Day::of_date(day("2026-10-04"), Zone::LordHowe).at("02:15".parse().unwrap());
    assert_eq!(due("2026-01-01T00:00:00Z", midnight), "2026-10-03T15:45Z", "half an hour is skipped");
}

#[test]
fn the_day_of_an_event_is_that_of_the_time_zone() {
    let late = "2026-11-25T22:30:00Z"; // the 26th in Sydney, still the 25th nowhere in Australia but in UTC
    assert_eq!(due(late, Day::of_event(Zone::Sydney).plus_days(1)), "2026-11-26T22:00Z");
    assert_eq!(due("2026-11-25T12:30:00Z", Day::of_event(Zone::Perth).plus_days(1)), "2026-11-26T01:00Z");
}

#[test]
fn months_end_on_the_last_day_of_a_shorter_month_and_leap_days_are_kept() {
    let months = |from: &str, months: i16| Offset::Months(months).after(day(from)).unwrap().to_string();
    assert_eq!(months("2027-08-31", 6), "2028-02-29");
    assert_eq!(months("2028-02-29", 12), "2029-02-28");
    assert_eq!(months("2028-02-29", 48), "2032-02-29");
    assert_eq!(months("2027-03-31", -1), "2027-02-28");
    let years = Day::of_date(day("2028-02-28"), Zone::Brisbane).plus_days(1);
    assert_eq!(due("2026-01-01T00:00:00Z", years), "2028-02-28T23:00Z", "9:00 on 29 February");
}

#[test]
fn business_days_leave_out_weekends_and_the_regions_own_holidays() {
    let days = |from: &str, count, region| {
        Offset::BusinessDays { count, region }.after(day(from)).unwrap().to_string()
    };
    // Monday 2 November 2026; the Tuesday is Melbourne Cup Day in Victoria.
    assert_eq!(days("2026-11-02", 1, Region::AuVic), "2026-11-04");
    assert_eq!(days("2026-11-02", 1, Region::AuNsw), "2026-11-03");
    assert_eq!(days("2026-11-02", 1, Region::NzAuckland), "2026-11-03");
    // Thursday before Easter, and back again.
    assert_eq!(days("2026-04-02", 1, Region::AuQld), "2026-04-07");
    assert_eq!(days("2026-04-02", 1, Region::NzSouthland), "2026-04-08");
    assert_eq!(days("2026-04-07", -1, Region::AuQld), "2026-04-02");
    // Over Christmas and New Year.
    assert_eq!(days("2026-12-24", 5, Region::AuNsw), "2027-01-05");
    assert_eq!(days("2026-12-24", 5, Region::NzWellington), "2027-01-06");
    // A day that is not one: none is skipped.
    assert_eq!(days("2026-11-07", 0, Region::AuNsw), "2026-11-09");
    assert_eq!(days("2026-11-07", 1, Region::AuNsw), "2026-11-09");
    assert_eq!(days("2026-11-06", 0, Region::AuNsw), "2026-11-06");
}

#[test]
fn a_field_without_a_date_has_no_time_yet() {
    let when: When = Day::of_field(&"settlement".parse().unwrap(), Zone::Sydney).plus_days(-7).into();
    let of = |draft: crate::testing::Draft| when.resolve(at("2026-01-01T00:00:00Z"), Some(&draft.ticket()));
    let due = of(a_ticket().with_field("settlement", "2026-12-15"));
    assert_eq!(due.unwrap().to_string(), "2026-12-07T22:00:00.000Z");
    assert_eq!(of(a_ticket().with_field("settlement", "soon")), None);
    assert_eq!(of(a_ticket()), None);
    assert_eq!(when.resolve(at("2026-01-01T00:00:00Z"), None), None);
}

#[test]
fn only_business_days_need_holidays() {
    let late = at("2028-06-01T00:00:00Z");
    let business: When = Day::of_event(Zone::Sydney).plus_business_days(3, Region::AuNsw).into();
    assert!(business.outlasts_holidays(late) && !business.outlasts_holidays(at("2026-11-25T00:00:00Z")));
    assert!(!When::after_days(9).outlasts_holidays(late));
    assert!(!When::from(Day::of_event(Zone::Sydney)).outlasts_holidays(late));
}

#[test]
fn a_when_in_json_says_what_it_is() {
    let when: When = Day::of_field(&"settlement".parse().unwrap(), Zone::Sydney).plus_days(-7).into();
    let json = r#"{"on_day":{"from":{"field":"settlement"},"offset":{"days":-7},"at":"09:00","zone":"Australia/Sydney"}}"#;
    assert_eq!(crate::json::to_json(&when), json);
    let short = r#"{"on_day":{"from":"event","zone":"Pacific/Auckland"}}"#;
    let short: When = crate::json::from_json(short.as_bytes()).unwrap();
    assert_eq!(short, Day::of_event(Zone::Auckland).into());
    let after: When = crate::json::from_json(br#"{"after_minutes":60}"#).unwrap();
    assert_eq!(after, When::after_hours(1));
}

fn any_day() -> impl Strategy<Value = Date> {
    (2025_i32..2030, 0_i32..365).prop_map(|(year, number)| {
        format!("{year}-01-01").parse::<Date>().unwrap().plus_days(number).unwrap()
    })
}

proptest! {
    /// Counted day by day, however the holidays fall.
    #[test]
    fn between_a_day_and_n_business_days_later_are_n_business_days(from in any_day(), count in 1_i16..40) {
        let region = Region::AuVic;
        let is_business_day = |day: Date| !day.is_weekend() && region.holiday(day).is_none();
        let to = Offset::BusinessDays { count, region }.after(from).unwrap();
        let between = (1..=from.days_until(to)).filter(|n| is_business_day(from.plus_days(*n).unwrap())).count();
        prop_assert_eq!(between, usize::try_from(count).unwrap());
        prop_assert!(is_business_day(to));
        // Back again, from a business day, it is the first one on or before the start.
        let back = Offset::BusinessDays { count: 0_i16.saturating_sub(count), region }.after(to).unwrap();
        prop_assert!(back <= from && (1..back.days_until(from)).all(|n| !is_business_day(back.plus_days(n).unwrap())));
    }

    #[test]
    fn a_later_day_is_never_due_earlier_in_any_zone(one in any_day(), other in any_day(), minute in 0_u32..1440) {
        let time: TimeOfDay = format!("{:02}:{:02}", minute / 60, minute % 60).parse().unwrap();
        for zone in [Zone::Sydney, Zone::Brisbane, Zone::LordHowe, Zone::Chatham] {
            let due = |day| When::from(Day::of_date(day, zone).at(time)).resolve(at("2026-01-01T00:00:00Z"), None);
            prop_assert_eq!(due(one).cmp(&due(other)), one.cmp(&other));
        }
    }

    #[test]
    fn a_year_of_nine_o_clocks_is_nine_o_clock_there(from in any_day()) {
        for zone in [Zone::Sydney, Zone::Brisbane, Zone::Adelaide, Zone::Auckland] {
            let due = When::from(Day::of_date(from, zone)).resolve(at("2026-01-01T00:00:00Z"), None).unwrap();
            let nine = from.at(TimeOfDay::default().into(), rules(zone));
            prop_assert_eq!(Some(due), nine);
            prop_assert_eq!(Date::of_time(due, rules(zone)), Some(from));
        }
    }
}
