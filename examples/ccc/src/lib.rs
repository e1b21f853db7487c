#![doc = include_str!("../README.md")]

mod adapters;
mod admin_token;
mod app;
mod command;
pub mod config;
mod credentials;
mod emulated;
mod exit_code;
mod git;
mod health;
mod http;
mod local_host;
mod logging;
mod model_credential;
mod observers;
mod output;
mod pipeline;
mod remedy;
mod repository_settings;
mod routes;
mod service;
mod signals;

pub use command::Cli;
pub use config::Config;
pub use local_host::LocalHost;
pub use routes::router;
pub use service::Service;
