//! The schema's mutations.

#![expect(clippy::unused_async, reason = "async-graphql's resolvers are async")]

use super::inputs::{ContactCreateInput, TicketCreateInput, TicketUpdateInput};
use super::objects::Authentication;
use super::world::{Caller, Organisation, Shared, World};
use async_graphql::{Context, ID, Object, Result};

pub(super) struct Mutation;

#[Object]
impl Mutation {
    /// By API key only: the stand-in knows no users.
    async fn authenticate(
        &self,
        context: &Context<'_>,
        email: Option<String>,
        password: Option<String>,
        api_key: Option<String>,
    ) -> Result<Option<Authentication>> {
        let _ = (email, password);
        let mut world = context.data::<Shared>()?.lock();
        let key = api_key.ok_or("the stand-in authenticates by apiKey")?;
        let organisation = world.organisations.values().find(|organisation| organisation.api_key == key);
        let id = organisation.map(|organisation| organisation.id.clone()).ok_or("UNAUTHENTICATED")?;
        Ok(Some(Authentication { token: world.token(&id) }))
    }

    /// The stand-in's users belong to one organisation each.
    async fn authenticate_in_different_organization(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> Result<Option<Authentication>> {
        change(context, |world, own| {
            let found = world.organisation_by_id(&id).map(|organisation| organisation.id.clone());
            let id = found.filter(|id| id == own).ok_or("no such organisation")?;
            Ok(Some(Authentication { token: world.token(&id) }))
        })
    }

    async fn contact_create(&self, context: &Context<'_>, contact: ContactCreateInput) -> Result<Option<ID>> {
        change(context, |world, own| {
            let id = ID(world.new_id());
            organisation(world, own)?.contacts.insert(id.to_string(), contact.into_contact(id.clone()));
            Ok(Some(id))
        })
    }

    async fn ticket_create(&self, context: &Context<'_>, ticket: TicketCreateInput) -> Result<Option<ID>> {
        change(context, |world, own| {
            let id = ID(world.new_id());
            let organisation = organisation(world, own)?;
            organisation.check_place(&ticket.id_workflow, &ticket.id_stage)?;
            organisation.tickets.insert(id.to_string(), ticket.into_ticket(id.clone()));
            Ok(Some(id))
        })
    }

    async fn ticket_update(&self, context: &Context<'_>, ticket: TicketUpdateInput) -> Result<Option<ID>> {
        change(context, |world, own| {
            let organisation = organisation(world, own)?;
            organisation.check_place(&ticket.id_workflow, &ticket.id_stage)?;
            let id = ticket.id.clone();
            let found = organisation.tickets.get_mut(id.as_str()).ok_or("no such ticket")?;
            ticket.replace(found);
            Ok(Some(id))
        })
    }
}

fn change<T>(context: &Context<'_>, change: impl FnOnce(&mut World, &str) -> Result<T>) -> Result<T> {
    let mut world = context.data::<Shared>()?.lock();
    let Caller(caller) = context.data::<Caller>()?;
    change(&mut world, caller.as_deref().ok_or("UNAUTHENTICATED")?)
}

fn organisation<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Organisation> {
    let found = world.organisations.values_mut().find(|organisation| organisation.id == id);
    Ok(found.ok_or("UNAUTHENTICATED")?)
}
