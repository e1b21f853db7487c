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

// `getrandom` 0.2 is a dependency only because `jsonwebtoken` gets its random bytes from it. This
// crate sets its feature `js` for wasm.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use getrandom_02 as _;

/// The crate `http`, re-exported in the version that this crate uses. Its types are in the
/// signatures of [`http::Http`], [`webhook`], [`AdminToken`] and [`ConfigResponse`].
pub use ::http as http_types;
/// The crate `axum`, re-exported in the version that this crate uses. [`webhook::router`] returns
/// an axum `Router`.
#[cfg(feature = "axum")]
pub use axum;
/// The crates `bytes` and `jiff`, re-exported in the versions that this crate uses. The bodies of
/// [`http::Http`] are `bytes::Bytes`, and times are `jiff::Timestamp`s.
pub use {bytes, jiff};

pub use app_config::{
    AdminToken, Admitted, App, AppChange, AppView, Apps, ConfigResponse, MAX_CONFIG,
};
pub use app_key::AppKey;
pub use client::{RateLimits, Retry};
pub use endpoints::Endpoints;
pub use host::{GitHub, GitHubBuilder};
pub use jwt::app_jwt;
#[cfg(feature = "axum")]
pub use webhook::router;
pub use webhook::{Secrets, Webhook};
