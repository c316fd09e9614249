//! The questions of a rehearsal about webhooks: whether our own change sends one, what a person's change sends, and what a response
//! with status 500 leads to.

use super::finding::{Answered, Rehearsed};
use super::steps::{Person, spare_label};
use crate::commands::organisation::Organisations;
use anyhow::{Context as _, Result};
use automations::aws::secret::TokenStage;
use automations::clock::{self, Timestamp};
use automations::id::{OrganisationId, TicketId};
use automations::salestrekker::Session;
use automations::store::ObservedWebhook;
use std::time::Duration;

/// How long the steps wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until every instance of webhook-ingest knows that webhooks are watched: each records the use of a token once a minute.
    pub watched: Duration,
    /// For the webhooks of our own change.
    pub own_change: Duration,
    /// For a person's change and all that it sends.
    pub person: Duration,
    /// Between two looks.
    pub interval: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            watched: Duration::from_secs(65),
            own_change: Duration::from_secs(30),
            person: Duration::from_mins(5),
            interval: Duration::from_secs(2),
        }
    }
}

const OWN_CHANGE: &str = "a webhook of a change by the API";
const PERSON: &str = "a webhook of a change by a person";
const FAILURE: &str = "a webhook that is answered with 500";

/// What is known while the steps run.
pub(super) struct Watching<'a, P> {
    pub(super) organisations: &'a Organisations,
    pub(super) organisation: &'a OrganisationId,
    pub(super) session: Session<'a>,
    pub(super) ticket: &'a TicketId,
    pub(super) patience: Patience,
    pub(super) person: &'a mut P,
}

impl<P: Person> Watching<'_, P> {
    /// Asks all questions, if there is a person who moves the deal. Nothing depends on the answers, so none is an obstacle.
    pub(super) async fn rehearse(&mut self, found: &mut Rehearsed) -> Result<()> {
        let asked = "have the test deal open in the browser, to move it to another stage when this asks for it. It takes up to eight \
                     minutes, and one webhook is answered with status 500 though it is accepted. Ready?";
        if !self.person.confirms(asked) {
            let text = "not asked: it needs a person who moves the test deal; run this again at a terminal";
            found.add(PERSON, Answered::Note, text);
            return Ok(());
        }
        let version = self.organisations.usable(self.organisation, TokenStage::Current).await?;
        let (version, _) = version.context("the organisation has no webhook token")?;
        let now = clock::now();
        let all = [self.patience.watched, self.patience.own_change, self.patience.person];
        let until = now.later(all.iter().sum());
        self.organisations.store.watch_webhooks(self.organisation, &version, (now, until)).await?;
        self.person.hears("waiting a minute, until every instance of webhook-ingest observes webhooks");
        wait(self.patience.watched).await;
        self.own_change(found).await?;
        self.persons_change(found).await
    }

    async fn own_change(&mut self, found: &mut Rehearsed) -> Result<()> {
        self.person.hears("adding a label and removing it, and waiting for webhooks of that");
        let before = self.session.ticket(self.ticket).await?;
        let Some(label) = spare_label(self.session, &before).await? else {
            found.add(OWN_CHANGE, Answered::Note, "not asked: there is no label that the test deal lacks");
            return Ok(());
        };
        let mut with = before.clone();
        with.id_labels.get_or_insert_default().push(label);
        let since = clock::now();
        self.session.update_ticket(with).await?;
        self.session.update_ticket(before).await?;
        // The whole time, so that none of them is taken for one of the person's change.
        wait(self.patience.own_change).await;
        let first = self.about_the_deal(since).await?.into_iter().next();
        let text = match first {
            Some(webhook) => format!("comes after {}: {}", seconds(since, webhook.at), shape(&webhook)),
            None => format!("none came within {} s", self.patience.own_change.as_secs()),
        };
        found.add(OWN_CHANGE, Answered::Note, text);
        Ok(())
    }

    async fn persons_change(&mut self, found: &mut Rehearsed) -> Result<()> {
        let stage = self.session.ticket(self.ticket).await?.id_stage;
        let since = clock::now();
        let end = since.later(self.patience.person);
        self.organisations.store.request_webhook_failure(self.organisation, since).await?;
        self.person.hears("NOW move the test deal to another stage in the browser");
        let (mut moved_at, mut heard) = (None, 0);
        let mut webhooks = Vec::new();
        while clock::now() < end {
            let now = self.session.ticket(self.ticket).await;
            if moved_at.is_none() && now.is_ok_and(|now| now.id_stage != stage) {
                moved_at = Some(clock::now());
                self.person.hears("the API shows the deal in another stage");
            }
            webhooks = self.about_the_deal(since).await?;
            for webhook in webhooks.iter().skip(heard) {
                self.person.hears(&format!("a webhook: {}", shape(webhook)));
            }
            heard = webhooks.len();
            if moved_at.is_some() && repeated(&webhooks).is_some() {
                break;
            }
            wait(self.patience.interval).await;
        }
        found.add(PERSON, Answered::Note, arrival(&webhooks, moved_at, self.patience.person));
        found.add(FAILURE, Answered::Note, repetition(&webhooks, self.patience.person));
        Ok(())
    }

    /// Webhooks that name the deal, and those that name no ticket: perhaps its id is where we do not look for it.
    async fn about_the_deal(&self, since: Timestamp) -> Result<Vec<ObservedWebhook>> {
        let mut all = self.organisations.store.observed_webhooks(self.organisation, since).await?;
        all.retain(|webhook| webhook.tickets.is_empty() || webhook.tickets.contains(self.ticket));
        Ok(all)
    }
}

async fn wait(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a person's change and its webhooks take their time")]
    tokio::time::sleep(duration).await;
}

fn arrival(webhooks: &[ObservedWebhook], moved_at: Option<Timestamp>, longest: Duration) -> String {
    match (webhooks.first(), moved_at) {
        (None, None) => format!("the deal was not moved within {} s", longest.as_secs()),
        (None, Some(_)) => format!(
            "none came within {} s: are the URLs of `automations organisation urls` in Salestrekker's settings?",
            longest.as_secs()
        ),
        (Some(first), None) => format!("{} (the API does not show the deal in another stage)", shape(first)),
        (Some(first), Some(moved)) => format!("after {}: {}", seconds(moved, first.at), shape(first)),
    }
}

fn repetition(webhooks: &[ObservedWebhook], longest: Duration) -> String {
    if !webhooks.iter().any(|webhook| webhook.answered_500) {
        return "not asked: no webhook came".to_owned();
    }
    match repeated(webhooks) {
        Some((failed, again)) => format!("is sent again after {}", seconds(failed.at, again.at)),
        None => format!("is not sent again within {} s", longest.as_secs()),
    }
}

/// The webhook that was answered with 500, and the same one once more; one move may send webhooks of several actions.
fn repeated(webhooks: &[ObservedWebhook]) -> Option<(&ObservedWebhook, &ObservedWebhook)> {
    let mut from_failed = webhooks.iter().skip_while(|webhook| !webhook.answered_500);
    let failed = from_failed.next()?;
    let is_same =
        |other: &&ObservedWebhook| other.action == failed.action && other.body_keys == failed.body_keys;
    Some((failed, from_failed.find(is_same)?))
}

/// The shape of a webhook in words.
fn shape(webhook: &ObservedWebhook) -> String {
    let names = if webhook.tickets.is_empty() { "names no ticket where we look" } else { "names the deal" };
    format!(
        "{} to {}, content type {}, {names}; body: {}; headers: {}",
        webhook.method,
        webhook.action,
        webhook.content_type.as_deref().unwrap_or("none"),
        listed(&webhook.body_keys),
        listed(&webhook.headers),
    )
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The clocks of Lambda and of this machine differ by less than what is shown.
fn seconds(from: Timestamp, to: Timestamp) -> String {
    let tenths = to.as_millis().saturating_sub(from.as_millis()) / 100;
    if tenths == 0 { "less than 0.1 s".to_owned() } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(at: u64, answered_500: bool) -> ObservedWebhook {
        ObservedWebhook {
            at: Timestamp::from_millis(at),
            method: "POST".to_owned(),
            action: "ticket-updated".to_owned(),
            content_type: Some("application/json".to_owned()),
            headers: vec!["content-type".to_owned()],
            body_keys: vec!["id".to_owned()],
            tickets: vec![TicketId::parse("t-1").unwrap()],
            answered_500,
        }
    }

    #[test]
    fn what_came_and_what_did_not_is_said() {
        let (moved, longest) = (Some(Timestamp::from_millis(1_000)), Duration::from_mins(5));
        let all = [webhook(2_500, true), webhook(62_500, false)];
        assert_eq!(
            arrival(&all, moved, longest),
            "after 1.5 s: POST to ticket-updated, content type application/json, names the deal; body: id; headers: content-type"
        );
        assert_eq!(repetition(&all, longest), "is sent again after 60.0 s");
        assert_eq!(repetition(&all[..1], longest), "is not sent again within 300 s");
        let other = ObservedWebhook { action: "ticket-stage-changed".to_owned(), ..webhook(2_600, false) };
        assert!(repeated(&[webhook(2_500, true), other.clone()]).is_none(), "a webhook of another action");
        assert!(repeated(&[webhook(2_500, true), other, webhook(9_000, false)]).is_some());
        assert_eq!(repetition(&all[1..], longest), "not asked: no webhook came");
        assert_eq!(arrival(&[], None, longest), "the deal was not moved within 300 s");
        assert!(arrival(&[], moved, longest).contains("organisation urls"));
        assert!(arrival(&all, None, longest).contains("does not show"));
        let unnamed = ObservedWebhook { tickets: vec![], ..webhook(1_000, false) };
        assert!(arrival(&[unnamed], moved, longest).starts_with("after less than 0.1 s: "));
    }
}
