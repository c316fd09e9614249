//! Which dead letters a page shows, and what it says of them.

use crate::commands::dead_letters::{DeadLetter, Front, QueueFront, Selection};
use crate::console::form::Form;
use crate::console::pages::layout::{Moment, address, timeline_of};
use crate::report::count;
use crate::time;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Dead letters on a page.
pub(super) const PAGE: usize = 50;
/// Groups on a page.
const MOST_GROUPS: usize = 100;

/// What is asked for: the URL holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in crate::console::pages) struct Asked {
    pub(super) queue: String,
    pub(super) organisation: String,
    pub(super) handler: String,
    pub(super) reason: String,
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) since: String,
    pub(super) until: String,
    /// From 0.
    pub(super) page: usize,
    /// Whether the queues are read again.
    pub(super) again: bool,
}

impl Asked {
    /// As a form of the page has it.
    pub(super) fn of(form: &Form) -> Self {
        let text = |name: &str| form.one(name).to_owned();
        Self {
            queue: text("queue"),
            organisation: text("organisation"),
            handler: text("handler"),
            reason: text("reason"),
            kind: text("kind"),
            label: text("label"),
            since: text("since"),
            until: text("until"),
            page: form.one("page").parse().unwrap_or_default(),
            again: false,
        }
    }

    /// The filter's fields, by name.
    pub(super) fn fields(&self) -> [(&'static str, &str); 8] {
        [
            ("queue", &self.queue),
            ("organisation", &self.organisation),
            ("handler", &self.handler),
            ("reason", &self.reason),
            ("kind", &self.kind),
            ("label", &self.label),
            ("since", &self.since),
            ("until", &self.until),
        ]
    }

    /// Whether anything is asked for.
    pub(super) fn is_limited(&self) -> bool {
        self.fields().iter().any(|(_, value)| !value.trim().is_empty())
    }

    pub(super) fn address(&self) -> String {
        let page = if self.page == 0 { String::new() } else { self.page.to_string() };
        let again = if self.again { "true" } else { "" };
        let values = self.fields().into_iter().chain([("page", page.as_str()), ("again", again)]);
        address("/dead-letters", &values.collect::<Vec<_>>())
    }

    /// The same as a selection of `automations dlq`.
    ///
    /// # Errors
    /// If a value is not valid.
    pub(super) fn selection(&self, now: Timestamp) -> Result<Selection> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let at = |text: &str| given(text).map(|text| time::parse(&text, now)).transpose();
        let organisation = given(&self.organisation).map(|name| name.parse()).transpose();
        Ok(Selection {
            queue: given(&self.queue),
            organisation: organisation.context("organisation")?,
            handler: given(&self.handler),
            reason: given(&self.reason),
            kind: given(&self.kind),
            label: given(&self.label),
            since: at(&self.since)?,
            until: at(&self.until)?,
            ..Selection::default()
        })
    }

    pub(super) fn previous(&self) -> Option<String> {
        let page = self.page.checked_sub(1)?;
        Some(Self { page, ..self.clone() }.address())
    }

    pub(super) fn next(&self, found: usize) -> Option<String> {
        let page = self.page.saturating_add(1);
        (page.saturating_mul(PAGE) < found).then(|| Self { page, ..self.clone() }.address())
    }
}

/// Dead letters of one queue, handler and reason.
pub(super) struct Group {
    pub(super) queue: String,
    pub(super) handler: String,
    pub(super) reason: String,
    pub(super) number: usize,
    pub(super) oldest: Moment,
    pub(super) address: String,
    pub(super) is_open: bool,
}

/// A dead letter in a list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: Moment,
    /// Organisation, ticket, handler, action, reason, error.
    pub(super) cells: [String; 6],
    pub(super) superseded_by: Option<String>,
    pub(super) address: String,
    pub(super) timeline: Option<String>,
    /// The page of its handler's settings.
    pub(super) settings: Option<String>,
}

impl Row {
    pub(super) fn of(dead: &DeadLetter) -> Self {
        let text = |field: Option<String>| field.unwrap_or_else(|| "–".to_owned());
        let content = dead.content.clone();
        Self {
            id: dead.id.clone(),
            at: Moment(dead.dead_lettered_at),
            cells: [
                text(content.organisation.map(String::from)),
                text(content.ticket.map(String::from)),
                text(content.handler),
                text(content.action),
                dead.reason.clone(),
                dead.error.clone(),
            ],
            superseded_by: dead.superseded_by.as_ref().map(ToString::to_string),
            address: address("/dead-letters/one", &[("id", &dead.id)]),
            timeline: timeline(dead),
            settings: dead.content.handler.as_deref().map(|name| address("/settings", &[("handler", name)])),
        }
    }
}

/// Every dead letter that was read.
pub(super) fn all(front: &Front) -> impl Iterator<Item = &DeadLetter> {
    front.queues.iter().flat_map(|queue| &queue.dead_letters)
}

/// Those that are selected, the newest first.
pub(super) fn taken<'a>(front: &'a Front, selection: &Selection) -> Vec<&'a DeadLetter> {
    let mut taken: Vec<&DeadLetter> = all(front).filter(|dead| selection.takes(dead)).collect();
    taken.sort_by(|one, other| (other.dead_lettered_at, &other.id).cmp(&(one.dead_lettered_at, &one.id)));
    taken
}

/// Those of them that are on a page.
pub(super) fn shown(front: &Front, selection: &Selection, page: usize) -> Vec<DeadLetter> {
    let before = page.saturating_mul(PAGE);
    taken(front, selection).into_iter().skip(before).take(PAGE).cloned().collect()
}

/// All groups, the largest first.
pub(super) fn groups(front: &Front, asked: &Asked) -> Vec<Group> {
    let mut found: BTreeMap<[&str; 3], Vec<&DeadLetter>> = BTreeMap::new();
    for dead in all(front) {
        found.entry([&dead.queue, handler(dead), &dead.reason]).or_default().push(dead);
    }
    let group = |([queue, handler, reason], dead): ([&str; 3], Vec<&DeadLetter>)| {
        let [queue, handler, reason] = [queue, handler, reason].map(str::to_owned);
        let own = Asked { queue, handler, reason, page: 0, again: false, ..asked.clone() };
        let oldest = dead.iter().map(|dead| dead.dead_lettered_at).min().unwrap_or(front.at);
        let is_open = own == Asked { page: 0, again: false, ..asked.clone() };
        let (number, oldest, address) = (dead.len(), Moment(oldest), own.address());
        let Asked { queue, handler, reason, .. } = own;
        Group { queue, handler, reason, number, oldest, address, is_open }
    };
    let mut groups: Vec<Group> = found.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.number));
    groups.truncate(MOST_GROUPS);
    groups
}

/// What the list does not show of each queue.
pub(super) fn notes(front: &Front) -> Vec<String> {
    front.queues.iter().flat_map(notes_of).collect()
}

fn notes_of(front: &QueueFront) -> Vec<String> {
    let QueueFront { queue, count: all, held, dead_letters, has_more_behind } = front;
    let read = u64::try_from(dead_letters.len()).unwrap_or(u64::MAX);
    let more = (read < *all).then(|| {
        format!(
            "{queue} has about {}, of which {read} were read: redrive or drop some of these to see the next, or use `automations dlq`",
            count(*all, "dead letter", "dead letters"),
        )
    });
    let held = (*held > 0).then(|| {
        format!("{held} of {queue} are held by another command, and visible again within 5 minutes")
    });
    let behind = has_more_behind.then(|| {
        format!("more may be behind the first messages of a ticket in {queue}, which SQS does not show")
    });
    [more, held, behind].into_iter().flatten().collect()
}

/// What is known of one, as `dlq show` prints it.
pub(super) fn facts(dead: &DeadLetter) -> Vec<(&'static str, String)> {
    let all = [
        ("Message", dead.id.clone()),
        ("Queue", dead.queue.clone()),
        ("Reason", dead.reason.clone()),
        ("Error", dead.error.clone()),
        ("Function", dead.function.clone()),
        ("First failure", dead.first_failure.clone()),
        ("Last failure", dead.last_failure.clone()),
        ("Received", dead.receives.clone()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn handler(dead: &DeadLetter) -> &str {
    dead.content.handler.as_deref().unwrap_or_default()
}

/// The timeline of what a dead letter is about, if it says so.
fn timeline(dead: &DeadLetter) -> Option<String> {
    let organisation = dead.content.organisation.as_ref()?.as_str();
    let ticket = dead.content.ticket.as_ref()?.as_str();
    Some(timeline_of(organisation, "ticket", ticket))
}
