//! Pauses that are recorded for `automations audit`: those of the command line and of the console.

use super::{Pauser, Resumed};
use crate::audit::{Audit, Change, changed};
use crate::report::count;
use anyhow::Result;
use automations::clock;
use automations::store::{Operation, Pause, Paused};

const PAUSE: &str = "pause";

impl Pauser {
    /// [`Self::pause`], recorded.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails.
    pub(crate) async fn pause_audited(
        &self,
        paused: &Paused,
        reason: Option<String>,
        audit: &Audit,
    ) -> Result<()> {
        let change = audited(PAUSE, paused);
        let work = async { self.pause(paused, reason, clock::now()).await.map(|()| ((), changed(1))) };
        audit.record(&change, work).await
    }

    /// [`Self::resume`], recorded.
    ///
    /// # Errors
    /// If it cannot be recorded, or a request fails: run it again.
    pub(crate) async fn resume_audited(&self, paused: &Paused, audit: &Audit) -> Result<Resumed> {
        let change = audited("resume", paused);
        let work = async {
            let resumed = self.resume(paused).await?;
            Ok((resumed, changed(1)))
        };
        audit.record(&change, Box::pin(work)).await
    }
}

/// That it is paused.
pub(crate) fn pause_lines(paused: &Paused) -> String {
    format!("{} is paused; it takes effect within a minute", paused.words())
}

/// That it is resumed, and what that set in motion.
pub(crate) fn resume_lines(paused: &Paused, resumed: Resumed) -> Vec<String> {
    let mut lines = vec![format!("{} is resumed", paused.words())];
    if matches!(paused, Paused::Organisation(_)) {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let messages = count(number(resumed.sent_again), "message was", "messages were");
        let tickets = count(number(resumed.due), "ticket is", "tickets are");
        lines.push(format!(
            "{messages} sent again, in their order; {tickets} fetched again, in the next minutes"
        ));
    }
    lines
}

/// Who began a pause, by the newest operation of the audit that began before it; none if the audit does not say. The operations are
/// those of the time in which it began, the newest first.
pub(crate) fn begun_by<'a>(pause: &Pause, operations: &'a [Operation]) -> Option<&'a str> {
    let scope = audited(PAUSE, &pause.paused).scope();
    let begun = operations.iter().find(|operation| {
        operation.command == PAUSE && operation.scope == scope && operation.at <= pause.since
    });
    begun.map(|operation| operation.operator.as_str())
}

fn audited(command: &'static str, paused: &Paused) -> Change {
    let change = Change::by(command);
    match paused {
        Paused::Handler(name) => change.limited("handler", Some(name)),
        Paused::Organisation(organisation) => change.of(organisation),
        Paused::Writing => change.with("writing", true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::clock::Timestamp;
    use automations::id::OrganisationId;
    use automations::store::OperationState;

    #[test]
    fn the_change_of_a_pause_has_no_reason() {
        let north = OrganisationId::parse("north").unwrap();
        let of_north = Paused::Organisation(north.clone());
        assert_eq!(audited(PAUSE, &of_north), Change::by("pause").of(&north));
        assert_eq!(audited(PAUSE, &Paused::Writing), Change::by("pause").with("writing", true));
    }

    #[test]
    fn who_paused_is_the_operator_of_the_command_that_began_it() {
        let operation = |seconds: u64, command: &str, scope: &str, operator: &str| Operation {
            at: Timestamp::from_seconds(seconds),
            id: String::new(),
            operator: operator.to_owned(),
            command: command.to_owned(),
            scope: scope.to_owned(),
            state: OperationState::Done,
            changed: Some(1),
            resume: None,
        };
        let operations = [
            operation(90, "pause", "--handler h", "who ran it again"),
            operation(60, "pause", "--handler other", "another"),
            operation(59, "resume", "--handler h", "another"),
            operation(58, "pause", "--handler h", "operator"),
            operation(10, "pause", "--handler h", "who paused it before"),
        ];
        let pause = |paused| Pause::new(paused, Timestamp::from_seconds(60), None);
        assert_eq!(begun_by(&pause(Paused::Handler("h".to_owned())), &operations), Some("operator"));
        assert_eq!(begun_by(&pause(Paused::Writing), &operations), None);
    }

    #[test]
    fn the_end_of_an_organisations_pause_says_what_it_set_in_motion() {
        let north = Paused::Organisation(OrganisationId::parse("north").unwrap());
        let lines = resume_lines(&north, Resumed { sent_again: 1, due: 2 });
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("1 message was sent again, in their order; 2 tickets are"), "{lines:?}");
        assert_eq!(resume_lines(&Paused::Writing, Resumed::default()), ["all writing is resumed"]);
    }
}
