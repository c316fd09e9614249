//! What `automations dlq` says that it did, or would do.

use super::{Consent, Dropped, MoreBehind, Outcome, Plan, PlanGroup, Redriven, Selection};
use crate::bulk::{Limits, option};
use crate::report::count;
use automations::reason::Reason;
use std::collections::BTreeSet;

/// In a FIFO queue, what stays in front of a group hides the rest of it.
pub(super) fn behind(groups: &[MoreBehind]) -> Option<String> {
    let queues: BTreeSet<&str> = groups.iter().map(|group| group.queue.as_str()).collect();
    let first = groups.first()?.in_front.first()?;
    Some(format!(
        "more may be behind the first messages of {} ({}), which SQS does not show: `dlq redrive` or `dlq drop` those in front \
         first, for example with --id {first}; `dlq show --json` has them all",
        count(u64::try_from(groups.len()).unwrap_or(u64::MAX), "message group", "message groups"),
        Vec::from_iter(queues).join(", "),
    ))
}

/// What was deleted, in words.
pub(crate) fn dropped_lines(dropped: &Dropped) -> Vec<String> {
    let deleted = format!("{} permanently deleted", dropped.deleted);
    [deleted].into_iter().chain(behind(&dropped.more_behind)).collect()
}

/// What was sent back, and what became of it, in words.
pub(crate) fn redriven_lines(redriven: &Redriven, outcome: Option<&Outcome>) -> Vec<String> {
    let mut parts = vec![format!("{} sent back", redriven.redriven)];
    if let Some(Outcome { came_back, is_open }) = outcome {
        let total: usize = came_back.values().sum();
        let reasons: Vec<&str> = came_back.keys().map(String::as_str).collect();
        if total > 0 {
            parts.push(format!("{total} came back: {}", reasons.join(", ")));
        }
        if *is_open {
            parts.push("the rest is still being processed, see `automations dlq list` later".to_owned());
        } else if total == 0 {
            parts.push("none came back".to_owned());
        }
    }
    let mut lines = vec![parts.join("; ")];
    let stay = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX), "stays", "stay");
    if redriven.outcome_unknown > 0 {
        lines.push(format!(
            "{} because the outcome is unknown ({}): check in Salestrekker whether the action took effect, then `dlq drop`, \
             or `dlq redrive --retry-unknown`",
            stay(redriven.outcome_unknown),
            Reason::OutcomeUnknown.as_str(),
        ));
    }
    if redriven.superseded > 0 {
        lines.push(format!(
            "{} because a newer action of the same handler was performed ({}): `dlq drop`, or `dlq redrive --out-of-order`, \
             which performs the older one after it",
            stay(redriven.superseded),
            Reason::Superseded.as_str(),
        ));
    }
    if redriven.not_deleted > 0 {
        lines.push(format!(
            "{} although sent back, because the time to delete a message had passed: `dlq redrive` again; \
             what was performed is not performed again",
            stay(redriven.not_deleted),
        ));
    }
    lines.extend(behind(&redriven.more_behind));
    lines
}

/// What would be done, in words; `would` says what, such as `would be sent back`.
pub(super) fn planned_lines(plan: &Plan, would: &str, limits: Limits) -> Vec<String> {
    let Plan { number, groups, outcome_unknown, superseded, more_behind } = plan;
    let group = |PlanGroup { queue, handler, reason, number }: &PlanGroup| {
        format!("{number:>6}  {}  {reason}  {queue}", handler.as_deref().unwrap_or("-"))
    };
    let mut lines: Vec<String> = groups.iter().map(group).collect();
    let limited = limits.limit.filter(|limit| limit.get() < *number);
    let limited = limited.map(|limit| format!(", {limit} in one run")).unwrap_or_default();
    let number = count(u64::try_from(*number).unwrap_or(u64::MAX), "message", "messages");
    lines.push(format!("{number} {would}{limited}; nothing was"));
    let stay = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX), "would stay", "would stay");
    if *outcome_unknown > 0 {
        let reason = Reason::OutcomeUnknown.as_str();
        lines.push(format!("{} because the outcome is unknown ({reason})", stay(*outcome_unknown)));
    }
    if *superseded > 0 {
        let reason = Reason::Superseded.as_str();
        lines.push(format!("{} because a newer action was performed ({reason})", stay(*superseded)));
    }
    lines.extend(behind(more_behind));
    lines
}

/// How many are left after a run that ended early, and the command that goes on.
pub(super) fn left_line(left: usize, command: &str) -> String {
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    format!("{} left, or more behind them; go on: {command}", count(left, "message is", "messages are"))
}

/// The command that goes on. What was dead-lettered during the run is left out: it failed again.
pub(super) fn go_on(
    verb: &str,
    selection: &Selection,
    consent: Consent,
    limits: Limits,
    account: &str,
) -> String {
    let Consent { retry_unknown, out_of_order } = consent;
    let flags = [("--retry-unknown", retry_unknown), ("--out-of-order", out_of_order)];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.to_owned());
    let words = [format!("automations dlq {verb}"), selection.command_line()].into_iter().chain(flags);
    let words = words.chain(limits.limit.map(|limit| option("limit", &limit)));
    let words = words.chain(limits.rate.map(|rate| option("rate", &rate))).chain([account.to_owned()]);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(redriven: &Redriven, outcome: Option<&Outcome>) -> String {
        redriven_lines(redriven, outcome).join("\n")
    }

    #[test]
    fn a_redrive_ends_with_what_became_of_the_messages() {
        let redriven = Redriven { redriven: 2, ..Redriven::default() };
        let outcome = Outcome { came_back: [("not_found".to_owned(), 2)].into(), is_open: false };
        assert_eq!(summary(&redriven, Some(&outcome)), "2 sent back; 2 came back: not_found");
        assert_eq!(summary(&redriven, Some(&Outcome::default())), "2 sent back; none came back");
        assert_eq!(summary(&redriven, None), "2 sent back");
        let open = Outcome { is_open: true, ..Outcome::default() };
        assert!(summary(&redriven, Some(&open)).contains("still being processed"));
        let unknown = Redriven { outcome_unknown: 1, ..Redriven::default() };
        assert!(summary(&unknown, None).contains("1 stays because the outcome is unknown (outcome_unknown)"));
        let superseded = Redriven { superseded: 2, ..unknown };
        let text = summary(&superseded, None);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.contains("2 stay because a newer action of the same handler was performed (superseded)")
        );
        let not_deleted = Redriven { not_deleted: 1, ..Redriven::default() };
        assert!(summary(&not_deleted, None).contains("\n1 stays although sent back"));
        let more =
            MoreBehind { queue: "a-actions-dead-letters.fifo".to_owned(), in_front: vec!["m-1".to_owned()] };
        let hidden = summary(&Redriven { more_behind: vec![more], ..Redriven::default() }, None);
        let printed = "0 sent back\nmore may be behind the first messages of 1 message group (a-actions-dead-letters.fifo)";
        assert!(hidden.starts_with(printed) && hidden.contains("--id m-1"), "{hidden}");
        assert!(text.contains("--out-of-order") && text.contains("--retry-unknown"), "{text}");
    }

    #[test]
    fn a_run_that_ended_early_says_how_many_are_left_and_the_command_that_goes_on() {
        let limits = Limits { limit: std::num::NonZeroUsize::new(50), rate: std::num::NonZeroU32::new(5) };
        let selection = Selection {
            handler: Some("h".to_owned()),
            label: Some("VIP client".to_owned()),
            until: "2026-11-25T09:30:00Z".parse().ok(),
            ..Selection::default()
        };
        let consent = Consent { retry_unknown: true, out_of_order: false };
        let command = go_on("redrive", &selection, consent, limits, "--profile prod");
        assert_eq!(
            command,
            "automations dlq redrive --handler h --label 'VIP client' --until 2026-11-25T09:30:00.000Z --retry-unknown --limit 50 \
             --rate 5 --profile prod"
        );
        let line = left_line(3, &command);
        assert!(
            line.starts_with("3 messages are left, or more behind them; go on: automations dlq"),
            "{line}"
        );
    }

    #[test]
    fn a_plan_names_its_groups_the_count_and_that_nothing_was_changed() {
        let group = |handler: Option<&str>, number| PlanGroup {
            queue: "a-actions-dead-letters.fifo".to_owned(),
            handler: handler.map(str::to_owned),
            reason: "not_found".to_owned(),
            number,
        };
        let plan = Plan {
            number: 5,
            groups: vec![group(Some("h"), 4), group(None, 1)],
            superseded: 2,
            ..Plan::default()
        };
        let limits = Limits { limit: std::num::NonZeroUsize::new(3), rate: None };
        let expected = [
            "     4  h  not_found  a-actions-dead-letters.fifo",
            "     1  -  not_found  a-actions-dead-letters.fifo",
            "5 messages would be sent back, 3 in one run; nothing was",
            "2 would stay because a newer action was performed (superseded)",
        ];
        assert_eq!(planned_lines(&plan, "would be sent back", limits), expected);
    }
}
