//! The questions of a rehearsal, in order. Whatever happens, the ticket is written back as it was at the end.

use super::difference::{difference, fields_with_values};
use super::finding::{Answered, Rehearsed};
use anyhow::{Context as _, Result};
use automations::failure::Failure as _;
use automations::id::{LabelId, TicketId};
use automations::private::Private;
use automations::salestrekker::{Answer, Error, FullTicket, Probe, Session, update_fields};
use serde_json::Value;
use std::collections::BTreeSet;

/// Queries that are sent at once.
const BURST: usize = 20;

/// The person at the terminal.
pub trait Person {
    /// Says what happens now.
    fn hears(&mut self, text: &str);
    /// Whether they say yes to this question; no if there is no person.
    fn confirms(&mut self, question: &str) -> bool;
}

/// What is known while the steps run.
struct Rehearsing<'a, P> {
    session: Session<'a>,
    ticket: &'a TicketId,
    /// The API's schema, if it can be fetched.
    schema: Option<Value>,
    before: FullTicket,
    view_before: Private<Value>,
    /// The fields that the unchanged write cleared.
    cleared: BTreeSet<String>,
    found: Rehearsed,
    person: &'a mut P,
}

/// Asks all questions on this ticket.
pub(super) async fn rehearse(
    session: Session<'_>,
    ticket: &TicketId,
    foreign: Option<&TicketId>,
    person: &mut impl Person,
) -> Result<Rehearsed> {
    let mut found = Rehearsed { findings: Vec::new() };
    person.hears("reading the schema and the ticket");
    let schema = session.introspect().await;
    match &schema {
        Ok(_) => found.add(
            "introspection",
            Answered::Note,
            "allowed: `automations schema fetch`, then `schema adopt`",
        ),
        Err(error) => found.add(
            "introspection",
            Answered::Note,
            format!("not allowed ({}): ask the vendor for the schema", error.reason()),
        ),
    }
    let before = session.ticket(ticket).await.context("the test deal cannot be read")?;
    let view_before =
        session.whole_view(ticket, schema.as_ref().ok()).await.context("the test deal cannot be read")?;
    let dropped = session.dropped_fields();
    let lacks = if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") };
    found.add("fields that the schema lacks", Answered::Note, lacks);
    let schema = schema.ok();
    let mut rehearsing =
        Rehearsing { session, ticket, schema, before, view_before, cleared: BTreeSet::new(), found, person };
    let asked = rehearsing.questions(foreign).await;
    rehearsing.restore().await;
    asked?;
    Ok(rehearsing.found)
}

impl<P: Person> Rehearsing<'_, P> {
    async fn questions(&mut self, foreign: Option<&TicketId>) -> Result<()> {
        self.person.hears("asking for what does not exist or is not permitted");
        self.probe("an invalid token", &Probe::InvalidToken).await?;
        self.probe("an unknown ticket", &Probe::UnknownTicket).await?;
        match foreign {
            Some(id) => self.probe("a ticket of another organisation", &Probe::ForbiddenTicket(id)).await?,
            None => self.found.add(
                "a ticket of another organisation",
                Answered::Note,
                "not asked: give one with --foreign-ticket",
            ),
        }
        self.burst().await?;
        self.person.hears("writing the ticket as it is");
        if !self.unchanged_write().await? {
            return Ok(());
        }
        self.person.hears("adding a label and removing it");
        self.label().await?;
        self.person.hears("writing a stage that does not exist");
        self.bad_value().await
    }

    async fn probe(&mut self, question: &'static str, probe: &Probe<'_>) -> Result<()> {
        let answer = self.session.probe(probe).await?;
        self.found.add(question, Answered::Note, answer.to_string());
        Ok(())
    }

    async fn burst(&mut self) -> Result<()> {
        let answers = self.session.burst(BURST).await?;
        let throttled: Vec<&Answer> = answers.iter().filter(|answer| answer.is_throttled()).collect();
        let text = match throttled.first() {
            None => format!("{BURST} queries at once: none throttled"),
            Some(first) => format!("{BURST} queries at once: {} throttled, as {first}", throttled.len()),
        };
        self.found.add("throttling", Answered::Note, text);
        Ok(())
    }

    /// Whether the ticket can be written at all.
    async fn unchanged_write(&mut self) -> Result<bool> {
        if let Err(error) = self.session.update_ticket(self.before.clone()).await {
            self.found.add("an unchanged write", Answered::Bad, refused(&error));
            return Ok(false);
        }
        let changed = self.changed().await?;
        let sent = update_fields();
        // That a ticket stays active says nothing of what people typed.
        let is_evidence = |field: &String| !sent.contains(field) && field != "isActive";
        let view = fields_with_values(self.view_before.reveal());
        let omitted: BTreeSet<String> = view.into_iter().filter(is_evidence).collect();
        let is_omitted = |path: &String| {
            path.split('.').next().is_some_and(|field| !sent.contains(field)) || path.contains('.')
        };
        let (lost, other): (BTreeSet<String>, BTreeSet<String>) = changed.into_iter().partition(is_omitted);
        if other.is_empty() {
            self.found.add("an unchanged write", Answered::Good, "changes nothing that is sent");
        } else {
            self.found.add("an unchanged write", Answered::Bad, format!("changes {}", listed(&other)));
        }
        self.omitted(&lost, &omitted);
        self.cleared = lost;
        Ok(true)
    }

    /// Whether what an update does not send survives.
    fn omitted(&mut self, lost: &BTreeSet<String>, observable: &BTreeSet<String>) {
        let question = "fields that an update does not send";
        if !lost.is_empty() {
            let next =
                "`automations schema adopt` makes updates send them; fill them in again on the test deal";
            self.found.add(question, Answered::Bad, format!("are cleared: {}; {next}", listed(lost)));
            return;
        }
        if !observable.is_empty() {
            self.found.add(question, Answered::Good, format!("survive: {}", listed(observable)));
            return;
        }
        let asked = "the API shows nothing that an update does not send. Open the test deal in the browser: are description, dates, \
                     team, colour and custom fields as they were?";
        if self.person.confirms(asked) {
            self.found.add(question, Answered::Good, "survive, as a person saw in the browser");
        } else {
            let next =
                "fill in the description and the dates of the test deal, and run this again at a terminal";
            self.found.add(
                question,
                Answered::Unknown,
                format!("no such field has a value that can be read; {next}"),
            );
        }
    }

    async fn label(&mut self) -> Result<()> {
        let question = "a change of one label";
        let Some(label) = spare_label(self.session, &self.before).await? else {
            self.found.add(
                question,
                Answered::Unknown,
                "the organisation has no label that the test deal lacks; make one",
            );
            return Ok(());
        };
        let mut with = self.session.ticket(self.ticket).await?;
        with.id_labels.get_or_insert_default().push(label.clone());
        if let Err(error) = self.session.update_ticket(with).await {
            self.found.add(question, Answered::Bad, refused(&error));
            return Ok(());
        }
        let after = self.session.ticket(self.ticket).await?;
        let mut changed = self.changed().await?;
        let is_there = after.id_labels.as_ref().is_some_and(|labels| labels.contains(&label));
        changed.remove("idLabels");
        // What the unchanged write cleared is reported there.
        changed.retain(|path| !self.cleared.contains(path));
        match (is_there, changed.is_empty()) {
            (true, true) => self.found.add(question, Answered::Good, "changes only the labels"),
            (false, _) => self.found.add(question, Answered::Bad, "is accepted and has no effect"),
            (true, false) => {
                self.found.add(question, Answered::Bad, format!("changes {} too", listed(&changed)));
            }
        }
        let mut without = after;
        without.id_labels.get_or_insert_default().retain(|other| *other != label);
        self.session.update_ticket(without).await?;
        Ok(())
    }

    async fn bad_value(&mut self) -> Result<()> {
        let now = self.session.ticket(self.ticket).await?;
        let answer = self.session.probe(&Probe::BadValue(&now)).await?;
        let after = self.session.ticket(self.ticket).await?;
        let is_kept = after.id_stage == now.id_stage;
        let text = format!("{answer}{}", if is_kept { "" } else { ", and the ticket has no stage any more" });
        self.found.add(
            "a stage that does not exist",
            if is_kept { Answered::Note } else { Answered::Bad },
            text,
        );
        Ok(())
    }

    /// The fields that differ from the beginning.
    async fn changed(&self) -> Result<BTreeSet<String>> {
        let view = self.session.whole_view(self.ticket, self.schema.as_ref()).await?;
        Ok(difference(self.view_before.reveal(), view.reveal()))
    }

    /// Writes the ticket back as it was, if it is not.
    async fn restore(&mut self) {
        let question = "the test deal afterwards";
        let restored = match self.session.ticket(self.ticket).await {
            Ok(now) if now == self.before => Ok(()),
            Ok(_) => self.session.update_ticket(self.before.clone()).await,
            Err(error) => Err(error),
        };
        let text = match restored {
            Ok(()) => "is as it was, as far as an update can send it".to_owned(),
            Err(error) => format!("could not be restored: {}", refused(&error)),
        };
        self.found.add(question, Answered::Note, text);
    }
}

/// A label of the organisation that this ticket does not have.
pub(super) async fn spare_label(session: Session<'_>, ticket: &FullTicket) -> Result<Option<LabelId>> {
    let own = ticket.id_labels.as_deref().unwrap_or_default();
    let all = session.all_labels().await?.into_iter().map(|label| label.id);
    Ok(all.into_iter().find(|label| !own.contains(label)))
}

fn refused(error: &Error) -> String {
    format!("is refused: {}", error.reason())
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
