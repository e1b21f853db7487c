//! The JSON of objects in GitHub's API and webhooks. It contains every field that GitHub's OpenAPI
//! description requires, and some optional fields that programs read.

mod account;
mod app;
mod content;
mod issue;
mod json;
mod pull;
mod reaction;
mod repository;

pub(crate) use account::{known_user, public_user, user};
pub(crate) use app::{app, delivery, delivery_in_full, installation};
pub(crate) use content::{branch, commit, content, git_ref};
pub(crate) use issue::{comment, issue, label};
pub(crate) use json::merge;
pub(crate) use pull::{pull, pull_in_full};
pub(crate) use reaction::{REACTIONS, reaction};
pub(crate) use repository::repository;
