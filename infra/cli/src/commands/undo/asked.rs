//! Which actions an operator wants to be undone.

use crate::audit::Change;
use crate::bulk::option;
use crate::exit_code::Usage;
use crate::time;
use crate::undo::Wanted;
use anyhow::Result;
use automations::clock::Timestamp;
use automations::id::{ActionId, OrganisationId};

/// As it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The organisation.
    pub(crate) organisation: Option<OrganisationId>,
    /// Only this action.
    pub(crate) action: Option<ActionId>,
    /// What this handler decided.
    pub(crate) handler: Option<String>,
    /// From this time on.
    pub(crate) since: Option<String>,
    /// Before this time; now, if it is not given.
    pub(crate) until: Option<String>,
}

impl Asked {
    /// The actions, and what is recorded.
    ///
    /// # Errors
    /// [`Usage`] if it says neither one action nor a handler and a time; or if a time is not valid.
    pub(crate) fn wanted(&self, now: Timestamp) -> Result<(Wanted, Change)> {
        let Self { organisation, action, handler, since, until } = self;
        let change = Change::by("undo");
        match (organisation, action, handler, since) {
            (Some(organisation), Some(action), None, None) => {
                let change = change.of(organisation).limited("action", Some(action));
                let (organisation, action) = (organisation.clone(), action.clone());
                Ok((Wanted::Action { organisation, action }, change))
            }
            (organisation, None, Some(handler), Some(since)) => {
                let since = time::parse(since, now)?;
                let until = until.as_deref().map_or(Ok(now), |until| time::parse(until, now))?;
                if until <= since {
                    return Err(Usage(format!("--until {until} is not after --since {since}")).into());
                }
                let change = change.limited("organisation", organisation.as_ref());
                let change = change.limited("handler", Some(handler)).limited("since", Some(since));
                let change = change.limited("until", Some(until));
                let (handler, organisation) = (handler.clone(), organisation.clone());
                Ok((Wanted::Handler { handler, since, until, organisation }, change))
            }
            _ => Err(Usage("name --action with --organisation, or --handler with --since".to_owned()).into()),
        }
    }

    /// The options of a command line.
    pub(crate) fn command_line(&self) -> String {
        let Self { organisation, action, handler, since, until } = self;
        let words = [
            organisation.as_ref().map(|organisation| option("organisation", organisation)),
            action.as_ref().map(|action| option("action", action)),
            handler.as_ref().map(|handler| option("handler", handler)),
            since.as_ref().map(|since| option("since", since)),
            until.as_ref().map(|until| option("until", until)),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::undo::Arguments;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn of(line: &str) -> Result<(Wanted, Change)> {
        let line = Line::try_parse_from(std::iter::once("x").chain(line.split(' ')))?;
        line.arguments.asked().wanted(Timestamp::from_seconds(10_000_000))
    }

    #[test]
    fn one_action_is_named_with_its_organisation_and_a_handler_with_a_time() {
        let (one, change) = of("--organisation north --action e.h.0").unwrap();
        let [organisation, action] = ["north", "e.h.0"];
        assert_eq!(
            one,
            Wanted::Action { organisation: organisation.parse().unwrap(), action: action.parse().unwrap() }
        );
        assert!(format!("{change:?}").contains("--action e.h.0"));
        let (all, change) = of("--handler h --since 2h").unwrap();
        assert!(matches!(all, Wanted::Handler { organisation: None, .. }));
        assert!(format!("{change:?}").contains("--since 1970-04-26T15:46:40.000Z"), "{change:?}");
        for line in [
            "--action e.h.0",
            "--handler h",
            "--organisation north --handler h --action e.h.0 --since 2h",
            "--organisation north --action e.h.0 --since 2h",
            "--organisation north",
            "--handler h --since 2h --until 3h",
        ] {
            assert!(of(line).is_err(), "{line}");
        }
        let asked = Asked { handler: Some("h".to_owned()), since: Some("2h".to_owned()), ..Asked::default() };
        assert_eq!(asked.command_line(), "--handler h --since 2h");
    }
}
