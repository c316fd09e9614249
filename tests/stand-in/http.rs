//! The stand-in over HTTP: `POST /graphql` like the vendor's API, a page to try it, the schema, and the control API.

use super::control;
use super::fault::{Kind, unauthenticated};
use super::mutation::{Dropped, Mutation};
use super::query::Query;
use super::vendor::{self, Vendor};
use super::webhooks::WebhookSender;
use super::world::{Caller, ReceivedMutation, Shared, World};
use async_graphql::parser::types::{OperationType, Selection};
use async_graphql::{EmptySubscription, Request, Schema};
use automations::clock;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::compression::CompressionLayer;

/// The page to try the API in a browser. It needs no other file and no internet.
const PAGE: &str = include_str!("page.html");

type Salestrekker = Schema<Query, Mutation, EmptySubscription>;

/// A stand-in without data. Responses are compressed if the client accepts that.
pub fn server() -> Router {
    serve(Shared::new(WebhookSender::start()))
}

/// A stand-in over an existing world.
pub(super) fn serve(world: Shared) -> Router {
    let graphql = Router::new()
        .route("/", get(async || Redirect::temporary("/graphql")))
        .route("/graphql", get(page).post(graphql))
        .route("/schema.graphql", get(sdl))
        .with_state((schema(&world), world.clone()))
        .layer(CompressionLayer::new());
    graphql.merge(control::routes().with_state(world))
}

fn schema(world: &Shared) -> Salestrekker {
    Schema::build(Query, Mutation, EmptySubscription).data(world.clone()).finish()
}

async fn sdl() -> &'static str {
    vendor::RECONSTRUCTED
}

/// The page to try the API, signed in to the first organisation if there is one.
async fn page(State((_, world)): State<(Salestrekker, Shared)>) -> Html<String> {
    let mut world = world.lock();
    let first = world.organisations.values().next().map(|first| (first.owner.clone(), first.id.clone()));
    let token = first.map(|(owner, id)| format!("Bearer {}", world.token(&owner, &id))).unwrap_or_default();
    Html(PAGE.replace("{{AUTHORIZATION}}", &token))
}

async fn graphql(
    State((schema, world)): State<(Salestrekker, Shared)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<Request>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is not a valid GraphQL request").into_response();
    };
    let (fields, is_mutation) = top_fields(&request.query);
    let token = text(&headers, header::AUTHORIZATION).and_then(bearer);
    let (caller, name, vendor, fault) = {
        let mut world = world.lock();
        let caller = token.and_then(|token| world.caller(token));
        let organisation =
            caller.as_ref().and_then(|caller| world.organisation_by_id(&caller.id_current_organization));
        let name = organisation.map(|found| found.name.clone());
        let fault = world.fault(name.as_deref(), &format!("{} {}", request.query, json!(request.variables)));
        let vendor = vendor_of(&world, name.as_deref());
        (caller, name, vendor, fault)
    };
    if let Some(response) = fault.as_ref().and_then(Kind::early_response) {
        return response;
    }
    if caller.is_none() && fields.iter().any(|field| field.name != "authenticate") {
        return (StatusCode::UNAUTHORIZED, Json(unauthenticated())).into_response();
    }
    if let Some(response) = vendor.early_response(&request.query) {
        // As common servers: 400 if the document is not valid.
        let is_valid = response.get("data").is_some();
        let status = if is_valid { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        return (status, Json(response)).into_response();
    }
    let mut request = request;
    request.query = vendor.translated(&request.query);
    let variables = redacted_variables(&request, &fields);
    if let Some(fault) = &fault {
        fault.wait().await;
    }
    let received_at = clock::now().as_millis();
    let dropped = Dropped(fault.as_ref().map(Kind::dropped).unwrap_or_default().to_vec());
    let response = schema.execute(request.data(Caller(caller)).data(dropped)).await;
    let response = vendor.in_its_words(json!(response));
    for Field { name: mutation, key } in fields.into_iter().filter(|_| is_mutation) {
        let result = response.get("data").and_then(|data| data.get(key)).cloned().unwrap_or_default();
        let header = |name| text(&headers, name).unwrap_or_default().to_owned();
        let received = ReceivedMutation {
            organisation: name.clone(),
            result: if mutation.starts_with("authenticate") { Value::Null } else { result },
            mutation,
            variables: variables.clone(),
            user_agent: header(header::USER_AGENT),
            accept_encoding: header(header::ACCEPT_ENCODING),
            received_at,
        };
        world.lock().mutations.push(received);
    }
    match fault {
        Some(fault) => fault.late_response(response).await,
        None => Json(response).into_response(),
    }
}

/// The variant of the API that an organisation has.
fn vendor_of(world: &World, organisation: Option<&str>) -> Vendor {
    let organisation = organisation.and_then(|name| world.organisations.get(name));
    organisation.map(|organisation| organisation.vendor.clone()).unwrap_or_default()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The token of an `Authorization` header. The scheme may be in any case: an observed client sends it in lower case
/// (salestrekker-facts.md, section 1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// A top-level field of an operation.
struct Field {
    name: String,
    /// Its key in the response: the alias, or the name.
    key: String,
}

/// The top-level fields of a document's operations, and whether it has a mutation.
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

/// A mutation's variables; those of a sign-in are redacted.
fn redacted_variables(request: &Request, fields: &[Field]) -> Value {
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

    /// One line per field of every type, with its arguments and type.
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
    async fn the_server_has_everything_of_the_variant_with_all_fields_and_nothing_else() {
        let own = lines(&schema(&Shared::new(WebhookSender::start())).sdl());
        let widest = Vendor { extra_fields: true, partial_updates: true, ..Vendor::default() };
        let widest = lines(&widest.sdl());
        let differences: Vec<_> = own.symmetric_difference(&widest).collect();
        assert!(differences.is_empty(), "{differences:#?}");
    }

    #[test]
    fn the_page_needs_nothing_from_the_internet() {
        assert!(PAGE.contains("{{AUTHORIZATION}}"));
        for external in ["http:", "https:", "src=", "@import"] {
            assert!(!PAGE.contains(external), "{external}");
        }
    }
}
