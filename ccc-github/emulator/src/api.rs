//! The handlers of the REST API's routes, with one module for each kind of object.

pub(crate) mod app;
pub(crate) mod comments;
pub(crate) mod contents;
mod fields;
pub(crate) mod hooks;
pub(crate) mod installations;
pub(crate) mod issues;
pub(crate) mod labels;
pub(crate) mod meta;
pub(crate) mod pulls;
pub(crate) mod reactions;
pub(crate) mod refs;
pub(crate) mod repositories;
pub(crate) mod tokens;
pub(crate) mod users;
