//! Decides which call gets which fault: by seed, and in bursts.

use crate::call::Call;
use crate::rule::{Fault, Rule};
use anyhow::Result;
use fastrand::Rng;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What `PUT /_faults` sets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Off until it is set.
    pub(crate) on: bool,
    pub(crate) seed: u64,
    /// The rules' frequencies are multiplied by this; 1 if absent.
    pub(crate) times: Option<f64>,
    /// Instead of those of rules.yaml.
    pub(crate) rules: Option<Vec<Rule>>,
}

/// The rules, and what they have done.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    is_on: bool,
    times: f64,
    rules: Vec<(Rule, Burst)>,
    pub(crate) calls: u64,
    /// By the rule's name.
    pub(crate) injected: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Burst {
    random: Rng,
    left: u32,
}

impl Injector {
    /// Begins anew with these settings; the counts stay.
    pub(crate) fn set(&mut self, settings: Settings) -> Result<()> {
        let rules = settings.rules.map_or_else(crate::rule::table, Ok)?;
        let mut random = Rng::with_seed(settings.seed);
        // A generator for each rule: the calls of one service do not change what happens to another's.
        let burst = |_: &Rule| Burst { random: Rng::with_seed(random.u64(..)), left: 0 };
        let bursts: Vec<Burst> = rules.iter().map(burst).collect();
        self.rules = rules.into_iter().zip(bursts).collect();
        self.is_on = settings.on;
        self.times = settings.times.unwrap_or(1.0);
        Ok(())
    }

    /// The fault that this call gets, if any, and random numbers for its details.
    pub(crate) fn next(&mut self, call: &Call) -> Option<(Fault, Rng)> {
        self.calls = self.calls.saturating_add(1);
        if !self.is_on {
            return None;
        }
        let times = self.times;
        let mut applying = self.rules.iter_mut().filter(|(rule, _)| rule.applies_to(call));
        let (rule, burst) = applying.find_map(|(rule, burst)| {
            (burst.left > 0 || burst.begins(rule, times)).then_some((rule, burst))
        })?;
        burst.left = burst.left.saturating_sub(1);
        let count = self.injected.entry(rule.name.clone()).or_default();
        *count = count.saturating_add(1);
        Some((rule.fault.clone(), burst.random.fork()))
    }
}

impl Burst {
    fn begins(&mut self, rule: &Rule, times: f64) -> bool {
        let begins = self.random.f64() * 1_000.0 < rule.in_1000 * times;
        if begins {
            self.left = rule.burst;
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Body, Service};
    use serde_json::json;

    fn rule(in_1000: u32, burst: u32) -> Rule {
        let rule = json!({ "name": "slow", "service": "sqs", "operations": ["SendMessage"],
            "fault": { "slow": { "ms": [1, 2] } }, "in_1000": in_1000, "burst": burst });
        serde_json::from_value(rule).unwrap()
    }

    fn call(operation: &str) -> Call {
        Call { service: Service::Sqs, operation: operation.to_owned(), body: Body::Json(json!({})) }
    }

    /// For each of 1,000 calls, whether it gets the fault.
    fn run(seed: u64, rule: Rule, times: Option<f64>) -> Vec<bool> {
        let mut injector = Injector::default();
        injector.set(Settings { on: true, seed, times, rules: Some(vec![rule]) }).unwrap();
        (0..1_000).map(|_| injector.next(&call("SendMessage")).is_some()).collect()
    }

    #[test]
    fn the_same_seed_injects_the_same_faults() {
        assert_eq!(run(1, rule(20, 3), None), run(1, rule(20, 3), None));
        assert_ne!(run(1, rule(20, 3), None), run(2, rule(20, 3), None));
    }

    #[test]
    fn a_burst_is_as_long_as_the_rule_says() {
        let all = run(1, rule(5, 4), None);
        let mut lengths = all.split(|injected| !injected).map(<[bool]>::len).filter(|length| *length > 0);
        assert!(lengths.clone().count() > 1, "{all:?}");
        assert!(lengths.all(|length| length == 4 || length == 8), "{all:?}");
    }

    #[test]
    fn frequencies_are_multiplied() {
        let count = |times| run(1, rule(50, 1), Some(times)).into_iter().filter(|injected| *injected).count();
        assert_eq!(count(0.0), 0);
        assert!(count(4.0) > 2 * count(1.0));
        assert_eq!(count(100.0), 1_000);
    }

    #[test]
    fn nothing_is_injected_while_it_is_off_or_into_another_operation() {
        let mut injector = Injector::default();
        let with = |on| Settings { on, rules: Some(vec![rule(1_000, 1)]), ..Settings::default() };
        injector.set(with(false)).unwrap();
        assert!(injector.next(&call("SendMessage")).is_none());
        injector.set(with(true)).unwrap();
        assert!(injector.next(&call("ReceiveMessage")).is_none());
        assert!(injector.next(&call("SendMessage")).is_some());
        assert_eq!((injector.calls, injector.injected["slow"]), (3, 1));
    }
}
