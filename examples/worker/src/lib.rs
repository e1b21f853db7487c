#![doc = include_str!("../README.md")]

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod config_route;
#[cfg(target_arch = "wasm32")]
mod credentials;
#[cfg(target_arch = "wasm32")]
#[allow(missing_docs, missing_debug_implementations, reason = "the macro generates such items")]
mod durable_object;
#[cfg(target_arch = "wasm32")]
mod object_channel;
#[cfg(target_arch = "wasm32")]
mod remedy;
#[cfg(target_arch = "wasm32")]
#[allow(missing_docs, reason = "the macro generates such items")]
mod routes;
#[cfg(target_arch = "wasm32")]
mod secret;

#[cfg(target_arch = "wasm32")]
pub use durable_object::Credentials;
