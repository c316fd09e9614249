//! The control API: what a test arranges, and what it looks at afterwards.
//!
//! | request | what |
//! |---|---|
//! | `POST /control/organisations` `{"name"}` | the organisation's API key, workflows and labels; made where there is none |
//! | `POST /control/tickets` | a new ticket: any field of `Ticket`, or `workflow`, `stage`, `labels` by name |
//! | `PATCH /control/tickets/{id}` | changes a ticket, as a person at the screen would; the same fields |
//! | `GET /control/tickets/{id}` | the ticket as it is |
//! | `GET /control/mutations?organisation=` | every mutation that came, in order, with its variables |
//! | `PUT /control/faults` `[{"is", "on", "times", "organisation"}]` | replaces what is to go wrong (`POST` adds to it); see `fault.rs` |
//! | `PUT /control/webhooks/{organisation}` | how its webhooks are sent; see `Webhooks` in `webhooks.rs` |
//! | `GET /control/post` | `{"pending"}`: how many webhooks have not arrived yet |
//! | `GET /control/webhooks` | every webhook that was due, in order, and whether it was lost |
//! | `POST /control/users` `{"email", "password", "organisations"}` | a user who may enter these organisations, the first by signing in |
//! | `POST /control/expire-tokens` `{"organisation"}` | refuses every token issued to it until now |
//! | `POST /control/reset` | forgets tickets, contacts, mutations and faults |

use super::fault::Fault;
use super::objects::{Ticket, TicketValues, Workflow};
use super::webhooks::Webhooks;
use super::world::{Organisation, Shared, User};
use async_graphql::ID;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where no organisation is named.
const DEFAULT_ORGANISATION: &str = "demo";

type Answer = Result<Json<Value>, (StatusCode, String)>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/control/organisations", post(organisation))
        .route("/control/tickets", post(create))
        .route("/control/tickets/{id}", get(ticket).patch(change))
        .route("/control/mutations", get(mutations))
        .route("/control/faults", put(faults).post(more_faults))
        .route("/control/post", get(pending))
        .route("/control/webhooks", get(webhooks))
        .route("/control/webhooks/{organisation}", put(set_webhooks))
        .route("/control/users", post(user))
        .route("/control/expire-tokens", post(expire_tokens))
        .route("/control/reset", post(reset))
}

/// A ticket as a test arranges it; what is absent stays as it is, or is made up.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arranged {
    organisation: Option<String>,
    name: Option<String>,
    workflow: Option<String>,
    stage: Option<String>,
    labels: Option<Vec<String>>,
    id_owner: Option<String>,
    id_workflow: Option<String>,
    id_stage: Option<String>,
    id_labels: Option<Vec<String>>,
    id_clients: Option<Vec<String>>,
    values: Option<ArrangedValues>,
    description: Option<String>,
    is_active: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArrangedValues {
    once_off: f64,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Filter {
    organisation: Option<String>,
}

async fn organisation(State(world): State<Shared>, Json(named): Json<Named>) -> Json<Value> {
    let mut world = world.lock();
    let found = world.organisation(&named.name);
    let workflow = |workflow: &Workflow| {
        let stages: Vec<_> =
            workflow.stages.iter().map(|stage| json!({"id": *stage.id, "name": stage.name})).collect();
        json!({"id": *workflow.id, "name": workflow.name, "stages": stages})
    };
    let label = |label: &super::objects::Label| json!({"id": *label.id, "name": label.name});
    Json(json!({
        "id": found.id,
        "name": found.name,
        "api_key": found.api_key,
        "workflows": found.workflows.iter().map(workflow).collect::<Vec<_>>(),
        "labels": found.labels.iter().map(label).collect::<Vec<_>>(),
    }))
}

async fn create(State(world): State<Shared>, Json(arranged): Json<Arranged>) -> Answer {
    let mut world = world.lock();
    let id = world.new_id();
    let name = arranged.organisation.clone().unwrap_or_else(|| DEFAULT_ORGANISATION.to_owned());
    let organisation = world.organisation(&name);
    let first = organisation.workflows.first();
    let mut ticket = Ticket {
        id: ID(id.clone()),
        name: Some("Jane Citizen, home loan".to_owned()),
        id_owner: Some(ID(organisation.owner.clone())),
        id_workflow: first.map(|workflow| workflow.id.clone()),
        id_stage: first.and_then(|workflow| workflow.stages.first()).map(|stage| stage.id.clone()),
        id_labels: Some(Vec::new()),
        id_clients: Some(Vec::new()),
        ticket_client_types: Some(Vec::new()),
        values: Some(TicketValues { once_off: Some(450_000.0) }),
        time_stamp: None,
        assets: None,
        description: None,
        is_active: Some(true),
    };
    arrange(&mut ticket, arranged, organisation)?;
    let shown = Json(show(&ticket));
    organisation.tickets.insert(id.clone(), ticket);
    world.tell(&name, None, &id);
    Ok(shown)
}

async fn change(
    State(world): State<Shared>,
    Path(id): Path<String>,
    Json(arranged): Json<Arranged>,
) -> Answer {
    let mut world = world.lock();
    let organisation =
        world.organisations.values_mut().find(|organisation| organisation.tickets.contains_key(&id));
    let organisation = organisation.ok_or_else(|| no_such("ticket", &id))?;
    let before = organisation.tickets.get(&id).cloned().ok_or_else(|| no_such("ticket", &id))?;
    let mut ticket = before.clone();
    arrange(&mut ticket, arranged, organisation)?;
    let (name, shown) = (organisation.name.clone(), Json(show(&ticket)));
    organisation.tickets.insert(id.clone(), ticket);
    world.tell(&name, Some(&before), &id);
    Ok(shown)
}

async fn ticket(State(world): State<Shared>, Path(id): Path<String>) -> Answer {
    let world = world.lock();
    let ticket = world.organisations.values().find_map(|organisation| organisation.tickets.get(&id));
    ticket.map(|ticket| Json(show(ticket))).ok_or_else(|| no_such("ticket", &id))
}

async fn mutations(State(world): State<Shared>, Query(filter): Query<Filter>) -> Json<Value> {
    let world = world.lock();
    let wanted = |name: &Option<String>| filter.organisation.is_none() || name == &filter.organisation;
    Json(json!(world.mutations.iter().filter(|received| wanted(&received.organisation)).collect::<Vec<_>>()))
}

async fn faults(State(world): State<Shared>, Json(faults): Json<Vec<Fault>>) -> Json<Value> {
    let mut world = world.lock();
    world.faults = faults;
    Json(json!(world.faults))
}

async fn more_faults(State(world): State<Shared>, Json(faults): Json<Vec<Fault>>) -> Json<Value> {
    let mut world = world.lock();
    world.faults.extend(faults);
    Json(json!(world.faults))
}

async fn webhooks(State(world): State<Shared>) -> Json<Value> {
    Json(json!(world.lock().webhooks))
}

async fn pending(State(world): State<Shared>) -> Json<Value> {
    Json(json!({ "pending": world.lock().post.pending() }))
}

async fn set_webhooks(
    State(world): State<Shared>,
    Path(organisation): Path<String>,
    Json(webhooks): Json<Webhooks>,
) -> Json<Value> {
    let mut world = world.lock();
    let organisation = world.organisation(&organisation);
    organisation.webhooks = webhooks;
    Json(json!(organisation.webhooks))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    email: String,
    password: String,
    organisations: Vec<String>,
}

async fn user(State(world): State<Shared>, Json(new): Json<NewUser>) -> Json<Value> {
    let mut world = world.lock();
    let id = world.new_id();
    for name in &new.organisations {
        world.organisation(name);
    }
    let NewUser { email, password, organisations } = new;
    world.users.push(User { id: id.clone(), email, password, organisations });
    Json(json!({ "id": id }))
}

async fn expire_tokens(State(world): State<Shared>, Json(filter): Json<Filter>) -> Json<Value> {
    world.lock().expire_tokens(filter.organisation.as_deref().unwrap_or(DEFAULT_ORGANISATION));
    Json(json!({}))
}

async fn reset(State(world): State<Shared>) -> Json<Value> {
    world.lock().reset();
    Json(json!({}))
}

fn arrange(
    ticket: &mut Ticket,
    arranged: Arranged,
    organisation: &Organisation,
) -> Result<(), (StatusCode, String)> {
    if let Some(name) = arranged.workflow {
        let workflow = organisation.workflows.iter().find(|workflow| workflow.name == name);
        let workflow = workflow.ok_or_else(|| no_such("workflow", &name))?;
        ticket.id_workflow = Some(workflow.id.clone());
        ticket.id_stage = workflow.stages.first().map(|stage| stage.id.clone());
    }
    set(&mut ticket.id_workflow, arranged.id_workflow.map(ID));
    if let Some(name) = arranged.stage {
        let workflow =
            organisation.workflows.iter().find(|workflow| Some(&workflow.id) == ticket.id_workflow.as_ref());
        let stage = workflow.and_then(|workflow| workflow.stages.iter().find(|stage| stage.name == name));
        ticket.id_stage = Some(stage.ok_or_else(|| no_such("stage", &name))?.id.clone());
    }
    if let Some(names) = arranged.labels {
        let id = |name: &String| {
            organisation.labels.iter().find(|label| &label.name == name).map(|label| label.id.clone())
        };
        let ids = names.iter().map(|name| id(name).ok_or_else(|| no_such("label", name)));
        ticket.id_labels = Some(ids.collect::<Result<_, _>>()?);
    }
    let ids = |ids: Vec<String>| ids.into_iter().map(ID).collect();
    set(&mut ticket.id_stage, arranged.id_stage.map(ID));
    set(&mut ticket.id_owner, arranged.id_owner.map(ID));
    set(&mut ticket.id_labels, arranged.id_labels.map(ids));
    set(&mut ticket.id_clients, arranged.id_clients.map(ids));
    set(&mut ticket.name, arranged.name);
    set(&mut ticket.description, arranged.description);
    set(&mut ticket.is_active, arranged.is_active);
    set(&mut ticket.values, arranged.values.map(|values| TicketValues { once_off: Some(values.once_off) }));
    Ok(())
}

fn set<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// A ticket as the control API and a webhook show it.
pub(super) fn show(ticket: &Ticket) -> Value {
    let ids = |ids: &Option<Vec<ID>>| ids.iter().flatten().map(|id| id.to_string()).collect::<Vec<_>>();
    let id = |id: &Option<ID>| id.as_ref().map(|id| id.to_string());
    json!({
        "id": *ticket.id,
        "name": ticket.name,
        "idOwner": id(&ticket.id_owner),
        "idWorkflow": id(&ticket.id_workflow),
        "idStage": id(&ticket.id_stage),
        "idLabels": ids(&ticket.id_labels),
        "idClients": ids(&ticket.id_clients),
        "values": {"onceOff": ticket.values.as_ref().and_then(|values| values.once_off)},
        "isActive": ticket.is_active,
    })
}

fn no_such(kind: &str, name: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("the stand-in has no {kind} {name:?}"))
}
