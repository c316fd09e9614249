//! What the stand-in knows: organisations, their tickets, and what was done to them.

use super::control::show;
use super::fault::{Fault, Kind};
use super::objects::{Contact, Label, Ticket, Workflow, WorkflowStage, WorkflowType};
use super::token::{self, Claims};
use super::webhooks::{Due, Post, Webhooks};
use async_graphql::{ID, Result};
use automations::clock;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// 14 days, as observed.
const TOKEN_LIFETIME_SECONDS: u64 = 1_209_600;

/// The world, as all requests share it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// An empty world, whose webhooks go out by `post`.
    pub(super) fn new(post: Post) -> Self {
        Self(Arc::new(Mutex::new(World {
            organisations: BTreeMap::new(),
            users: Vec::new(),
            mutations: Vec::new(),
            faults: Vec::new(),
            webhooks: Vec::new(),
            post,
            oldest_token: BTreeMap::new(),
            last_token: 0,
            last_id: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose token a request carries.
pub(super) struct Caller(pub(super) Option<Claims>);

impl Caller {
    /// What the token says.
    pub(super) fn claims(&self) -> Result<&Claims> {
        self.0.as_ref().ok_or_else(|| "UNAUTHENTICATED".into())
    }
}

pub(super) struct World {
    /// By name.
    pub(super) organisations: BTreeMap<String, Organisation>,
    pub(super) users: Vec<User>,
    /// Every mutation that came, in order.
    pub(super) mutations: Vec<Arrival>,
    /// Every webhook that was due, in order.
    pub(super) webhooks: Vec<Due>,
    pub(super) post: Post,
    /// What is to go wrong.
    pub(super) faults: Vec<Fault>,
    /// By organisation's id: tokens issued before this serial number are refused.
    oldest_token: BTreeMap<String, u64>,
    last_token: u64,
    last_id: u64,
}

pub(super) struct Organisation {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) api_key: String,
    pub(super) owner: String,
    pub(super) tickets: BTreeMap<String, Ticket>,
    pub(super) contacts: BTreeMap<String, Contact>,
    pub(super) workflows: Vec<Workflow>,
    pub(super) labels: Vec<Label>,
    pub(super) webhooks: Webhooks,
}

/// A mutation that came.
#[derive(Clone, Serialize)]
pub(super) struct Arrival {
    /// The name of the organisation whose token it carried.
    pub(super) organisation: Option<String>,
    /// The mutation's field, for example `ticketUpdate`.
    pub(super) mutation: String,
    pub(super) variables: Value,
    /// What its field answered; null where it failed.
    pub(super) result: Value,
    /// The header `User-Agent`.
    pub(super) user_agent: String,
    /// The header `Accept-Encoding`.
    pub(super) accept_encoding: String,
    /// Milliseconds since 1970 began.
    pub(super) received_at: u64,
}

/// A person who signs in with a password.
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) password: String,
    /// The organisations that it may enter, by name; the first is the one that signing in leads to.
    pub(super) organisations: Vec<String>,
}

impl World {
    pub(super) fn organisation_by_id(&self, id: &str) -> Option<&Organisation> {
        self.organisations.values().find(|organisation| organisation.id == id)
    }

    /// The organisation of this name; made where there is none, with two workflows and three labels.
    pub(super) fn organisation(&mut self, name: &str) -> &mut Organisation {
        if !self.organisations.contains_key(name) {
            let organisation = self.new_organisation(name);
            self.organisations.insert(name.to_owned(), organisation);
        }
        self.organisations.entry(name.to_owned()).or_insert_with(|| unreachable!("it was inserted above"))
    }

    /// An id as the vendor's are. Ids of one process do not come again in another, nor after a reset.
    pub(super) fn new_id(&mut self) -> String {
        self.last_id = self.last_id.max(clock::now().as_millis()).saturating_add(1);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.last_id.to_be_bytes()).to_string()
    }

    /// A new token for this user in this organisation.
    pub(super) fn token(&mut self, user: &str, organisation: &str) -> String {
        self.last_token = self.last_token.saturating_add(1);
        token::issue(user, organisation, clock::now(), TOKEN_LIFETIME_SECONDS, self.last_token)
    }

    /// The organisations that a user may enter, each with the id by which it is entered, which is not its own.
    pub(super) fn memberships(&self, user: &str) -> Vec<(ID, &Organisation)> {
        let names = self.users.iter().find(|known| known.id == user).map(|known| &known.organisations);
        let is_in = |organisation: &&Organisation| {
            organisation.owner == user || names.is_some_and(|names| names.contains(&organisation.name))
        };
        let outer = |organisation: &Organisation| {
            ID(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{user} in {}", organisation.id).as_bytes())
                .to_string())
        };
        self.organisations.values().filter(is_in).map(|found| (outer(found), found)).collect()
    }

    /// Has the organisation's webhooks sent: a ticket was created, or changed from what it was before.
    pub(super) fn tell(&mut self, organisation: &str, before: Option<&Ticket>, id: &str) {
        let Some(organisation) = self.organisations.get_mut(organisation) else { return };
        let Some(ticket) = organisation.tickets.get(id) else { return };
        let actions: &[&str] = match before {
            None => &["ticket-created"],
            Some(before) if before.id_stage == ticket.id_stage => &["ticket-updated"],
            Some(_) => &["ticket-updated", "ticket-stage-changed"],
        };
        let shown = show(ticket);
        for action in actions {
            self.webhooks.extend(organisation.webhooks.send(action, &shown, &self.post));
        }
    }

    /// Refuses every token that was issued to an organisation until now.
    pub(super) fn expire_tokens(&mut self, organisation: &str) {
        let id = self.organisation(organisation).id.clone();
        self.oldest_token.insert(id, self.last_token.saturating_add(1));
    }

    /// Whom a token is for, where it is good.
    pub(super) fn caller(&self, token: &str) -> Option<Claims> {
        let claims = token::verify(token, clock::now())?;
        let oldest = self.oldest_token.get(&claims.id_current_organization).copied().unwrap_or(0);
        (claims.serial >= oldest).then_some(claims)
    }

    /// What goes wrong with this request; one less of it is left.
    pub(super) fn fault(&mut self, organisation: Option<&str>, document: &str) -> Option<Kind> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times > 0
                && fault.organisation.as_deref().is_none_or(|name| Some(name) == organisation)
                && fault.on.as_deref().is_none_or(|text| document.contains(text))
        })?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.kind.clone())
    }

    /// Forgets tickets, contacts, mutations and faults; organisations keep their keys, workflows and labels.
    pub(super) fn reset(&mut self) {
        self.mutations.clear();
        self.webhooks.clear();
        self.faults.clear();
        self.oldest_token.clear();
        for organisation in self.organisations.values_mut() {
            organisation.tickets.clear();
            organisation.contacts.clear();
        }
    }

    fn new_organisation(&mut self, name: &str) -> Organisation {
        let owner = self.new_id();
        let api_key =
            format!("{}{}", self.new_id(), self.new_id()).replace('-', "").chars().take(40).collect();
        let workflows = [
            ("Home loans", &["New lead", "Application", "Approved", "Settled", "Archived"][..]),
            ("Annual reviews", &["Due", "Contacted", "Done"][..]),
        ];
        let workflows = workflows.map(|(name, stages)| self.new_workflow(name, stages, &owner)).into();
        let labels = ["Client", "Refinance", "Post-settlement"];
        let labels = labels.map(|name| Label { id: ID(self.new_id()), name: name.to_owned() }).into();
        Organisation {
            id: self.new_id(),
            name: name.to_owned(),
            api_key,
            owner,
            tickets: BTreeMap::new(),
            contacts: BTreeMap::new(),
            workflows,
            labels,
            webhooks: Webhooks::default(),
        }
    }

    fn new_workflow(&mut self, name: &str, stages: &[&str], owner: &str) -> Workflow {
        let stage = |world: &mut Self, name: &str| WorkflowStage {
            id: ID(world.new_id()),
            name: name.to_owned(),
            timestamp: None,
        };
        Workflow {
            id: ID(self.new_id()),
            name: name.to_owned(),
            id_owner: Some(ID(owner.to_owned())),
            description: None,
            is_project: Some(false),
            id_team_members: Some(vec![ID(owner.to_owned())]),
            kind: Some(WorkflowType { name: Some("Home Loan".to_owned()) }),
            stages: stages.iter().map(|name| stage(self, name)).collect(),
            time_stamp: None,
        }
    }
}

impl Organisation {
    /// A ticket stands in a stage of its workflow.
    pub(super) fn check_place(&self, workflow: &ID, stage: &ID) -> Result<()> {
        let workflow = self.workflows.iter().find(|known| &known.id == workflow).ok_or("no such workflow")?;
        let stage = workflow.stages.iter().find(|known| &known.id == stage);
        stage.map(drop).ok_or_else(|| "no such stage in this workflow".into())
    }
}
