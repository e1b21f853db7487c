//! A Worker for one test: it calls `ccc-github` inside Cloudflare's runtime and tells what came
//! out.
//!
//! Nothing here is for people to deploy: it takes a private key from whoever asks. `.ci/workerd`
//! builds it and `check.mjs` asks it; anywhere but on wasm32 this crate is empty.

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod routes;
#[cfg(target_arch = "wasm32")]
pub mod worker;
