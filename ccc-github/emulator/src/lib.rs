#![doc = include_str!("../README.md")]

mod account;
mod activity;
mod api;
mod app;
mod auth;
mod caller;
mod clock;
mod config;
mod control_http;
mod emulator;
mod error;
mod failure;
mod fault;
mod git;
mod inspect;
mod key_pair;
mod model;
mod origin;
mod pages;
mod random;
mod rate_limit;
mod records;
mod render;
mod repo_ref;
mod request;
mod response;
mod routes;
mod seed;
mod server;
mod setup_api;
mod smart_http;
mod state;
mod user_actions;
mod webhook_client;
mod webhooks;

/// Re-exported because implementations of [`Clock`] need this attribute.
pub use async_trait::async_trait;
/// Re-exported because times in the public interface are [`jiff::Timestamp`]s.
pub use jiff;
/// Re-exported because secrets in the public interface are [`secrecy::SecretString`]s.
pub use secrecy;
/// Re-exported because payloads in the public interface are [`serde_json::Value`]s.
pub use serde_json;

pub use account::{Actor, ActorKind, Permission};
pub use clock::{Clock, SystemClock};
pub use config::EmulatorConfig;
pub use emulator::Emulator;
pub use error::{Error, ErrorKind, Result};
pub use fault::Fault;
pub use records::{Call, Comment, HookDelivery, PullRequest, TokenInfo};
pub use repo_ref::RepoRef;
pub use setup_api::NewApp;
