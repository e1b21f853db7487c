//! The GitHub App of the service. The App is stored in the credential store. At its start, the
//! service adds the configured App to the store if the store does not contain it.

mod config_route;
mod configured;
mod stored_app;

pub(crate) use config_route::handle_config;
pub(crate) use configured::{apps, for_run, store_configured_app};
pub(crate) use stored_app::{StoredApp, WAITING_FOR_APP};
