//! What the stand-in knows: organisations, their tickets, and what was done to them.

use super::objects::{Contact, Label, Ticket, Workflow, WorkflowStage, WorkflowType};
use super::token;
use async_graphql::{ID, Result};
use automations::clock;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// 14 days, as observed.
const TOKEN_LIFETIME_SECONDS: u64 = 1_209_600;

/// The world, as all requests share it.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of the organisation whose token a request carries.
pub(super) struct Caller(pub(super) Option<String>);

#[derive(Default)]
pub(super) struct World {
    /// By name.
    pub(super) organisations: BTreeMap<String, Organisation>,
    /// Every mutation that came, in order.
    pub(super) mutations: Vec<Arrival>,
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
    /// Milliseconds since 1970 began.
    pub(super) received_at: u64,
}

/// Something that is to go wrong: the next `times` requests that fit are answered with this status and no JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// Only for this organisation, by name; for all where absent.
    #[serde(default)]
    pub(super) organisation: Option<String>,
    /// Only for requests whose document holds this text, for example `ticketCreate`.
    #[serde(default)]
    pub(super) on: Option<String>,
    /// How often; once where absent.
    #[serde(default = "once")]
    pub(super) times: u32,
    /// The HTTP status, for example 503.
    pub(super) status: u16,
    /// The header `Retry-After`, in seconds.
    #[serde(default)]
    pub(super) retry_after: Option<u32>,
}

fn once() -> u32 {
    1
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

    pub(super) fn token(&mut self, organisation: &str) -> String {
        self.last_token = self.last_token.saturating_add(1);
        let owner =
            self.organisation_by_id(organisation).map(|found| found.owner.clone()).unwrap_or_default();
        token::issue(&owner, organisation, clock::now(), TOKEN_LIFETIME_SECONDS, self.last_token)
    }

    /// Refuses every token that was issued to an organisation until now.
    pub(super) fn expire_tokens(&mut self, organisation: &str) {
        let id = self.organisation(organisation).id.clone();
        self.oldest_token.insert(id, self.last_token.saturating_add(1));
    }

    /// The id of the organisation that a token is for, where the token is good.
    pub(super) fn caller(&self, token: &str) -> Option<String> {
        let (organisation, serial) = token::verify(token, clock::now())?;
        (serial >= self.oldest_token.get(&organisation).copied().unwrap_or(0)).then_some(organisation)
    }

    /// The fault that this request meets, used up by one.
    pub(super) fn fault(&mut self, organisation: Option<&str>, document: &str) -> Option<Fault> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times > 0
                && fault.organisation.as_deref().is_none_or(|name| Some(name) == organisation)
                && fault.on.as_deref().is_none_or(|text| document.contains(text))
        })?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.clone())
    }

    /// Forgets tickets, contacts, mutations and faults; organisations keep their keys, workflows and labels.
    pub(super) fn reset(&mut self) {
        self.mutations.clear();
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
