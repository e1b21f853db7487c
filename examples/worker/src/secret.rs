//! The secrets of the Worker.

use ccc_core::Secret;
use worker::Env;

/// Returns the Worker's secret `name`, or `None` if the secret is missing or empty.
pub(crate) fn secret(env: &Env, name: &str) -> Option<Secret> {
    let secret = env.secret(name).ok()?.to_string();
    Some(Secret::from(secret.trim())).filter(|secret| !secret.expose().is_empty())
}
