//! The client of Salestrekker's API, and the only code that knows its GraphQL. Each document in `documents/`
//! says how well its fields are known. The schema in `shared/schema/` is a reconstruction, and every document
//! is checked against it. With the vendor's own schema, run `automations schema check`.

mod client;
mod contact;
mod depth;
mod document;
mod error;
mod fetch;
mod graphql_error;
mod inferred;
mod limits;
mod model;
mod mutation;
mod name_cache;
mod operations;
mod own_fields;
mod probe;
mod rate_limit;
mod response;
mod session;
mod sign_in;
mod transport;

pub use client::Client;
pub use contact::{
    Company, Contact, Dependent, Employment, Income, IncomePayg, NewContact, Person, PersonContactDetails,
    PersonInformation, Who,
};
pub use error::Error;
pub use limits::Limits;
pub use model::{
    Address, AsReceived, Asset, FullTicket, Label, Membership, NameOnly, NewTicket, StageName, TicketExtras,
    TicketRole, Values, Workflow, WorkflowName,
};
#[doc(hidden)]
pub use mutation::inline_variables;
pub use mutation::update_fields;
pub use probe::{Answer, Probe};
#[doc(hidden)]
pub use response::read_any_response;
pub use session::{Lookup, Session};
pub use transport::Transport;
