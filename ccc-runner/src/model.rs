//! Models: the proxy between agents and the model's API, and a scripted fake of that API.

#[cfg(any(feature = "model-proxy", feature = "scripted-model"))]
mod http_server;
#[cfg(feature = "model-proxy")]
pub(crate) mod login;
#[cfg(any(feature = "model-proxy", feature = "scripted-model"))]
pub(crate) mod pattern;
#[cfg(feature = "model-proxy")]
pub(crate) mod price;
#[cfg(feature = "model-proxy")]
pub(crate) mod proxy;
#[cfg(feature = "scripted-model")]
pub(crate) mod scripted;
