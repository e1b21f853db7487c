//! The model proxy: it adds the credential to agents' requests, and forwards them to the model's
//! API.

mod access;
mod admission;
mod betas;
mod bound;
mod budget;
mod charge;
mod credential;
mod harmless_fields;
mod ledger;
mod metering;
mod refusal;
mod relay;
mod request;
mod request_body;
mod response_body;
mod routes;
mod rule;
mod rules;
mod server;
mod state;
mod token_count;
mod upstream;
mod usage;

pub use access::ModelAccess;
pub use budget::ModelNotice;
pub use credential::ModelCredential;
pub use rule::Rule;
pub use rules::Rules;
pub use server::{ModelProxy, ModelProxyBuilder};
