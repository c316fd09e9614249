//! The stand-in's state: organisations, their tickets, and the received mutations.

use super::control::to_json;
use super::fault::{Fault, Kind};
use super::objects::{Contact, Label, Ticket, Workflow, WorkflowStage, WorkflowType};
use super::token::{self, Claims};
use super::vendor::Vendor;
use super::webhooks::{DueWebhook, WebhookSender, Webhooks};
use async_graphql::{ID, Result};
use automations::clock;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// 14 days, as observed.
const TOKEN_LIFETIME_SECONDS: u64 = 1_209_600;

/// The state that all requests share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// An empty world that sends its webhooks with `sender`.
    pub(super) fn new(sender: WebhookSender) -> Self {
        Self(Arc::new(Mutex::new(World {
            organisations: BTreeMap::new(),
            users: Vec::new(),
            mutations: Vec::new(),
            faults: Vec::new(),
            webhooks: Vec::new(),
            sender,
            oldest_token: BTreeMap::new(),
            last_token: 0,
            last_id: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The claims of the token that a request carries, if it is valid.
pub(super) struct Caller(pub(super) Option<Claims>);

impl Caller {
    /// The claims of the token.
    pub(super) fn claims(&self) -> Result<&Claims> {
        self.0.as_ref().ok_or_else(|| "UNAUTHENTICATED".into())
    }
}

pub(super) struct World {
    /// By name.
    pub(super) organisations: BTreeMap<String, Organisation>,
    pub(super) users: Vec<User>,
    /// All received mutations, in order.
    pub(super) mutations: Vec<ReceivedMutation>,
    /// All webhooks that were due, in order.
    pub(super) webhooks: Vec<DueWebhook>,
    pub(super) sender: WebhookSender,
    /// Injected faults.
    pub(super) faults: Vec<Fault>,
    /// By organisation id: the smallest serial number of a token that is accepted.
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
    pub(super) vendor: Vendor,
}

/// A received mutation.
#[derive(Clone, Serialize)]
pub(super) struct ReceivedMutation {
    /// The name of the organisation whose token it carried.
    pub(super) organisation: Option<String>,
    /// The mutation's field, for example `ticketUpdate`.
    pub(super) mutation: String,
    pub(super) variables: Value,
    /// The result of the field; null if it failed.
    pub(super) result: Value,
    /// The header `User-Agent`.
    pub(super) user_agent: String,
    /// The header `Accept-Encoding`.
    pub(super) accept_encoding: String,
    /// Milliseconds since 1970.
    pub(super) received_at: u64,
}

/// A person who signs in with a password.
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) password: String,
    /// The names of the organisations that the user is a member of; signing in leads to the first one.
    pub(super) organisations: Vec<String>,
}

impl World {
    pub(super) fn organisation_by_id(&self, id: &str) -> Option<&Organisation> {
        self.organisations.values().find(|organisation| organisation.id == id)
    }

    /// The organisation with this name; created with two workflows and three labels if it does not exist.
    pub(super) fn organisation(&mut self, name: &str) -> &mut Organisation {
        if !self.organisations.contains_key(name) {
            let organisation = self.new_organisation(name);
            self.organisations.insert(name.to_owned(), organisation);
        }
        self.organisations.entry(name.to_owned()).or_insert_with(|| unreachable!("it was inserted above"))
    }

    /// An id in the vendor's format. It is unique across processes and resets.
    pub(super) fn new_id(&mut self) -> String {
        self.last_id = self.last_id.max(clock::now().as_millis()).saturating_add(1);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.last_id.to_be_bytes()).to_string()
    }

    /// A new token for this user in this organisation.
    pub(super) fn token(&mut self, user: &str, organisation: &str) -> String {
        self.last_token = self.last_token.saturating_add(1);
        token::issue(user, organisation, clock::now(), TOKEN_LIFETIME_SECONDS, self.last_token)
    }

    /// The organisations that a user is a member of, each with the membership's id, which is not the organisation's id.
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

    /// Sends the organisation's webhooks for a ticket that was created, or changed from `before`.
    pub(super) fn send_webhooks(&mut self, organisation: &str, before: Option<&Ticket>, id: &str) {
        let Some(organisation) = self.organisations.get_mut(organisation) else { return };
        let Some(ticket) = organisation.tickets.get(id) else { return };
        let actions: &[&str] = match before {
            None => &["ticket-created"],
            Some(before) if before.id_stage == ticket.id_stage => &["ticket-updated"],
            Some(_) => &["ticket-updated", "ticket-stage-changed"],
        };
        let json = to_json(ticket);
        for action in actions {
            self.webhooks.extend(organisation.webhooks.send(action, &json, &self.sender));
        }
    }

    /// Invalidates all tokens that were issued to an organisation until now.
    pub(super) fn expire_tokens(&mut self, organisation: &str) {
        let id = self.organisation(organisation).id.clone();
        self.oldest_token.insert(id, self.last_token.saturating_add(1));
    }

    /// Gives an organisation another API key, which it returns, and invalidates its tokens.
    pub(super) fn replace_key(&mut self, organisation: &str) -> String {
        let key = self.new_key();
        self.expire_tokens(organisation);
        self.organisation(organisation).api_key.clone_from(&key);
        key
    }

    fn new_key(&mut self) -> String {
        format!("{}{}", self.new_id(), self.new_id()).replace('-', "").chars().take(40).collect()
    }

    /// The claims of a token, if it is valid.
    pub(super) fn caller(&self, token: &str) -> Option<Claims> {
        let claims = token::verify(token, clock::now())?;
        let oldest = self.oldest_token.get(&claims.id_current_organization).copied().unwrap_or(0);
        (claims.serial >= oldest).then_some(claims)
    }

    /// The fault of this request, if any; uses it up once.
    pub(super) fn fault(&mut self, organisation: Option<&str>, request: &str) -> Option<Kind> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times > 0
                && fault.organisation.as_deref().is_none_or(|name| Some(name) == organisation)
                && fault.on.as_deref().is_none_or(|text| request.contains(text))
        })?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.kind.clone())
    }

    /// Deletes tickets, contacts, mutations and faults; organisations keep their keys, workflows and labels.
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
        let api_key = self.new_key();
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
            vendor: Vendor::default(),
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
    /// Checks that the stage is one of the workflow.
    pub(super) fn check_stage(&self, workflow: Option<&ID>, stage: Option<&ID>) -> Result<()> {
        let workflow = self.workflows.iter().find(|known| Some(&known.id) == workflow);
        let stage = workflow.ok_or("no such workflow")?.stages.iter().find(|known| Some(&known.id) == stage);
        stage.map(drop).ok_or_else(|| "no such stage in this workflow".into())
    }
}
