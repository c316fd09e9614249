//! Which events a page shows, and the address that says so.

use crate::console::pages::layout::address;
use crate::event_filter::{self, EventFilter};
use crate::filter_policy::FilterPolicy;
use crate::handler_entries::Entry;
use crate::time;
use anyhow::{Context as _, Result, bail};
use automations::clock::Timestamp;
use serde::Deserialize;

/// How far back a page goes if nothing else is asked for.
const SINCE: &str = "7d";

/// What is asked for: the URL holds it. What is empty is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in crate::console::pages) struct Asked {
    pub(super) kind: String,
    pub(super) organisation: String,
    pub(super) ticket: String,
    /// Only what this handler subscribes to, as it is deployed now.
    pub(super) handler: String,
    pub(super) workflow: String,
    pub(super) stage: String,
    pub(super) label: String,
    pub(super) cause: String,
    pub(super) since: String,
    pub(super) until: String,
    /// The end of an older page.
    pub(super) before: String,
}

impl Asked {
    pub(super) fn address(&self) -> String {
        let values = [
            ("kind", self.kind.as_str()),
            ("organisation", self.organisation.as_str()),
            ("ticket", self.ticket.as_str()),
            ("handler", self.handler.as_str()),
            ("workflow", self.workflow.as_str()),
            ("stage", self.stage.as_str()),
            ("label", self.label.as_str()),
            ("cause", self.cause.as_str()),
            ("since", self.since.as_str()),
            ("until", self.until.as_str()),
            ("before", self.before.as_str()),
        ];
        address("/events", &values)
    }

    /// The same, older than this.
    pub(super) fn before(&self, before: Timestamp) -> Self {
        Self { before: before.to_string(), ..self.clone() }
    }
}

/// What is asked for, understood.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) of_events: EventFilter,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Filter {
    /// # Errors
    /// If a value is not valid, or there is no such handler among these entries.
    pub(super) fn of(asked: &Asked, entries: Option<&[Entry]>, now: Timestamp) -> Result<Self> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let end = |text: &str| given(text).map(|text| time::parse(&text, now)).transpose();
        // What is being stored now may have a later time on another clock.
        let until = end(&asked.until)?.unwrap_or_else(|| now.later(std::time::Duration::from_mins(1)));
        let until = end(&asked.before)?.map_or(until, |before| before.min(until));
        let since = time::parse(&given(&asked.since).unwrap_or_else(|| SINCE.to_owned()), now)?;
        let organisation = given(&asked.organisation).map(|id| id.parse()).transpose();
        let of_events = EventFilter {
            organisation: organisation.context("organisation")?,
            ticket: given(&asked.ticket).map(|id| id.parse()).transpose().context("ticket")?,
            kind: given(&asked.kind),
            workflow: given(&asked.workflow),
            stage: given(&asked.stage),
            label: given(&asked.label),
            cause: given(&asked.cause),
            policies: entries.map(|entries| policies(entries, asked.handler.trim())).transpose()?,
        };
        Ok(Self { of_events, since, until })
    }
}

fn policies(entries: &[Entry], handler: &str) -> Result<Vec<FilterPolicy>> {
    let Some(entry) = entries.iter().find(|entry| entry.name == handler) else {
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        bail!("there is no handler {handler}; there are {}", names.join(", "));
    };
    let unknown = "the deployed filter policy has something that this program does not know";
    entry.policies.iter().map(|policy| FilterPolicy::parse(policy).context(unknown)).collect()
}

/// The kinds of events in the journal, and whether each is asked for.
pub(super) fn kinds(asked: &Asked) -> Vec<(&'static str, bool)> {
    event_filter::kinds().map(|kind| (kind, kind == asked.kind)).collect()
}

/// The causes, and whether each is asked for.
pub(super) fn causes(asked: &Asked) -> Vec<(&'static str, bool)> {
    event_filter::CAUSES.map(|cause| (cause, cause == asked.cause)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::Event;
    use automations::testing::{a_ticket, stage_changed};

    type Change = fn(&mut Asked);

    fn takes(change: impl FnOnce(&mut Asked), event: &Event) -> bool {
        let mut asked = Asked::default();
        change(&mut asked);
        let policies = vec!["{\"type\": [\"ticket.label_added\"]}".to_owned()];
        let entry = Entry { name: "h".to_owned(), settings: String::new(), policies, dry_run: false };
        let entries = (!asked.handler.is_empty()).then_some([entry]);
        let entries = entries.as_ref().map(<[Entry; 1]>::as_slice);
        Filter::of(&asked, entries, Timestamp::from_seconds(1_790_000_000)).unwrap().of_events.takes(event)
    }

    #[test]
    fn each_filter_takes_what_it_names_by_name_or_id_and_nothing_else() {
        let moved = stage_changed("Approved", "Settled");
        let labelled = a_ticket().in_workflow("Loans").gets_label("VIP");
        assert!(takes(|_| {}, &moved) && takes(|_| {}, &labelled));
        let cases: [(Change, bool, bool); 8] = [
            (|asked| asked.kind = "ticket.stage_changed".to_owned(), true, false),
            (|asked| asked.stage = " Settled ".to_owned(), true, false),
            (|asked| asked.workflow = "Loans".to_owned(), false, true),
            (|asked| asked.label = "VIP".to_owned(), false, true),
            (|asked| asked.cause = "webhook".to_owned(), true, true),
            (|asked| asked.cause = "action".to_owned(), false, false),
            (|asked| asked.handler = "h".to_owned(), false, true),
            (|asked| asked.kind = "nothing".to_owned(), false, false),
        ];
        for (number, (change, of_moved, of_labelled)) in cases.into_iter().enumerate() {
            assert_eq!(
                (takes(change, &moved), takes(change, &labelled)),
                (of_moved, of_labelled),
                "{number}"
            );
        }
    }

    #[test]
    fn wrong_values_are_named() {
        let now = Timestamp::from_seconds(1_790_000_000);
        let wrong = |asked: Asked, entries| format!("{:#}", Filter::of(&asked, entries, now).unwrap_err());
        let asked = Asked { since: "yesterday".to_owned(), ..Asked::default() };
        assert!(wrong(asked, None).contains("not a time: yesterday"));
        let asked = Asked { organisation: "No".to_owned(), ..Asked::default() };
        assert!(wrong(asked, None).starts_with("organisation"));
        let asked = Asked { handler: "x".to_owned(), ..Asked::default() };
        assert!(wrong(asked, Some(&[])).contains("there is no handler x"));
    }

    proptest::proptest! {
        /// The URL holds the filter.
        #[test]
        fn an_address_is_read_back_as_it_was(
            values in proptest::collection::vec("[ -~äß&=#%<>\"]{0,12}", 11)
        ) {
            let [kind, organisation, ticket, handler, workflow, stage, label, cause, since, until, before] =
                <[String; 11]>::try_from(values).unwrap();
            let asked = Asked {
                kind, organisation, ticket, handler, workflow, stage, label, cause, since, until, before,
            };
            let uri: axum::http::Uri = asked.address().parse().unwrap();
            let read = axum::extract::Query::<Asked>::try_from_uri(&uri).unwrap();
            proptest::prop_assert_eq!(read.0, asked);
        }
    }
}
