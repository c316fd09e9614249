//! Dollars and time by the number of webhooks a day, and of organisations.

use super::{ACTIONS, Load};
use crate::bounds::{self, BUSY, QUIET};
use crate::idle::{self, OPEN_TICKETS};
use crate::prices::Dollars;
use crate::rechecks;
use crate::template::Settings;
use anyhow::Result;
use std::fmt::Write as _;

const WEBHOOKS: [f64; 7] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];
const ORGANISATIONS: [f64; 4] = [1.0, 10.0, 100.0, 500.0];
/// Days of a month, as AWS counts its hours.
const DAYS: f64 = 730.0 / 24.0;
/// Webhooks come in the working hours of a day.
const WORKING_SECONDS: f64 = 8.0 * 3_600.0;
const MINUTES_OF_DAY: f64 = 24.0 * 60.0;
/// An instance reads each token again after five minutes.
const TOKEN_SECONDS: f64 = 300.0;
/// The latency of the API in the bounds on actions.
const API_SECONDS: f64 = 0.2;

/// By webhooks a day, of one organisation.
pub(super) fn webhooks(quiet: &Load, busy: &Load, settings: &Settings) -> Result<String> {
    let [idle] = idle::totals([1.0])?;
    let hours: Vec<String> =
        rechecks::after_a_change().iter().map(|after| (after.as_secs() / 3_600).to_string()).collect();
    let mut out = format!(
        "A change causes {} re-checks, after {} hours. Dollars a month ({}), of one organisation, with the idle month's:\n\n\
         | webhooks a day | a second, in 8 hours | dollars, full batches | dollars, batches of one | API requests a second \
         | write units a second | invocations at once | action-worker is busy | webhook to its last action |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        rechecks::count(),
        hours.join(", "),
        idle.note(),
    );
    for webhooks in WEBHOOKS {
        let rate = webhooks / WORKING_SECONDS;
        let month = |million: f64| idle.amount() + webhooks * DAYS * million / 1e6;
        let utilisation = utilised(rate, settings);
        // Batches fill only if messages wait for an invocation.
        let load = if utilisation < 1.0 { quiet } else { busy };
        let time = if utilisation < 1.0 {
            format!("{:.1} s", seconds(settings))
        } else {
            "a backlog grows".to_owned()
        };
        writeln!(
            out,
            "| {webhooks} | {} | {:.2} | {:.2} | {} | {} | {} | {:.1} % | {time} |",
            rough(rate),
            month(BUSY.dollars.at_most),
            month(QUIET.dollars.at_most),
            rough(rate * load.requests),
            rough(rate * load.write_units),
            rough(rate * load.seconds),
            utilisation * 100.0,
        )?;
    }
    Ok(out)
}

/// By organisations, without webhooks.
pub(super) fn organisations(settings: &Settings) -> Result<String> {
    let dollars = idle::totals(ORGANISATIONS)?;
    let [first, ..] = dollars;
    let mut out = format!(
        "| organisations, {OPEN_TICKETS} open tickets each, no webhooks | dollars a month ({}) | checks a minute \
         | of `TicketsPerRun` | reads of tokens a second, each instance |\n|---|---|---|---|---|\n",
        first.note()
    );
    for (organisations, dollars) in ORGANISATIONS.into_iter().zip(dollars.map(Dollars::amount)) {
        let checks = organisations * OPEN_TICKETS / MINUTES_OF_DAY;
        let of_budget = checks / settings.tickets_per_run * 100.0;
        let reads = organisations / TOKEN_SECONDS;
        writeln!(out, "| {organisations} | {dollars:.2} | {checks:.1} | {of_budget:.0} % | {reads:.3} |")?;
    }
    Ok(out)
}

/// Two digits are all that such a number is worth.
fn rough(number: f64) -> String {
    match number {
        number if number < 0.01 => "< 0.01".to_owned(),
        number if number < 10.0 => format!("{number:.2}"),
        number => format!("{number:.0}"),
    }
}

/// The share of the time in which all concurrent invocations of action-worker are busy, with full batches.
fn utilised(rate: f64, settings: &Settings) -> f64 {
    let seconds = bounds::TEN_TICKETS_TIME.at_most / 1_000.0;
    rate * ACTIONS * seconds / settings.actions / settings.maximum_concurrency
}

/// From a webhook to its last action, if no message waits: the window in which hints are collected, the enricher with one
/// request to the API, and the two actions.
fn seconds(settings: &Settings) -> f64 {
    let [enricher, action] = [&bounds::HINT_WHOLE, &bounds::ACTION_TIME].map(|limit| limit.at_most / 1_000.0);
    settings.hints.1 + enricher + API_SECONDS + ACTIONS * action
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template;

    #[test]
    fn time_does_not_grow_until_the_worker_is_busy() {
        let settings = template::read().unwrap();
        assert!(utilised(1.0, &settings) < 1.0 && utilised(1_000.0, &settings) > 1.0);
        let more = Settings { maximum_concurrency: settings.maximum_concurrency * 2.0, ..settings };
        assert!((utilised(10.0, &settings) - 2.0 * utilised(10.0, &more)).abs() < 1e-9);
        assert!(seconds(&settings) > settings.hints.1 + API_SECONDS);
    }

    #[test]
    fn organisations_cost_what_the_idle_bill_says() {
        let [one, hundred] = idle::totals([1.0, 100.0]).unwrap();
        let table = organisations(&template::read().unwrap()).unwrap();
        for dollars in [one, hundred] {
            assert!(table.contains(&format!("{:.2}", dollars.amount())), "{table}");
        }
        assert!(table.contains(one.note()));
    }
}
