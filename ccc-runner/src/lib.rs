#![cfg_attr(
    all(
        feature = "claude-code",
        feature = "command",
        feature = "docker",
        feature = "scripted-agent",
        feature = "subprocess"
    ),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(
        feature = "claude-code",
        feature = "command",
        feature = "docker",
        feature = "scripted-agent",
        feature = "subprocess"
    )),
    doc = "Container runners, and agents that work in containers. This page is short, because \
           some features of the crate are disabled: enable all features to read the whole page."
)]

mod agent;
#[cfg(feature = "docker")]
mod egress;
#[cfg(any(
    feature = "docker",
    feature = "model-proxy",
    feature = "scripted-model",
    feature = "subprocess"
))]
mod lock;
mod model;
mod runner;

#[cfg(feature = "claude-code")]
pub use agent::claude_code::{ClaudeCode, Permissions, Transcript};
#[cfg(feature = "command")]
pub use agent::command::CommandAgent;
#[cfg(feature = "scripted-agent")]
pub use agent::scripted::ScriptedAgent;
#[cfg(feature = "docker")]
pub use egress::rules::{EgressRule, EgressRules, Resolver};
#[cfg(feature = "model-proxy")]
pub use model::login::{CredentialKind, ModelLogin};
#[cfg(any(feature = "model-proxy", feature = "scripted-model"))]
pub use model::pattern::ModelPattern;
#[cfg(feature = "model-proxy")]
pub use model::price::{Price, PriceTable};
#[cfg(feature = "model-proxy")]
pub use model::proxy::{
    ModelAccess, ModelCredential, ModelNotice, ModelProxy, ModelProxyBuilder, Rule, Rules,
};
#[cfg(feature = "scripted-model")]
pub use model::scripted::{ScriptedModel, SeenRequest};
#[cfg(feature = "docker")]
pub use runner::docker::{DockerRunner, DockerRunnerBuilder, Finding, Workspaces};
#[cfg(feature = "subprocess")]
pub use runner::subprocess::SubprocessRunner;

/// The body of the request that asks the Docker engine to create a container.
/// [`DockerRunnerBuilder::dangerously_altered`] uses this type, which belongs to the crate
/// `bollard`.
#[cfg(feature = "dangerous-container-body")]
pub use bollard::models::ContainerCreateBody;
/// The types of the headers and the body of a [`SeenRequest`], re-exported from the crates `http`
/// and `bytes`.
#[cfg(feature = "scripted-model")]
pub use {axum::http::HeaderMap, bytes::Bytes};
