//! The GitHub App of this installation: in the store, which the configuration fills.

mod configured;
mod route;
mod stored_app;

pub(crate) use configured::{apps, for_run, seed};
pub(crate) use route::handle_config;
pub(crate) use stored_app::StoredApp;
