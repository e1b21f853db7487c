//! The implementation of [`VcsHost`](ccc_core::VcsHost) for GitHub.

mod bot_identity;
mod builder;
mod comments;
mod delivery_log;
mod files;
mod github;
mod issue_error;
mod issues;
mod permissions;
mod pull_requests;
mod push_refusal;
mod reactions;
mod repositories;
mod truncate;
mod vcs_host;
mod written_comments;

pub use builder::GitHubBuilder;
pub use github::GitHub;
