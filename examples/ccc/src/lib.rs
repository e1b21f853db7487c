#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "only the commands use this code")
)]

mod adapters;
mod admin_token;
mod app;
mod blocking;
#[cfg(feature = "cli")]
mod command;
pub mod config;
mod credentials;
#[cfg(feature = "emulator")]
mod emulated;
#[cfg(feature = "cli")]
mod exit_code;
mod git;
mod health;
mod health_probes;
mod http;
mod local_host;
mod local_repository;
mod local_repository_check;
mod local_repository_files;
#[cfg(feature = "cli")]
mod logging;
mod model_credential;
mod observers;
#[cfg(feature = "cli")]
mod output;
mod pipeline;
mod remedy;
mod repository_settings;
mod routes;
mod service;
mod signals;
mod stored_credentials;
mod weakening;

/// The crate `axum` in the version that this crate uses. [`router`] returns a router of this
/// version.
pub use axum;
#[cfg(feature = "cli")]
pub use command::Cli;
pub use config::Config;
pub use local_host::LocalHost;
pub use routes::router;
pub use service::{Service, ServiceBuilder};
pub use signals::shutdown_signal;
pub use stored_credentials::StoredCredentials;
