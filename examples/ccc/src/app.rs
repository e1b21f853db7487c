//! The GitHub App of this installation: in the store, which the configuration fills.

mod config_route;
mod configured;
mod stored_app;

pub(crate) use config_route::handle_config;
pub(crate) use configured::{apps, for_run, seed};
pub(crate) use stored_app::StoredApp;
