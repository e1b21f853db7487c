//! The model proxy: it adds the credential to agents' requests, and forwards them to the model's
//! API.

mod access;
mod budget;
mod credential;
mod harmless_fields;
mod metering;
mod relay;
mod request;
mod response_body;
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
