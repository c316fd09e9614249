//! What a change of dead letters says before it is confirmed.

use crate::commands::dead_letters::{DeadLetter, Selection};
use crate::console::changes::{Choice, Proposal};
use crate::console::form::Form;
use crate::console::work::{OUT_OF_ORDER, RETRY_UNKNOWN, Work};
use crate::report::count;
use automations::reason::Reason;
use automations::store::Paused;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done with the selected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Redrive,
    Drop,
}

impl Kind {
    /// As the button of a page says it; `-page` is all that it shows.
    pub(super) fn of(button: &str) -> Option<Self> {
        match button {
            "redrive" | "redrive-page" => Some(Self::Redrive),
            "drop" | "drop-page" => Some(Self::Drop),
            _ => None,
        }
    }

    /// The command that does it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Redrive => "dlq redrive",
            Self::Drop => "dlq drop",
        }
    }
}

/// The ids that a form names: those that are ticked, or all that its page shows.
pub(super) fn ids(form: &Form) -> BTreeSet<String> {
    let field = if form.one("do").ends_with("-page") { "shown" } else { "id" };
    form.all(field).map(str::to_owned).collect()
}

/// The change of these dead letters, of which there is one at least: a selection without ids would be all.
pub(super) fn proposal(kind: Kind, dead_letters: &[DeadLetter], back: String) -> Proposal<Work> {
    let number = u64::try_from(dead_letters.len()).unwrap_or(u64::MAX);
    let what = count(number, "dead letter", "dead letters");
    let ids: BTreeSet<String> = dead_letters.iter().map(|dead| dead.id.clone()).collect();
    let options: Vec<String> = ids.iter().map(|id| format!("--id {id}")).collect();
    let selection = Selection { ids, ..Selection::default() };
    let from = from(dead_letters);
    let (verb, name, effects, consents, work) = match kind {
        Kind::Redrive => {
            let is_unknown = |dead: &&DeadLetter| dead.reason == Reason::OutcomeUnknown.as_str();
            let unknown = dead_letters.iter().filter(is_unknown).count();
            let superseded = dead_letters.iter().filter(|dead| dead.superseded_by.is_some()).count();
            let (effects, consents) = of_redrive((dead_letters.len(), unknown, superseded), &from);
            ("Redrive", "redrive", effects, consents, Work::Redrive(selection))
        }
        Kind::Drop => {
            ("Drop", "drop", vec![dropped_effect(number, &from)], Vec::new(), Work::Drop(selection))
        }
    };
    let command = format!("automations dlq {name} {}", options.join(" "));
    Proposal { title: format!("{verb} {what}"), effects, consents, text: None, command, back, work }
}

/// That what is sent back waits, if something is paused on its way.
pub(super) fn waits<'a>(
    dead_letters: &[DeadLetter],
    paused: impl Iterator<Item = &'a Paused>,
) -> Option<String> {
    let any = |is: &dyn Fn(&DeadLetter) -> bool| dead_letters.iter().any(is);
    let on_the_way = |paused: &&Paused| match paused {
        Paused::Handler(name) => any(&|dead| dead.queue.ends_with(&format!("-{name}-dead-letters.fifo"))),
        Paused::Organisation(name) => any(&|dead| dead.content.organisation.as_ref() == Some(name)),
        Paused::Writing => any(&|dead| dead.queue.ends_with("-actions-dead-letters.fifo")),
    };
    let paused: Vec<String> = paused.filter(on_the_way).map(Paused::words).collect();
    (!paused.is_empty())
        .then(|| format!("Paused: {}. What is sent back there waits until it is resumed.", paused.join(", ")))
}

/// What a deletion means.
pub(super) fn dropped_effect(number: u64, from: &str) -> String {
    format!(
        "{} permanently deleted: {from}. What they ask for is not done, and nothing brings them back.",
        count(number, "message is", "messages are"),
    )
}

/// What a redrive means of this number of dead letters, of those with an unknown outcome, and of those that are superseded; and what may
/// be consented to.
pub(super) fn of_redrive(
    (all, unknown, superseded): (usize, usize, usize),
    from: &str,
) -> (Vec<String>, Vec<Choice>) {
    let number = |number: usize, one: &str, several: &str| {
        count(u64::try_from(number).unwrap_or(u64::MAX), one, several)
    };
    let goes = number(
        all,
        "message goes back to the queue that it came from",
        "messages go back to where they came from",
    );
    let mut effects = vec![
        format!("{goes}: {from}."),
        "An action that was performed is not performed again; what fails again is a dead letter again."
            .to_owned(),
    ];
    let mut consents = Vec::new();
    if unknown > 0 {
        let text = number(unknown, "action that may", "actions that may");
        let stay = if unknown == 1 { "stays" } else { "stay" };
        effects.push(format!(
            "{text} have taken effect (outcome_unknown) {stay}, unless you consent: check in Salestrekker first."
        ));
        let text = "Also send back actions that may have taken effect";
        consents.push(Choice { name: RETRY_UNKNOWN, text });
    }
    if superseded > 0 {
        let text = number(superseded, "action that is", "actions that are");
        let stay = if superseded == 1 { "stays" } else { "stay" };
        effects.push(format!(
            "{text} superseded by a newer action of the same handler {stay}, unless you consent: sent back, the newer one is undone."
        ));
        let text = "Also send back superseded actions, which are then performed after the newer ones";
        consents.push(Choice { name: OUT_OF_ORDER, text });
    }
    (effects, consents)
}

/// `2 from a-actions-dead-letters.fifo, 1 from a-hints-dead-letters`.
fn from(dead_letters: &[DeadLetter]) -> String {
    let mut queues: BTreeMap<&str, usize> = BTreeMap::new();
    for dead in dead_letters {
        let number = queues.entry(&dead.queue).or_default();
        *number = number.saturating_add(1);
    }
    let parts: Vec<String> =
        queues.into_iter().map(|(queue, number)| format!("{number} from {queue}")).collect();
    parts.join(", ")
}
