//! The GitHub App of the service. It is in the credential store, to which a configured App is added
//! at the first start.

mod config_route;
mod configured;
mod stored_app;

pub(crate) use config_route::handle_config;
pub(crate) use configured::{apps, for_run, store_configured_app};
pub(crate) use stored_app::{StoredApp, WAITING_FOR_APP};
