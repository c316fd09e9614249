//! A firing of a clock: the message that EventBridge Scheduler sends to the queue of hints, and what it becomes.

use crate::clock::Timestamp;
use crate::id::ClockKind;
use crate::model::hint::Hint;
use crate::model::reminder::Zone;
use crate::model::schedule::Schedule;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::time::Duration;

/// The field that only a firing has.
const CLOCK: &str = "clock";
/// The keyword that EventBridge Scheduler replaces by the time (Amazon EventBridge Scheduler User Guide, "Adding context attributes").
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// Two firings that are less than this apart are the same one: a schedule has at most one a minute. So it makes no difference if
/// Scheduler's time is not exactly that of the expression.
const SAME: Duration = Duration::from_secs(30);

/// That a clock is due, for all organisations.
///
/// ```
/// use automations::json::from_json;
/// use automations::model::firing::Firing;
///
/// let text = r#"{"clock": "clock.digest", "scheduled_at": "2026-11-29T21:00:00Z", "schedule": "cron(0 8 ? * MON *)", "zone": "Australia/Sydney"}"#;
/// let firing: Firing = from_json(text.as_bytes())?;
/// assert_eq!(firing.scheduled_at, "2026-11-29T21:00:00Z".parse().ok());
/// # Ok::<(), automations::json::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Firing {
    /// Of which clock.
    pub clock: ClockKind,
    /// When it was due; none if the sender does not replace Scheduler's keyword, as the local engine.
    #[serde(deserialize_with = "time_or_keyword")]
    pub scheduled_at: Option<Timestamp>,
    /// The clock's schedule.
    #[serde(flatten)]
    pub schedule: Schedule,
}

/// What is published of a clock: its newest firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Of which clock.
    pub clock: ClockKind,
    /// When it was due.
    pub at: Timestamp,
    /// The firings before it that were not published.
    pub missed: u32,
    /// The time zone of its schedule.
    pub zone: Zone,
}

/// The last firing of a clock that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFired {
    /// When it was due.
    pub at: Timestamp,
    /// The expression and the zone of its schedule, as text.
    pub schedule: String,
}

impl Firing {
    /// What is to be published now; none if this firing or a newer one was. However many firings waited, in whatever order they come
    /// and however often: the newest one is published once, and `missed` counts those since the last one.
    pub fn newest(&self, last: Option<&LastFired>, now: Timestamp) -> Option<Fired> {
        let at = self.schedule.newest(self.scheduled_at, now);
        if last.is_some_and(|last| at.since(last.at) < SAME) {
            return None;
        }
        // After a change of the schedule, what it would have missed before is not known.
        let of_same = last.filter(|last| last.schedule == self.schedule.to_string());
        let missed = match (of_same, self.scheduled_at) {
            (Some(last), _) => self.schedule.between(last.at, at),
            (None, Some(first)) if first < at => self.schedule.between(first, at).saturating_add(1),
            (None, _) => 0,
        };
        Some(Fired { clock: self.clock.clone(), at, missed, zone: self.schedule.zone })
    }
}

fn time_or_keyword<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == SCHEDULED_TIME { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
}

/// A message of the queue of hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueuedHint {
    /// Of webhook-ingest or the reconciler.
    Hint(Box<Hint>),
    /// Of EventBridge Scheduler.
    Firing(Box<Firing>),
}

/// By its first field, so that an error still says which one is wrong.
impl<'de> Deserialize<'de> for QueuedHint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByFirstField)
    }
}

struct ByFirstField;

impl<'de> Visitor<'de> for ByFirstField {
    type Value = QueuedHint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hint, or a firing of a clock")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<QueuedHint, A::Error> {
        let first: Option<String> = map.next_key()?;
        let is_firing = first.as_deref() == Some(CLOCK);
        let all = MapAccessDeserializer::new(WithFirst { first, map });
        if is_firing {
            Firing::deserialize(all).map(|firing| QueuedHint::Firing(Box::new(firing)))
        } else {
            Hint::deserialize(all).map(|hint| QueuedHint::Hint(Box::new(hint)))
        }
    }
}

/// A map whose first name was read already.
struct WithFirst<A> {
    first: Option<String>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithFirst<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => seed.deserialize(first.into_deserializer()).map(Some),
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{from_json, to_json};
    use proptest::prelude::*;
    use serde_json::json;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn firing(at: Option<&str>, schedule: &str) -> Firing {
        let at = at.unwrap_or(SCHEDULED_TIME);
        let zone = "Australia/Sydney";
        let json = json!({ "clock": "clock.digest", "scheduled_at": at, "schedule": schedule, "zone": zone });
        from_json(json.to_string().as_bytes()).unwrap()
    }

    /// Delivers firings at `now`, one after the other; the last one that was published, and all that were.
    fn deliver(firings: &[Firing], mut last: Option<LastFired>, now: Timestamp) -> Vec<Fired> {
        let mut published = Vec::new();
        for firing in firings {
            if let Some(fired) = firing.newest(last.as_ref(), now) {
                last = Some(LastFired { at: fired.at, schedule: firing.schedule.to_string() });
                published.push(fired);
            }
        }
        published
    }

    const HOURLY: &str = "cron(0 * * * ? *)";

    #[test]
    fn a_firing_that_is_delivered_twice_is_published_once() {
        let one = firing(Some("2026-11-26T03:00:00Z"), HOURLY);
        let published = deliver(&[one.clone(), one.clone(), one], None, time("2026-11-26T03:00:20Z"));
        assert_eq!(published.len(), 1);
        assert_eq!((published[0].at, published[0].missed), (time("2026-11-26T03:00:00Z"), 0));
    }

    /// The one that waited becomes the newest by the expression, of which Scheduler may say another second.
    #[test]
    fn a_few_seconds_make_no_other_firing() {
        let waited = ["02:00:07", "03:00:07"].map(|at| firing(Some(&format!("2026-11-26T{at}Z")), HOURLY));
        for now in ["2026-11-26T03:00:05Z", "2026-11-26T03:30:00Z"] {
            assert_eq!(deliver(&waited, None, time(now)).len(), 1, "{now}");
        }
    }

    /// Whatever their order: the queue of hints keeps none.
    #[test]
    fn firings_that_waited_become_the_newest_one_with_the_number_of_the_others() {
        for schedule in [HOURLY, "rate(1 hour)"] {
            let hours = ["01", "02", "03"];
            let waited = hours.map(|hour| firing(Some(&format!("2026-11-26T{hour}:00:00Z")), schedule));
            let last = |at: &str| LastFired { at: time(at), schedule: waited[0].schedule.to_string() };
            let now = time("2026-11-26T03:30:00Z");
            for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
                let published =
                    deliver(&order.map(|of| waited[of].clone()), Some(last("2026-11-26T00:00:00Z")), now);
                let published: Vec<_> = published.iter().map(|fired| (fired.at, fired.missed)).collect();
                assert_eq!(published, [(time("2026-11-26T03:00:00Z"), 2)], "{schedule} {order:?}");
            }
            let first_of_all = deliver(&waited, None, now);
            assert_eq!((first_of_all.len(), first_of_all[0].missed), (1, 2), "{schedule}");
        }
    }

    #[test]
    fn a_schedule_that_was_changed_missed_nothing_before_that() {
        let last = LastFired { at: time("2026-11-01T00:00:00Z"), schedule: "another".to_owned() };
        let now = time("2026-11-26T03:00:20Z");
        let published = firing(Some("2026-11-26T03:00:00Z"), HOURLY).newest(Some(&last), now);
        assert_eq!(published.map(|fired| fired.missed), Some(0));
    }

    /// The local engine sends the keyword itself.
    #[test]
    fn a_firing_without_a_time_is_the_newest_one_of_its_schedule() {
        let now = time("2026-11-26T03:30:00Z");
        let fired = firing(None, HOURLY).newest(None, now).unwrap();
        assert_eq!((fired.at, fired.missed), (time("2026-11-26T03:00:00Z"), 0));
        assert_eq!(firing(None, "rate(1 hour)").newest(None, now).map(|fired| fired.at), Some(now));
    }

    #[test]
    fn a_message_of_the_queue_of_hints_is_a_hint_or_a_firing_and_an_error_says_where() {
        let read = |value: &serde_json::Value| from_json::<QueuedHint>(value.to_string().as_bytes());
        let error = |text: &str| from_json::<QueuedHint>(text.as_bytes()).unwrap_err().to_string();
        let hint = r#"{"id": "r.7", "organisation": "north", "action": null, "received_at": "2026-01-01T00:00:00Z", "ticket": "t-1", "raw": null}"#;
        let parsed: Hint = from_json(hint.as_bytes()).unwrap();
        assert_eq!(
            from_json::<QueuedHint>(to_json(&parsed).as_bytes()),
            Ok(QueuedHint::Hint(Box::new(parsed)))
        );
        let wrong = hint.replace("2026-01-01", "soon");
        assert!(error(&wrong).contains("`received_at`"), "{}", error(&wrong));
        let text = r#"{"clock": "clock.digest", "scheduled_at": "2026-11-26T03:00:00Z", "schedule": "cron(0 8 ? * MON *)", "zone": "Europe/London"}"#;
        assert!(error(text).contains("zone") || error(text).contains("`.`"), "{}", error(text));
        assert!(read(&json!({})).is_err() && read(&json!([])).is_err() && read(&json!("clock")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_a_misfit(bytes: Vec<u8>, text in "\\{\"(clock|id)\":.{0,60}") {
            let _ = from_json::<QueuedHint>(&bytes);
            let _ = from_json::<QueuedHint>(text.as_bytes());
        }
    }
}
