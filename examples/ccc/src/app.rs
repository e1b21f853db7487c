//! The GitHub App of the service. The App is stored in the credential store. When the service
//! starts, it stores the configured App if the credential store does not contain this App yet.

mod config_route;
mod configured;
mod stored_app;

pub(crate) use config_route::handle_config;
pub(crate) use configured::{apps, for_run, store_configured_app};
pub(crate) use stored_app::{StoredApp, WAITING_FOR_APP};
