//! What SNS delivers: changes of alarms as `CloudWatch` publishes them (Amazon `CloudWatch` User Guide, "Alarm events", and Amazon SNS
//! Developer Guide, "Invoking Lambda functions").

use automations::clock::Timestamp;
use automations::json::{self, DecodeError};
use automations::serde::Deserialize;

/// The event with which this function is invoked: by SNS, or by its schedule, whose event has no records.
#[derive(Debug, Deserialize)]
#[serde(crate = "automations::serde")]
pub struct Invocation {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(crate = "automations::serde", rename_all = "PascalCase")]
struct Record {
    sns: Delivery,
}

#[derive(Debug, Deserialize)]
#[serde(crate = "automations::serde", rename_all = "PascalCase")]
struct Delivery {
    message: String,
}

/// A change of an alarm's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The alarm's name.
    pub alarm: String,
    /// Its new state.
    pub state: State,
    /// When it changed.
    pub at: Timestamp,
    /// The newest value that `CloudWatch` names as the reason.
    pub value: Option<f64>,
    /// The region, from the alarm's ARN.
    pub region: Option<String>,
}

/// A state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(crate = "automations::serde", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It sounds.
    Alarm,
    /// It does not.
    Ok,
    /// There is too little data to say.
    InsufficientData,
}

#[derive(Debug, Deserialize)]
#[serde(crate = "automations::serde", rename_all = "PascalCase")]
struct Published {
    alarm_name: String,
    new_state_value: State,
    state_change_time: String,
    #[serde(default)]
    new_state_reason: String,
    #[serde(default)]
    alarm_arn: String,
}

/// A message of the topic is not a change of an alarm. Neither text holds a value.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is not JSON, or lacks a field.
    #[error("the message is not a change of an alarm: {0}")]
    Json(DecodeError),
    /// Its time cannot be read.
    #[error("the time of the change cannot be read")]
    Time,
}

impl Invocation {
    /// The changes that it delivers.
    pub(crate) fn changes(&self) -> Vec<Result<Change, Malformed>> {
        self.records.iter().map(|record| Change::parse(&record.sns.message)).collect()
    }
}

impl Change {
    /// A change as `CloudWatch` publishes it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let published: Published = json::from_json(text.as_bytes()).map_err(Malformed::Json)?;
        let Published { alarm_name, new_state_value, state_change_time, new_state_reason, alarm_arn } =
            published;
        Ok(Self {
            alarm: alarm_name,
            state: new_state_value,
            at: time(&state_change_time).ok_or(Malformed::Time)?,
            value: value(&new_state_reason),
            region: alarm_arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned),
        })
    }
}

/// RFC 3339, but `CloudWatch` writes the offset without a colon: `2026-11-26T08:00:00.123+0000`.
fn time(text: &str) -> Option<Timestamp> {
    let with_colon = text.strip_suffix("+0000").map(|utc| format!("{utc}Z"));
    with_colon.as_deref().unwrap_or(text).parse().ok()
}

/// The first value in square brackets, which is the newest: `Threshold Crossed: 1 out of the last 1 datapoints [5.0 (26/11/26 08:00:00)] was …`.
fn value(reason: &str) -> Option<f64> {
    let inside = reason.split_once('[')?.1.split_once(']')?.0;
    let number: f64 = inside.split([' ', ',']).next()?.parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `CloudWatch` writes it, shortened.
    const PUBLISHED: &str = r#"{"AlarmName": "automations-hints-dead-letters-arrived", "AlarmDescription": "…", "AWSAccountId": "111122223333",
        "NewStateValue": "ALARM", "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (26/11/26 08:00:00)] was greater than the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).",
        "StateChangeTime": "2026-11-26T08:01:02.345+0000", "Region": "Asia Pacific (Sydney)", "OldStateValue": "OK",
        "AlarmArn": "arn:aws:cloudwatch:ap-southeast-2:111122223333:alarm:automations-hints-dead-letters-arrived",
        "Trigger": {"MetricName": "NumberOfMessagesSent", "Namespace": "AWS/SQS", "Dimensions": [{"name": "QueueName", "value": "automations-hints-dead-letters"}]}}"#;

    #[test]
    fn a_change_is_read_as_cloudwatch_writes_it() {
        let change = Change::parse(PUBLISHED).unwrap();
        assert_eq!(change.alarm, "automations-hints-dead-letters-arrived");
        assert_eq!((change.state, change.value), (State::Alarm, Some(5.0)));
        assert_eq!(change.at.to_string(), "2026-11-26T08:01:02.345Z");
        assert_eq!(change.region.as_deref(), Some("ap-southeast-2"));
    }

    #[test]
    fn a_composite_alarm_and_the_local_engines_form_are_read_too() {
        let text =
            |time| format!(r#"{{"AlarmName": "a", "NewStateValue": "OK", "StateChangeTime": "{time}"}}"#);
        let change = Change::parse(&text("2026-11-26T08:01:02Z")).unwrap();
        assert_eq!((change.state, change.value, change.region), (State::Ok, None, None));
        assert!(matches!(Change::parse(&text("noon")), Err(Malformed::Time)));
        assert!(matches!(Change::parse("{}"), Err(Malformed::Json(_))));
    }

    #[test]
    fn the_newest_value_is_the_first_and_a_reason_may_have_none() {
        assert_eq!(value("2 out of the last 3 datapoints [1.0 (…), 4.0 (…)] were"), Some(1.0));
        for none in ["", "[]", "[NaN (…)]", "no datapoints were received", "] [", "[x]"] {
            assert_eq!(value(none), None, "{none}");
        }
    }

    #[test]
    fn the_schedules_event_has_no_changes() {
        let of = |text: &str| json::from_json::<Invocation>(text.as_bytes()).unwrap().changes().len();
        assert_eq!(of(r#"{"source": "aws.scheduler", "detail-type": "Scheduled Event"}"#), 0);
        assert_eq!(of(r#"{"Records": [{"Sns": {"Message": "x"}}, {"Sns": {"Message": "y"}}]}"#), 2);
    }
}
