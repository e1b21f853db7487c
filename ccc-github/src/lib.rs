#![doc = include_str!("../README.md")]

mod admin;
mod apps;
mod client;
mod endpoints;
mod fault;
mod host;
pub mod http;
mod jwt;
mod pace;
mod payload;
#[cfg(feature = "axum")]
mod router;
mod token;
pub mod webhook;

// Named only to switch on its source of random bytes.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use getrandom_02 as _;

pub use admin::{AdminToken, Admitted};
pub use apps::{App, AppChange, AppView, Apps, ConfigAnswer, MAX_CONFIG};
pub use endpoints::Endpoints;
pub use host::{GitHub, GitHubBuilder};
pub use jwt::{AppKey, app_jwt};
pub use pace::Pacing;
#[cfg(feature = "axum")]
pub use router::router;
pub use webhook::{Secrets, Webhook};
