//! A Worker for one test: the store and the object of `examples/worker`, from the very same files, behind a door
//! that is open to everybody.
//!
//! Nothing here is for people to deploy: it hands its secrets to whoever asks. `.ci/workerd` builds it, and
//! `tests/tests/workerd/bound.rs` runs the common suite on it; anywhere but on wasm32 this crate is empty.

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
#[allow(missing_docs, missing_debug_implementations, reason = "of what the macro makes")]
mod durable_object;
#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/object_channel.rs"]
mod object_channel;
#[cfg(target_arch = "wasm32")]
#[path = "../../../examples/worker/src/secret.rs"]
mod secret;

#[cfg(target_arch = "wasm32")]
pub use durable_object::Credentials;
