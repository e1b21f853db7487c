//! A Worker for one test: the store and the Durable Object of `examples/worker`, compiled from the
//! same files, with an unauthenticated HTTP endpoint.
//!
//! Never deploy this Worker: it returns its secrets to every caller. `.ci/workerd` builds it, and
//! `tests/tests/workerd/bound.rs` runs the conformance suite on it. On targets other than wasm32
//! this crate is empty.

#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/clock.rs"]
mod clock;
#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/credentials.rs"]
mod credentials;
#[cfg(target_arch = "wasm32")]
mod door;
#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/durable_object.rs"]
#[allow(missing_docs, missing_debug_implementations, reason = "the macro generates such items")]
mod durable_object;
#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/object_channel.rs"]
mod object_channel;
#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/secret.rs"]
mod secret;

#[cfg(target_arch = "wasm32")]
pub use durable_object::Credentials;
