//! The schema's queries. Each sees the token's organisation and nothing else.

#![expect(clippy::unused_async, reason = "async-graphql's resolvers are async")]

use super::objects::{Contact, Label, Organization, OrganizationMembership, Ticket, Workflow};
use super::world::{Caller, Shared};
use async_graphql::{Context, ID, Object, Result};

pub(super) struct Query;

#[Object]
impl Query {
    async fn ticket(&self, context: &Context<'_>, id: ID) -> Result<Option<Ticket>> {
        seen(context, |organisation| organisation.tickets.get(id.as_str()).cloned())
    }

    async fn contact(&self, context: &Context<'_>, id: ID) -> Result<Option<Contact>> {
        seen(context, |organisation| organisation.contacts.get(id.as_str()).cloned())
    }

    async fn workflow(&self, context: &Context<'_>, id: ID) -> Result<Option<Workflow>> {
        seen(context, |organisation| {
            organisation.workflows.iter().find(|workflow| workflow.id == id).cloned()
        })
    }

    async fn workflows(&self, context: &Context<'_>) -> Result<Option<Vec<Workflow>>> {
        seen(context, |organisation| Some(organisation.workflows.clone()))
    }

    /// Partial matches too, as observed.
    async fn workflows_search(&self, context: &Context<'_>, query: String) -> Result<Option<Vec<Workflow>>> {
        let query = query.to_lowercase();
        seen(context, |organisation| {
            let workflows = organisation.workflows.iter();
            Some(
                workflows.filter(|workflow| workflow.name.to_lowercase().contains(&query)).cloned().collect(),
            )
        })
    }

    async fn labels(&self, context: &Context<'_>) -> Result<Option<Vec<Label>>> {
        seen(context, |organisation| Some(organisation.labels.clone()))
    }

    async fn organizations(&self, context: &Context<'_>) -> Result<Option<Vec<OrganizationMembership>>> {
        let world = context.data::<Shared>()?.lock();
        let memberships = world.memberships(&context.data::<Caller>()?.claims()?.id);
        let shown = memberships.into_iter().map(|(id, organisation)| OrganizationMembership {
            id,
            organization: Organization {
                name: organisation.name.clone(),
                id: Some(ID(organisation.id.clone())),
            },
        });
        Ok(Some(shown.collect()))
    }
}

fn seen<T>(
    context: &Context<'_>,
    see: impl FnOnce(&super::world::Organisation) -> Option<T>,
) -> Result<Option<T>> {
    let world = context.data::<Shared>()?.lock();
    let organisation = world.organisation_by_id(&context.data::<Caller>()?.claims()?.id_current_organization);
    Ok(see(organisation.ok_or("UNAUTHENTICATED")?))
}
