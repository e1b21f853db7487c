#![doc = include_str!("../README.md")]

mod accounts;
mod app_config;
mod app_key;
mod client;
mod endpoints;
mod errors;
mod host;
pub mod http;
mod jwt;
mod secret_record;
mod token;
pub mod webhook;

// Named only to switch on its source of random bytes.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use getrandom_02 as _;

/// The crate `http`, whose types are in the signatures of [`http::Http`], [`webhook`],
/// [`AdminToken`] and [`ConfigAnswer`], at the version that it has here.
pub use ::http as http_types;
/// The crate of [`webhook::router`]'s type, at the version that it has here.
#[cfg(feature = "axum")]
pub use axum;
/// The crates whose types are in the signatures of this crate, at the versions that they have here:
/// `bytes` for the bodies of [`http::Http`], and `jiff` for times.
pub use {bytes, jiff};

pub use app_config::{
    AdminToken, Admitted, App, AppChange, AppView, Apps, ConfigAnswer, MAX_CONFIG,
};
pub use app_key::AppKey;
pub use client::{RateLimits, Retry};
pub use endpoints::Endpoints;
pub use host::{GitHub, GitHubBuilder};
pub use jwt::app_jwt;
#[cfg(feature = "axum")]
pub use webhook::router;
pub use webhook::{Secrets, Webhook};
