//! Calls to GitHub's REST API: rate limits, redirects, retries and error responses.

mod api_error;
mod call;
mod error_response;
mod headers;
mod pagination;
mod rate_limiter;
mod rate_limits;
mod redirect;
mod retry;
mod send;
#[cfg(test)]
mod tests;

pub(crate) use api_error::ApiError;
pub(crate) use call::{Authorization, Call, Caller, parse};
pub(crate) use pagination::page;
pub use rate_limits::RateLimits;
pub use retry::Retry;
pub(crate) use retry::{NEW_TOKEN_AGE, NEW_TOKEN_RETRIES};
pub(crate) use send::Client;
