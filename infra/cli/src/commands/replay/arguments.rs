//! The arguments of `automations replay`.

use crate::bulk::{Limits, option};
use crate::event_filter::{CAUSES, EventFilter, kinds};
use crate::exit_code::Usage;
use crate::nearest::nearest;
use crate::time;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use automations::id::{OrganisationId, TicketId};
use clap::Args;

/// Publish events of the journal again; actions that were performed are not performed again
#[derive(Debug, Clone, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Example: automations replay --since 2h --handler follow-up-on-settlement --dry-run --profile prod
Example: automations replay --since 2d --organisation north --kind ticket.label_added --label VIP --limit 500 --rate 10 --profile prod
Example: automations replay --since 7d --not-performed --organisation north --profile prod

What is named must all hold. A run that was interrupted, lost its connection, or has reached its limit is gone on with by the same
command within a day: it begins behind the last event that was published, and nothing is performed twice.")]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct Arguments {
    /// Events stored from this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    since: String,
    /// Events stored before this time, in the same form [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    until: Option<String>,
    /// Only the events of this organisation
    #[arg(long, value_name = "NAME")]
    organisation: Option<OrganisationId>,
    /// Only the events of this ticket
    #[arg(long, value_name = "TICKET_ID")]
    ticket: Option<TicketId>,
    /// Only to this handler, and only what it subscribes to
    #[arg(long, value_name = "NAME")]
    pub(super) handler: Option<String>,
    /// Only events of this kind, such as `ticket.stage_changed`
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<String>,
    /// Only if the ticket is then in this workflow, by name or id
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only if the ticket is then in this stage, by name or id
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Only if the ticket then has this label or lost it, by name or id
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Only events that this led to: webhook, reconciler or action
    #[arg(long, value_name = "CAUSE", value_parser = cause)]
    cause: Option<String>,
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Show the events, and which handlers would receive how many, and publish none
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Begin again, although the last run of the same command has some left
    #[arg(long)]
    pub(super) anew: bool,
    /// Give the actions new ids: re-runs actions that were already performed
    #[arg(long)]
    pub(super) reprocess: bool,
    /// Perform actions although a newer one of the same handler and ticket was performed already
    #[arg(long, conflicts_with = "reprocess")]
    pub(super) out_of_order: bool,
    /// Perform exactly the actions that were only recorded, as the organisation was read-only or no rehearsal had passed
    #[arg(long, conflicts_with = "reprocess")]
    pub(crate) not_performed: bool,
}

fn kind(text: &str) -> Result<String, String> {
    if kinds().any(|kind| kind == text) {
        return Ok(text.to_owned());
    }
    let near = nearest(text, kinds()).map(|kind| format!("; do you mean {kind}?")).unwrap_or_default();
    Err(format!("the journal has no events of this kind{near}"))
}

fn cause(text: &str) -> Result<String, String> {
    CAUSES
        .iter()
        .find(|cause| **cause == text)
        .map(|cause| (*cause).to_owned())
        .ok_or_else(|| CAUSES.join(", "))
}

impl Arguments {
    /// From when and until when, as they were given.
    pub(crate) fn times(&self) -> [Option<String>; 2] {
        [Some(self.since.clone()), self.until.clone()]
    }

    /// The same with exact times.
    pub(super) fn at(self, since: Timestamp, until: Timestamp) -> Self {
        Self { since: since.to_string(), until: Some(until.to_string()), ..self }
    }

    /// Those of a page's form: what is not given is empty. Nothing that is performed again is asked for on a page.
    ///
    /// # Errors
    /// [`Usage`] if a value is none of its option.
    pub(crate) fn of_form<'a>(field: impl Fn(&str) -> &'a str) -> Result<Self> {
        let given = |name| Some(field(name).trim().to_owned()).filter(|text| !text.is_empty());
        let wrong = |name: &str, problem: String| anyhow::Error::from(Usage(format!("{name}: {problem}")));
        let time_of = |name| {
            given(name).map(|text| time::check(&text)).transpose().map_err(|problem| wrong(name, problem))
        };
        let since = time_of("since")?.ok_or_else(|| wrong("since", "since when? such as 2h".to_owned()))?;
        Ok(Self {
            since,
            until: time_of("until")?,
            organisation: given("organisation")
                .map(|name| name.parse())
                .transpose()
                .context("organisation")?,
            ticket: given("ticket").map(|id| id.parse()).transpose().context("ticket")?,
            handler: given("handler"),
            kind: given("kind")
                .map(|text| kind(&text))
                .transpose()
                .map_err(|problem| wrong("kind", problem))?,
            workflow: given("workflow"),
            stage: given("stage"),
            label: given("label"),
            cause: None,
            limits: Limits::default(),
            dry_run: false,
            anew: true,
            reprocess: false,
            out_of_order: false,
            not_performed: !field("not-performed").is_empty(),
        })
    }

    /// Between which times, if it begins now.
    pub(super) fn time(&self, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let until = self.until.as_deref().map_or(Ok(now), |until| time::parse(until, now))?;
        Ok((time::parse(&self.since, now)?, until))
    }

    pub(super) fn filter(&self) -> EventFilter {
        let Self { organisation, ticket, kind, workflow, stage, label, cause, .. } = self.clone();
        EventFilter { organisation, ticket, kind, workflow, stage, label, cause, policies: None }
    }

    /// What limits the events, other than the time.
    pub(super) fn options(&self) -> Vec<(&'static str, String)> {
        let options = [
            ("organisation", self.organisation.as_ref().map(ToString::to_string)),
            ("ticket", self.ticket.as_ref().map(ToString::to_string)),
            ("handler", self.handler.clone()),
            ("kind", self.kind.clone()),
            ("workflow", self.workflow.clone()),
            ("stage", self.stage.clone()),
            ("label", self.label.clone()),
            ("cause", self.cause.clone()),
        ];
        options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// What was asked for, as it was typed: the same for a command that goes on.
    pub(super) fn request(&self) -> String {
        let times = [("since", Some(self.since.clone())), ("until", self.until.clone())];
        let times = times.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let options = times.chain(self.options()).map(|(name, value)| option(name, &value));
        let flags = [
            ("--reprocess", self.reprocess),
            ("--out-of-order", self.out_of_order),
            ("--not-performed", self.not_performed),
        ];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.to_owned());
        options.chain(flags).collect::<Vec<_>>().join(" ")
    }

    /// The same command.
    pub(crate) fn command_line(&self, account: &str) -> String {
        let Limits { limit, rate } = self.limits;
        let limits = [limit.map(|limit| option("limit", &limit)), rate.map(|rate| option("rate", &rate))];
        let words = ["automations replay".to_owned(), self.request()].into_iter();
        let words = words.chain(limits.into_iter().flatten()).chain([account.to_owned()]);
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(line: &[&str]) -> Result<Arguments, clap::Error> {
        Line::try_parse_from(std::iter::once(&"x").chain(line)).map(|line| line.arguments)
    }

    #[test]
    fn every_filter_is_in_the_command_that_goes_on_and_is_combined_with_the_others() {
        let line = "--since 2h --organisation north --kind ticket.label_added --label VIP --cause webhook --not-performed --limit 5 --rate 2";
        let arguments = parsed(&line.split(' ').collect::<Vec<_>>()).unwrap();
        let again = arguments.command_line("--profile prod");
        let expected = "automations replay --since 2h --organisation north --kind ticket.label_added --label VIP --cause webhook \
                        --not-performed --limit 5 --rate 2 --profile prod";
        assert_eq!(again, expected);
        let again = parsed(&again.split(' ').skip(2).take(15).collect::<Vec<_>>());
        assert!(again.is_ok_and(|again| again.filter() == arguments.filter()));
        assert!(arguments.filter().label.as_deref() == Some("VIP") && !arguments.request().contains("limit"));
    }

    #[test]
    fn a_kind_that_no_event_has_is_refused_with_the_nearest() {
        let error = parsed(&["--since", "2h", "--kind", "ticket.label_add"]).unwrap_err().to_string();
        assert!(error.contains("do you mean ticket.label_added?"), "{error}");
        assert!(parsed(&["--since", "2h", "--cause", "chance"]).is_err());
    }
}
