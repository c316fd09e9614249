//! The stand-in over HTTP: `POST /graphql` as the vendor's, and the control API.

use super::control;
use super::mutation::Mutation;
use super::query::Query;
use super::world::{Arrival, Caller, Fault, Shared};
use async_graphql::parser::types::{OperationType, Selection};
use async_graphql::{EmptySubscription, Request, Schema};
use automations::clock;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

type Salestrekker = Schema<Query, Mutation, EmptySubscription>;

/// The whole stand-in, its state fresh.
pub fn server() -> Router {
    let world = Shared::default();
    let graphql = Router::new().route("/graphql", post(graphql)).with_state((schema(&world), world.clone()));
    graphql.merge(control::routes().with_state(world))
}

fn schema(world: &Shared) -> Salestrekker {
    Schema::build(Query, Mutation, EmptySubscription).data(world.clone()).finish()
}

async fn graphql(
    State((schema, world)): State<(Salestrekker, Shared)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<Request>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is no GraphQL request").into_response();
    };
    let (fields, is_mutation) = top_fields(&request.query);
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let (caller, name, fault) = {
        let mut world = world.lock();
        let caller = token.and_then(|token| world.caller(token));
        let name =
            caller.as_ref().and_then(|id| world.organisation_by_id(id)).map(|found| found.name.clone());
        let fault = world.fault(name.as_deref(), &request.query);
        (caller, name, fault)
    };
    if let Some(fault) = fault {
        return broken(&fault);
    }
    if caller.is_none() && fields != ["authenticate"] {
        let error =
            json!({"errors": [{"message": "not signed in", "extensions": {"code": "UNAUTHENTICATED"}}]});
        return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    let variables = shown_variables(&request, &fields);
    let received_at = clock::now().as_millis();
    let answer = json!(schema.execute(request.data(Caller(caller))).await);
    if is_mutation {
        for field in fields {
            let result = answer.pointer(&format!("/data/{field}")).cloned().unwrap_or_default();
            let result = if field.starts_with("authenticate") { Value::Null } else { result };
            let received = Arrival {
                organisation: name.clone(),
                mutation: field,
                variables: variables.clone(),
                result,
                received_at,
            };
            world.lock().mutations.push(received);
        }
    }
    Json(answer).into_response()
}

/// The scheme in any case: one caller that was seen sends it in lower case (salestrekker-facts.md, section 1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn broken(fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, "<html>out of order</html>").into_response();
    if let Some(value) = fault.retry_after.and_then(|seconds| seconds.to_string().parse().ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// The fields at the top of a document's operations, and whether it is a mutation.
fn top_fields(document: &str) -> (Vec<String>, bool) {
    let Ok(parsed) = async_graphql::parser::parse_query(document) else { return (Vec::new(), false) };
    let mut fields = Vec::new();
    let mut is_mutation = false;
    for (_, operation) in parsed.operations.iter() {
        is_mutation |= operation.node.ty == OperationType::Mutation;
        for selection in &operation.node.selection_set.node.items {
            if let Selection::Field(field) = &selection.node {
                fields.push(field.node.name.node.to_string());
            }
        }
    }
    (fields, is_mutation)
}

/// A mutation's variables, but for what signs in.
fn shown_variables(request: &Request, fields: &[String]) -> Value {
    if fields.iter().any(|field| field.starts_with("authenticate")) {
        return json!("[secret]");
    }
    serde_json::to_value(&request.variables).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use apollo_compiler::Schema as Parsed;
    use apollo_compiler::schema::ExtendedType;
    use std::collections::BTreeSet;

    /// Every type with its fields, their arguments and their types, a line each.
    fn lines(sdl: &str) -> BTreeSet<String> {
        let schema = Parsed::parse(sdl, "schema").unwrap();
        let mut lines = BTreeSet::new();
        for (name, kind) in schema.types.iter().filter(|(_, kind)| !kind.is_built_in()) {
            match kind {
                ExtendedType::Object(object) => {
                    for (field, definition) in &object.fields {
                        let arguments: Vec<_> = definition
                            .arguments
                            .iter()
                            .map(|argument| format!("{}: {}", argument.name, argument.ty))
                            .collect();
                        lines.insert(format!("{name}.{field}({}): {}", arguments.join(", "), definition.ty));
                    }
                }
                ExtendedType::InputObject(input) => {
                    lines.extend(
                        input
                            .fields
                            .iter()
                            .map(|(field, definition)| format!("{name}.{field}: {}", definition.ty)),
                    );
                }
                _ => drop(lines.insert(name.to_string())),
            }
        }
        lines
    }

    #[test]
    fn the_stand_in_plays_exactly_the_reconstructed_schema() {
        let own = lines(&schema(&Shared::default()).sdl());
        let reconstructed = lines(include_str!("../../shared/schema/salestrekker.graphql"));
        let differences: Vec<_> = own.symmetric_difference(&reconstructed).collect();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}
