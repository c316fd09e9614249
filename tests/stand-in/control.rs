//! The control API, with which tests prepare data and check results.
//!
//! | request | effect |
//! |---|---|
//! | `POST /control/organisations` `{"name"}` | returns the organisation's API key, workflows and labels; creates it if it does not exist |
//! | `POST /control/tickets` | creates a ticket: any field of `Ticket`, or `workflow`, `stage`, `labels` by name |
//! | `PATCH /control/tickets/{id}` | changes a ticket, as a person in Salestrekker would; the same fields |
//! | `GET /control/tickets/{id}` | returns the ticket |
//! | `GET /control/mutations?organisation=` | returns all received mutations, in order, with their variables |
//! | `PUT /control/faults` `[{"is", "on", "times", "organisation"}]` | replaces the injected faults (`POST` adds to them); see `fault.rs` |
//! | `PUT /control/webhooks/{organisation}` | sets how its webhooks are sent; see `Webhooks` in `webhooks.rs` |
//! | `PUT /control/vendor/{organisation}` | sets how its API differs from the reconstructed one; see `Vendor` in `vendor.rs` |
//! | `POST /control/duplicates/{organisation}` `{"label"?, "workflow"?, "stage"?}` | adds another label, workflow, or stage of the first workflow, of this name |
//! | `GET /control/pending-webhooks` | returns `{"pending"}`: the number of webhooks that have not arrived yet |
//! | `GET /control/webhooks` | returns all webhooks that were due, in order, and whether each was lost |
//! | `POST /control/users` `{"email", "password", "organisations"}` | creates a user who is a member of these organisations; signing in leads to the first one |
//! | `POST /control/expire-tokens` `{"organisation"}` | invalidates all tokens that were issued to it until now |
//! | `POST /control/keys/{organisation}` | replaces its API key, as its administrator would: the old key and all tokens are refused; returns the new one |
//! | `POST /control/reset` | deletes tickets, contacts, mutations and faults |

use super::fault::Fault;
use super::objects::{CustomField, Label, Ticket, TicketClientType, TicketValues, Workflow, WorkflowStage};
use super::vendor::Vendor;
use super::webhooks::Webhooks;
use super::world::{Organisation, Shared, User};
use async_graphql::ID;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// The organisation if a request names none.
const DEFAULT_ORGANISATION: &str = "demo";

type ControlResult = Result<Json<Value>, (StatusCode, String)>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/control/organisations", post(organisation))
        .route("/control/tickets", post(create))
        .route("/control/tickets/{id}", get(ticket).patch(change))
        .route("/control/mutations", get(mutations))
        .route("/control/faults", put(faults).post(more_faults))
        .route("/control/pending-webhooks", get(pending_webhooks))
        .route("/control/webhooks", get(webhooks))
        .route("/control/webhooks/{organisation}", put(set_webhooks))
        .route("/control/vendor/{organisation}", put(set_vendor))
        .route("/control/duplicates/{organisation}", post(duplicate))
        .route("/control/users", post(user))
        .route("/control/expire-tokens", post(expire_tokens))
        .route("/control/keys/{organisation}", post(replace_key))
        .route("/control/reset", post(reset))
}

/// The fields of a ticket to create or change. Absent fields keep their value, or get a default in a new ticket.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TicketFields {
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
    values: Option<ValuesField>,
    description: Option<String>,
    is_active: Option<bool>,
    color: Option<String>,
    id_team_members: Option<Vec<String>>,
    custom_fields: Option<Vec<CustomField>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValuesField {
    once_off: f64,
    once_off_due_date: Option<String>,
}

#[derive(Deserialize)]
struct OrganisationName {
    name: String,
}

#[derive(Deserialize)]
struct Filter {
    organisation: Option<String>,
}

async fn organisation(State(world): State<Shared>, Json(new): Json<OrganisationName>) -> Json<Value> {
    let mut world = world.lock();
    let found = world.organisation(&new.name);
    let workflow = |workflow: &Workflow| {
        let stages: Vec<_> =
            workflow.stages.iter().map(|stage| json!({"id": *stage.id, "name": stage.name})).collect();
        json!({"id": *workflow.id, "name": workflow.name, "stages": stages})
    };
    let label = |label: &Label| json!({"id": *label.id, "name": label.name});
    Json(json!({
        "id": found.id,
        "name": found.name,
        "api_key": found.api_key,
        "workflows": found.workflows.iter().map(workflow).collect::<Vec<_>>(),
        "labels": found.labels.iter().map(label).collect::<Vec<_>>(),
    }))
}

async fn create(State(world): State<Shared>, Json(fields): Json<TicketFields>) -> ControlResult {
    let mut world = world.lock();
    let id = world.new_id();
    let name = fields.organisation.clone().unwrap_or_else(|| DEFAULT_ORGANISATION.to_owned());
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
        values: Some(TicketValues { once_off: Some(450_000.0), once_off_due_date: None }),
        is_active: Some(true),
        ..Ticket::default()
    };
    set_fields(&mut ticket, fields, organisation)?;
    let response = Json(to_json(&ticket));
    organisation.tickets.insert(id.clone(), ticket);
    world.send_webhooks(&name, None, &id);
    Ok(response)
}

async fn change(
    State(world): State<Shared>,
    Path(id): Path<String>,
    Json(fields): Json<TicketFields>,
) -> ControlResult {
    let mut world = world.lock();
    let organisation =
        world.organisations.values_mut().find(|organisation| organisation.tickets.contains_key(&id));
    let organisation = organisation.ok_or_else(|| not_found("ticket", &id))?;
    let before = organisation.tickets.get(&id).cloned().ok_or_else(|| not_found("ticket", &id))?;
    let mut ticket = before.clone();
    set_fields(&mut ticket, fields, organisation)?;
    let (name, response) = (organisation.name.clone(), Json(to_json(&ticket)));
    organisation.tickets.insert(id.clone(), ticket);
    world.send_webhooks(&name, Some(&before), &id);
    Ok(response)
}

async fn ticket(State(world): State<Shared>, Path(id): Path<String>) -> ControlResult {
    let world = world.lock();
    let ticket = world.organisations.values().find_map(|organisation| organisation.tickets.get(&id));
    ticket.map(|ticket| Json(to_json(ticket))).ok_or_else(|| not_found("ticket", &id))
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

async fn pending_webhooks(State(world): State<Shared>) -> Json<Value> {
    Json(json!({ "pending": world.lock().sender.pending() }))
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

async fn set_vendor(
    State(world): State<Shared>,
    Path(organisation): Path<String>,
    Json(vendor): Json<Vendor>,
) -> Json<Value> {
    let mut world = world.lock();
    let organisation = world.organisation(&organisation);
    organisation.vendor = vendor;
    Json(json!(organisation.vendor))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Duplicate {
    label: Option<String>,
    workflow: Option<String>,
    stage: Option<String>,
}

async fn duplicate(
    State(world): State<Shared>,
    Path(organisation): Path<String>,
    Json(Duplicate { label, workflow, stage }): Json<Duplicate>,
) -> Json<Value> {
    let mut world = world.lock();
    let id = ID(world.new_id());
    let organisation = world.organisation(&organisation);
    if let Some(name) = label {
        organisation.labels.push(Label { id: id.clone(), name });
    }
    if let (Some(name), Some(first)) = (workflow, organisation.workflows.first().cloned()) {
        organisation.workflows.push(Workflow { id: id.clone(), name, ..first });
    }
    if let (Some(name), Some(first)) = (stage, organisation.workflows.first_mut()) {
        first.stages.push(WorkflowStage { id: id.clone(), name, timestamp: None });
    }
    Json(json!({ "id": *id }))
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

async fn replace_key(State(world): State<Shared>, Path(name): Path<String>) -> Json<Value> {
    Json(json!({ "api_key": world.lock().replace_key(&name) }))
}

async fn reset(State(world): State<Shared>) -> Json<Value> {
    world.lock().reset();
    Json(json!({}))
}

fn set_fields(
    ticket: &mut Ticket,
    fields: TicketFields,
    organisation: &Organisation,
) -> Result<(), (StatusCode, String)> {
    if let Some(name) = fields.workflow {
        let workflow = organisation.workflows.iter().find(|workflow| workflow.name == name);
        let workflow = workflow.ok_or_else(|| not_found("workflow", &name))?;
        ticket.id_workflow = Some(workflow.id.clone());
        ticket.id_stage = workflow.stages.first().map(|stage| stage.id.clone());
    }
    set(&mut ticket.id_workflow, fields.id_workflow.map(ID));
    if let Some(name) = fields.stage {
        let workflow =
            organisation.workflows.iter().find(|workflow| Some(&workflow.id) == ticket.id_workflow.as_ref());
        let stage = workflow.and_then(|workflow| workflow.stages.iter().find(|stage| stage.name == name));
        ticket.id_stage = Some(stage.ok_or_else(|| not_found("stage", &name))?.id.clone());
    }
    if let Some(names) = fields.labels {
        let id = |name: &String| {
            organisation.labels.iter().find(|label| &label.name == name).map(|label| label.id.clone())
        };
        let ids = names.iter().map(|name| id(name).ok_or_else(|| not_found("label", name)));
        ticket.id_labels = Some(ids.collect::<Result<_, _>>()?);
    }
    let ids = |ids: Vec<String>| -> Vec<ID> { ids.into_iter().map(ID).collect() };
    set(&mut ticket.id_stage, fields.id_stage.map(ID));
    set(&mut ticket.id_owner, fields.id_owner.map(ID));
    set(&mut ticket.id_labels, fields.id_labels.map(ids));
    set(&mut ticket.id_clients, fields.id_clients.map(ids));
    set(&mut ticket.name, fields.name);
    set(&mut ticket.description, fields.description);
    set(&mut ticket.is_active, fields.is_active);
    set(&mut ticket.color, fields.color);
    set(&mut ticket.id_team_members, fields.id_team_members.map(ids));
    set(&mut ticket.custom_fields, fields.custom_fields);
    let due_before = ticket.values.as_ref().and_then(|values| values.once_off_due_date.clone());
    let values = fields.values.map(|values| TicketValues {
        once_off: Some(values.once_off),
        once_off_due_date: values.once_off_due_date.or(due_before),
    });
    set(&mut ticket.values, values);
    Ok(())
}

fn set<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// A ticket as JSON of the control API and of a webhook.
pub(super) fn to_json(ticket: &Ticket) -> Value {
    let ids = |ids: &Option<Vec<ID>>| ids.iter().flatten().map(|id| id.to_string()).collect::<Vec<_>>();
    let id = |id: &Option<ID>| id.as_ref().map(|id| id.to_string());
    let role =
        |role: &TicketClientType| json!({"idContact": id(&role.id_contact), "idLabel": id(&role.id_label)});
    json!({
        "id": *ticket.id,
        "name": ticket.name,
        "idOwner": id(&ticket.id_owner),
        "idWorkflow": id(&ticket.id_workflow),
        "idStage": id(&ticket.id_stage),
        "idLabels": ids(&ticket.id_labels),
        "idClients": ids(&ticket.id_clients),
        "values": {
            "onceOff": ticket.values.as_ref().and_then(|values| values.once_off),
            "onceOffDueDate": ticket.values.as_ref().and_then(|values| values.once_off_due_date.clone()),
        },
        "isActive": ticket.is_active,
        "ticketClientTypes": ticket.ticket_client_types.iter().flatten().map(role).collect::<Vec<_>>(),
        "description": ticket.description,
        "color": ticket.color,
        "idTeamMembers": ids(&ticket.id_team_members),
        "customFields": ticket.custom_fields,
    })
}

fn not_found(kind: &str, name: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("the stand-in has no {kind} {name:?}"))
}
