//! The routes' work, a file for each kind of object.

pub(super) mod app;
pub(super) mod comments;
pub(super) mod contents;
pub(super) mod hooks;
pub(super) mod installations;
pub(super) mod issues;
pub(super) mod labels;
pub(super) mod misc;
pub(super) mod pulls;
pub(super) mod reactions;
pub(super) mod refs;
pub(super) mod repositories;
