//! A message each day for as long as something is paused: what was paused for an hour is easily forgotten.

use crate::message::{Message, slug, utc};
use crate::send::Error;
use crate::{Notifier, log_not_sent};
use automations::clock::Timestamp;
use automations::serde_json::json;
use automations::store::{Pause, Paused, RETENTION};
use automations::telemetry::EventName;
use automations::tracing;
use std::time::Duration;

const DAY_SECONDS: u64 = 86_400;
const DAY: Duration = Duration::from_secs(DAY_SECONDS);

impl Notifier {
    /// Sends what is due of each pause.
    pub(crate) async fn remind_of_pauses(&self, now: Timestamp, until: Timestamp) -> Result<(), Error> {
        let mut result = Ok(());
        for pause in self.store.pauses().await?.iter().filter(|pause| is_due(pause, now)) {
            result = result.and(self.remind_of(pause, now, until).await);
        }
        result
    }

    async fn remind_of(&self, pause: &Pause, now: Timestamp, until: Timestamp) -> Result<(), Error> {
        let message = message(&self.application, pause, now);
        self.channels.send(&message, until).await.inspect_err(log_not_sent)?;
        tracing::info!(
            event_name = EventName::PauseReminded.as_str(),
            paused = %pause.paused,
            "a message said that it is still paused"
        );
        // If this is lost, the message may be sent twice: better than never.
        self.store.reminded_of_pause(pause, now).await?;
        Ok(())
    }
}

fn is_due(pause: &Pause, now: Timestamp) -> bool {
    now.since(pause.reminded_at.unwrap_or(pause.since)) >= DAY
}

fn message(application: &str, pause: &Pause, now: Timestamp) -> Message {
    let option = match &pause.paused {
        Paused::Handler(name) => format!("--handler {name}"),
        Paused::Organisation(name) => format!("--organisation {name}"),
        Paused::Writing => "--writing".to_owned(),
    };
    let days = now.since(pause.since).as_secs() / DAY_SECONDS;
    let subject = format!("{application}: Still paused: {}", pause.paused.words());
    let command = format!("automations resume {option} --yes --stack {application} --profile PROFILE");
    let mut lines = vec![subject.clone(), format!("Since {}, for {days} days.", utc(pause.since))];
    lines.extend(pause.reason.as_ref().map(|reason| format!("Reason: {reason}")));
    if pause.is_near_retention(now) {
        let end = utc(pause.since.later(RETENTION));
        lines.push(format!(
            "SQS deletes messages after 14 days: those of the pause's beginning are lost on {end}."
        ));
    }
    lines.push(format!("Run: {command}"));
    lines.push("Read: docs/runbook.md, \"Pause and resume\".".to_owned());
    Message {
        id: format!("paused-{}-{}-{days}", slug(&pause.paused.to_string()), pause.since.as_millis()),
        at: now,
        notice: "reminder",
        subject,
        text: lines.join("\n\n"),
        data: json!({
            "notice": "reminder",
            "application": application,
            "paused": pause.paused,
            "since": pause.since,
            "section": "Pause and resume",
            "command": command,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause() -> Pause {
        let reason = Some("the vendor's maintenance".to_owned());
        Pause::new(Paused::Handler("h".to_owned()), Timestamp::from_seconds(1_790_000_000), reason)
    }

    #[test]
    fn people_are_reminded_of_a_pause_once_a_day() {
        let (pause, hours) = (pause(), |hours| pause().since.later(Duration::from_hours(hours)));
        assert!(!is_due(&pause, hours(23)) && is_due(&pause, hours(24)));
        let reminded = Pause { reminded_at: Some(hours(24)), ..pause };
        assert!(!is_due(&reminded, hours(47)) && is_due(&reminded, hours(48)));
    }

    #[test]
    fn a_reminder_says_what_is_paused_how_to_end_it_and_when_messages_are_lost() {
        let text =
            |days: u64| message("a", &pause(), pause().since.later(DAY * u32::try_from(days).unwrap())).text;
        for part in [
            "a: Still paused: the handler h",
            "for 2 days",
            "Reason: the vendor's maintenance",
            "automations resume --handler h --yes",
        ] {
            assert!(text(2).contains(part), "{part}: {}", text(2));
        }
        assert!(
            !text(9).contains("are lost on") && text(10).contains("are lost on 2026-10-05"),
            "{}",
            text(10)
        );
    }
}
