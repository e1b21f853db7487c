//! Configuration of GitHub Apps: the stored Apps, their changes, the route `/config` and its admin
//! token.

mod admin_token;
mod apps;
mod record;
mod request;
mod route;
#[cfg(test)]
mod tests;

pub use admin_token::{AdminToken, Admitted};
pub use apps::Apps;
pub use record::{App, AppView};
pub use request::{AppChange, MAX_CONFIG};
pub use route::ConfigResponse;
