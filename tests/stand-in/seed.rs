//! An invented brokerage to try the API with, when the stand-in runs alone.

use super::http::serve;
use super::objects::{
    Contact, Income, IncomePayg, Person, PersonContactDetails, PersonInformation, Ticket, TicketClientType,
    TicketValues,
};
use super::webhooks::WebhookSender;
use super::world::{Shared, User, World};
use async_graphql::ID;
use axum::Router;

/// The credentials and ids of the invented brokerage.
#[derive(Debug)]
pub struct Seeded {
    /// The API key of the first organisation.
    pub api_key: String,
    /// The e-mail address of a user who is a member of both organisations.
    pub email: &'static str,
    /// The user's password.
    pub password: &'static str,
    /// The id of a ticket.
    pub ticket: String,
}

const BROKERAGE: &str = "demo";
const PEOPLE: [(&str, &str, &str, f64); 4] = [
    ("Jane", "Citizen", "New lead", 450_000.0),
    ("Ravi", "Example", "Application", 620_000.0),
    ("Mei", "Sample", "Approved", 380_000.0),
    ("Tom", "Specimen", "Settled", 710_000.0),
];

/// A stand-in with an invented brokerage, and its credentials.
pub fn seeded() -> (Router, Seeded) {
    let world = Shared::new(WebhookSender::start());
    let seeded = fill(&mut world.lock());
    (serve(world), seeded)
}

fn fill(world: &mut World) -> Seeded {
    let (email, password) = ("broker@example.com", "correct horse");
    let id = world.new_id();
    let organisations = vec![BROKERAGE.to_owned(), "second-office".to_owned()];
    for name in &organisations {
        world.organisation(name);
    }
    world.users.push(User { id, email: email.to_owned(), password: password.to_owned(), organisations });
    let mut ticket = String::new();
    for (first_name, family_name, stage, amount) in PEOPLE {
        let (contact, id) = (world.new_id(), world.new_id());
        let brokerage = world.organisation(BROKERAGE);
        let client = brokerage.labels.first().map(|label| label.id.clone());
        let owner = ID(brokerage.owner.clone());
        let role = TicketClientType { id_contact: Some(ID(contact.clone())), id_label: client.clone() };
        let new = person(&contact, &owner, client, first_name, family_name);
        brokerage.contacts.insert(contact.clone(), new);
        let workflow = brokerage.workflows.first();
        let stage =
            workflow.and_then(|workflow| workflow.stages.iter().find(|candidate| candidate.name == stage));
        let new = Ticket {
            id: ID(id.clone()),
            name: Some(format!("{first_name} {family_name}, home loan")),
            id_owner: Some(owner),
            id_workflow: workflow.map(|workflow| workflow.id.clone()),
            id_stage: stage.map(|stage| stage.id.clone()),
            id_labels: Some(Vec::new()),
            id_clients: Some(vec![ID(contact)]),
            ticket_client_types: Some(vec![role]),
            values: Some(TicketValues { once_off: Some(amount), once_off_due_date: None }),
            description: Some("Invented for the stand-in".to_owned()),
            is_active: Some(true),
            ..Ticket::default()
        };
        brokerage.tickets.insert(id.clone(), new);
        ticket = id;
    }
    Seeded { api_key: world.organisation(BROKERAGE).api_key.clone(), email, password, ticket }
}

fn person(id: &str, owner: &ID, label: Option<ID>, first_name: &str, family_name: &str) -> Contact {
    let email = format!("{}@example.com", first_name.to_lowercase());
    Contact {
        id: ID(id.to_owned()),
        id_owner: Some(owner.clone()),
        id_labels: Some(label.into_iter().collect()),
        is_active: Some(true),
        person: Some(Person {
            information: Some(PersonInformation {
                first_name: Some(first_name.to_owned()),
                family_name: Some(family_name.to_owned()),
                number_of_dependents: Some(0),
                ..PersonInformation::default()
            }),
            contact: Some(PersonContactDetails {
                email: Some(email),
                primary_code: Some("+61".to_owned()),
                primary: Some("491 570 006".to_owned()), // reserved for fiction
                ..PersonContactDetails::default()
            }),
            employments: Some(Vec::new()),
        }),
        company: None,
        income: Some(Income {
            gross_value: Some(98_000.0),
            payg: Some(IncomePayg { gross_salary: Some(98_000.0) }),
        }),
    }
}
