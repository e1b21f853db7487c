//! A Worker for one test: it calls `ccc-github` inside Cloudflare's runtime and returns the
//! results.
//!
//! Never deploy this Worker: it accepts a private key from every caller. `.ci/workerd` builds it,
//! and `check.mjs` sends it requests. On targets other than wasm32 this crate is empty.

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod routes;
#[cfg(target_arch = "wasm32")]
pub mod worker;
