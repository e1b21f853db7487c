//! The GitHub App of the service. It is in the credential store, to which a configured App is added
//! at the first start.

mod configured;
mod route;
mod stored_app;

pub(crate) use configured::{apps, for_run, seed};
pub(crate) use route::handle_config;
pub(crate) use stored_app::StoredApp;
