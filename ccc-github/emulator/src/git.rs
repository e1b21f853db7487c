//! Bare git repositories, which the `git` program reads and changes.

mod command;
mod diff;
mod history;
mod objects;
mod repository;
mod seed;
mod write;

pub(crate) use command::program;
pub(crate) use objects::{CommitInfo, Entry, Person, Stat};
pub(crate) use repository::Git;
pub(crate) use write::FileChange;
