//! The schema's queries. Each reads only the organisation of the token.

#![expect(clippy::unused_async, reason = "async-graphql's resolvers are async")]

use super::objects::{Contact, Label, Organization, OrganizationMembership, Ticket, Workflow};
use super::world::{Caller, Shared};
use async_graphql::{Context, ID, Object, Result};

pub(super) struct Query;

#[Object]
impl Query {
    async fn ticket(&self, context: &Context<'_>, id: ID) -> Result<Option<Ticket>> {
        read(context, |organisation| organisation.tickets.get(id.as_str()).cloned())
    }

    async fn contact(&self, context: &Context<'_>, id: ID) -> Result<Option<Contact>> {
        read(context, |organisation| organisation.contacts.get(id.as_str()).cloned())
    }

    async fn workflow(&self, context: &Context<'_>, id: ID) -> Result<Option<Workflow>> {
        read(context, |organisation| {
            organisation.workflows.iter().find(|workflow| workflow.id == id).cloned()
        })
    }

    async fn workflows(&self, context: &Context<'_>) -> Result<Option<Vec<Workflow>>> {
        read(context, |organisation| Some(organisation.workflows.clone()))
    }

    /// Matches parts of a name too, as observed.
    async fn workflows_search(&self, context: &Context<'_>, query: String) -> Result<Option<Vec<Workflow>>> {
        let query = query.to_lowercase();
        read(context, |organisation| {
            let workflows = organisation.workflows.iter();
            Some(
                workflows.filter(|workflow| workflow.name.to_lowercase().contains(&query)).cloned().collect(),
            )
        })
    }

    async fn labels(&self, context: &Context<'_>) -> Result<Option<Vec<Label>>> {
        read(context, |organisation| Some(organisation.labels.clone()))
    }

    async fn organizations(&self, context: &Context<'_>) -> Result<Option<Vec<OrganizationMembership>>> {
        let world = context.data::<Shared>()?.lock();
        let memberships = world.memberships(&context.data::<Caller>()?.claims()?.id);
        let memberships = memberships.into_iter().map(|(id, organisation)| OrganizationMembership {
            id,
            organization: Organization {
                name: organisation.name.clone(),
                id: Some(ID(organisation.id.clone())),
            },
        });
        Ok(Some(memberships.collect()))
    }
}

fn read<T>(
    context: &Context<'_>,
    read: impl FnOnce(&super::world::Organisation) -> Option<T>,
) -> Result<Option<T>> {
    let world = context.data::<Shared>()?.lock();
    let organisation = world.organisation_by_id(&context.data::<Caller>()?.claims()?.id_current_organization);
    Ok(read(organisation.ok_or("UNAUTHENTICATED")?))
}
