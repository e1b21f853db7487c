//! The proxy between agents and the model's API, which adds the credential to requests.

mod access;
mod budget;
mod credential;
mod harmless_fields;
mod metering;
mod relay;
mod request;
mod routes;
mod rules;
mod server;
mod state;
mod upstream;

pub use access::ModelAccess;
pub use budget::ModelNotice;
pub use credential::ModelCredential;
pub use rules::{Rule, Rules};
pub use server::{ModelProxy, ModelProxyBuilder};
