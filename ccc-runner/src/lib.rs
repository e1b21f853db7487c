#![doc = include_str!("../README.md")]

mod breach;
mod claude_code;
mod command_agent;
mod docker;
mod egress;
mod model_login;
mod model_proxy;
mod output;
mod processes;
mod scripted_agent;
#[cfg(feature = "scripted-model")]
mod scripted_model;
mod serve;
mod sessions;
mod subprocess;
mod user;
mod users;

pub use claude_code::{ClaudeCode, Permissions, Transcript};
pub use command_agent::CommandAgent;
pub use docker::{DockerRunner, DockerRunnerBuilder, Finding, Workspaces};
pub use egress::{EgressRule, EgressRules, Resolver};
pub use model_login::{CredentialKind, ModelLogin};
pub use model_proxy::{
    ModelAccess, ModelCredential, ModelNotice, ModelPattern, ModelProxy, ModelProxyBuilder, Price,
    PriceTable, Rule, Rules,
};
pub use scripted_agent::ScriptedAgent;
#[cfg(feature = "scripted-model")]
pub use scripted_model::{ScriptedModel, SeenRequest};
pub use subprocess::SubprocessRunner;
