//! The stand-in over HTTP: `POST /graphql` as the vendor's, a page to try it on, and the control API.

use super::control;
use super::fault::{Kind, refusal};
use super::mutation::{Dropped, Mutation};
use super::query::Query;
use super::webhooks::Post;
use super::world::{Arrival, Caller, Shared};
use async_graphql::http::GraphiQLSource;
use async_graphql::parser::types::{OperationType, Selection};
use async_graphql::{EmptySubscription, Request, Schema};
use automations::clock;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::compression::CompressionLayer;

type Salestrekker = Schema<Query, Mutation, EmptySubscription>;

/// The whole stand-in, its state fresh. Answers are compressed for whoever takes that.
pub fn server() -> Router {
    serve(Shared::new(Post::open()))
}

/// The stand-in over a world that is there already.
pub(super) fn serve(world: Shared) -> Router {
    let graphql = Router::new()
        .route("/graphql", get(playground).post(graphql))
        .with_state((schema(&world), world.clone()))
        .layer(CompressionLayer::new());
    graphql.merge(control::routes().with_state(world))
}

fn schema(world: &Shared) -> Salestrekker {
    Schema::build(Query, Mutation, EmptySubscription).data(world.clone()).finish()
}

/// A page on which to try the API, already signed in to the first organisation, where there is one.
async fn playground(State((_, world)): State<(Salestrekker, Shared)>) -> Html<String> {
    let mut world = world.lock();
    let first = world.organisations.values().next().map(|first| (first.owner.clone(), first.id.clone()));
    let token = first.map(|(owner, id)| format!("Bearer {}", world.token(&owner, &id))).unwrap_or_default();
    let page = GraphiQLSource::build().endpoint("/graphql").title("Salestrekker's stand-in");
    Html(page.header("Authorization", &token).finish())
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
    let token = text(&headers, header::AUTHORIZATION).and_then(bearer);
    let (caller, name, fault) = {
        let mut world = world.lock();
        let caller = token.and_then(|token| world.caller(token));
        let organisation =
            caller.as_ref().and_then(|caller| world.organisation_by_id(&caller.id_current_organization));
        let name = organisation.map(|found| found.name.clone());
        let fault = world.fault(name.as_deref(), &request.query);
        (caller, name, fault)
    };
    if let Some(response) = fault.as_ref().and_then(Kind::instead) {
        return response;
    }
    if caller.is_none() && fields.iter().any(|field| field.name != "authenticate") {
        return (StatusCode::UNAUTHORIZED, Json(refusal())).into_response();
    }
    let variables = shown_variables(&request, &fields);
    let received_at = clock::now().as_millis();
    let dropped = Dropped(fault.as_ref().map(Kind::dropped).unwrap_or_default().to_vec());
    let answer = json!(schema.execute(request.data(Caller(caller)).data(dropped)).await);
    for Field { name: mutation, key } in fields.into_iter().filter(|_| is_mutation) {
        let result = answer.get("data").and_then(|data| data.get(key)).cloned().unwrap_or_default();
        let header = |name| text(&headers, name).unwrap_or_default().to_owned();
        let arrival = Arrival {
            organisation: name.clone(),
            result: if mutation.starts_with("authenticate") { Value::Null } else { result },
            mutation,
            variables: variables.clone(),
            user_agent: header(header::USER_AGENT),
            accept_encoding: header(header::ACCEPT_ENCODING),
            received_at,
        };
        world.lock().mutations.push(arrival);
    }
    match fault {
        Some(fault) => fault.afterwards(answer).await,
        None => Json(answer).into_response(),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The scheme in any case: one caller that was seen sends it in lower case (salestrekker-facts.md, section 1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// A field at the top of an operation.
struct Field {
    name: String,
    /// What the answer calls it.
    key: String,
}

/// The fields at the top of a document's operations, and whether it is a mutation.
fn top_fields(document: &str) -> (Vec<Field>, bool) {
    let Ok(parsed) = async_graphql::parser::parse_query(document) else { return (Vec::new(), false) };
    let mut fields = Vec::new();
    let mut is_mutation = false;
    for (_, operation) in parsed.operations.iter() {
        is_mutation |= operation.node.ty == OperationType::Mutation;
        for selection in &operation.node.selection_set.node.items {
            if let Selection::Field(field) = &selection.node {
                let key = field.node.response_key().node.to_string();
                fields.push(Field { name: field.node.name.node.to_string(), key });
            }
        }
    }
    (fields, is_mutation)
}

/// A mutation's variables, but for what signs in.
fn shown_variables(request: &Request, fields: &[Field]) -> Value {
    if fields.iter().any(|field| field.name.starts_with("authenticate")) {
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

    #[tokio::test]
    async fn the_stand_in_plays_exactly_the_reconstructed_schema() {
        let own = lines(&schema(&Shared::new(Post::open())).sdl());
        let reconstructed = lines(include_str!("../../shared/schema/salestrekker.graphql"));
        let differences: Vec<_> = own.symmetric_difference(&reconstructed).collect();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}
