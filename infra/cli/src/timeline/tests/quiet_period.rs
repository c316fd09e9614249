//! A decision that was put off is shown with what came of it, and with what waits still.

use super::*;
use automations::id::EventId;
use automations::model::deferral::Deferral;
use automations::model::until::Until;
use automations::store::StoredDeferral;

#[test]
fn what_was_decided_when_a_quiet_period_ended_is_behind_its_last_event() {
    let mut kept = kept(vec![settled()], vec![handler("h", "Settled")]);
    let until = at(9_000);
    let mut decided = settled();
    decided.id = EventId::of_quiet_period(&settled().id, "h");
    kept.records = [
        done(&settled(), "h", 0, Outcome::Deferred { until }),
        done(&decided, "h", 0, Outcome::Changed),
        done(&decided, "h", 1, Outcome::Sent),
    ]
    .into();
    let all = lines(&assemble(&kept));
    let (first, end) = (ActionId::of(&settled().id, "h", 0).unwrap(), &decided.id);
    let expected = [
        "handler: h decided 1 action".to_owned(),
        format!("action: add_label waits until {until}, or longer if the ticket changes again, {first}"),
        format!("event: the ticket was left alone for the quiet period of h, {end}"),
        "handler: h decided 2 actions".to_owned(),
        format!("action: add_label done: the ticket was changed, {end}.h.0"),
        format!("action: add_label done: sent and accepted, {end}.h.1"),
    ];
    assert!(all.ends_with(&expected), "{all:#?}");
}

#[test]
fn what_waits_is_last_with_the_time_at_which_it_ends() {
    let mut kept = kept(vec![settled()], vec![]);
    let mut deferral = Deferral::default();
    let period = (Until::QuietPeriod("5m".parse().unwrap()), Speed::default());
    let until = deferral.add("h", &settled(), period, at(50));
    deferral.add("h", &settled(), period, at(50));
    kept.deferrals = vec![StoredDeferral::new(Some(ticket().id), "h".to_owned(), deferral)];
    let all = lines(&assemble(&kept));
    let expected =
        format!("handler: h decides on 2 events once the ticket was left alone; it waits until {until}");
    assert_eq!(all.last(), Some(&expected));
}
