//! The schema's mutations.

#![expect(clippy::unused_async, reason = "async-graphql's resolvers are async")]

use super::inputs::{ContactCreateInput, TicketCreateInput, TicketUpdateInput};
use super::objects::{Authentication, Ticket};
use super::world::{Caller, Organisation, Shared, World};
use async_graphql::{Context, ID, Object, Result};

pub(super) struct Mutation;

#[Object]
impl Mutation {
    /// By API key, or by e-mail and password.
    async fn authenticate(
        &self,
        context: &Context<'_>,
        email: Option<String>,
        password: Option<String>,
        api_key: Option<String>,
    ) -> Result<Option<Authentication>> {
        let mut world = context.data::<Shared>()?.lock();
        let found = match (api_key, email, password) {
            (Some(key), _, _) => {
                let organisation =
                    world.organisations.values().find(|organisation| organisation.api_key == key);
                organisation.map(|found| (found.owner.clone(), found.id.clone()))
            }
            (None, Some(email), Some(password)) => {
                let user = world.users.iter().find(|user| user.email == email && user.password == password);
                let first = user.and_then(|user| Some((&user.id, user.organisations.first()?)));
                first.and_then(|(id, name)| Some((id.clone(), world.organisations.get(name)?.id.clone())))
            }
            _ => return Err("an apiKey, or an email and a password, is required".into()),
        };
        let (user, organisation) = found.ok_or("UNAUTHENTICATED")?;
        Ok(Some(Authentication { token: world.token(&user, &organisation) }))
    }

    async fn authenticate_in_different_organization(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> Result<Option<Authentication>> {
        let user = &context.data::<Caller>()?.claims()?.id;
        let mut world = context.data::<Shared>()?.lock();
        let memberships = world.memberships(user);
        let found = memberships.into_iter().find(|(outer, _)| *outer == id);
        let organisation = found.map(|(_, found)| found.id.clone()).ok_or("no such organisation")?;
        Ok(Some(Authentication { token: world.token(user, &organisation) }))
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
            organisation.check_stage(Some(&ticket.id_workflow), Some(&ticket.id_stage))?;
            organisation.tickets.insert(id.to_string(), ticket.into_ticket(id.clone()));
            send_webhooks(world, own, None, &id);
            Ok(Some(id))
        })
    }

    async fn ticket_update(&self, context: &Context<'_>, ticket: TicketUpdateInput) -> Result<Option<ID>> {
        let Dropped(dropped) = context.data::<Dropped>()?;
        change(context, |world, own| {
            let organisation = organisation(world, own)?;
            let id = ticket.id.clone();
            let before = organisation.tickets.get(id.as_str()).cloned().ok_or("no such ticket")?;
            let mut after = before.clone();
            ticket.change(&mut after, &organisation.vendor);
            organisation.check_stage(after.id_workflow.as_ref(), after.id_stage.as_ref())?;
            after.keep(dropped, &before);
            organisation.tickets.insert(id.to_string(), after);
            send_webhooks(world, own, Some(&before), &id);
            Ok(Some(id))
        })
    }
}

/// The fields of a ticket that an update does not change.
pub(super) struct Dropped(pub(super) Vec<String>);

fn change<T>(context: &Context<'_>, change: impl FnOnce(&mut World, &str) -> Result<T>) -> Result<T> {
    let mut world = context.data::<Shared>()?.lock();
    change(&mut world, &context.data::<Caller>()?.claims()?.id_current_organization)
}

fn organisation<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Organisation> {
    let found = world.organisations.values_mut().find(|organisation| organisation.id == id);
    Ok(found.ok_or("UNAUTHENTICATED")?)
}

/// Sends webhooks for a change through the API, if the organisation's webhooks are switched on for it.
fn send_webhooks(world: &mut World, organisation: &str, before: Option<&Ticket>, ticket: &ID) {
    let found = world.organisation_by_id(organisation).filter(|found| found.webhooks.on_api_changes);
    if let Some(name) = found.map(|found| found.name.clone()) {
        world.send_webhooks(&name, before, ticket);
    }
}
