//! The rules for prose: documentation of code, pages, and messages.
//!
//! The machine checks the beginning of documentation, the subjects of sentences and a list of
//! phrases. Reviewers check all other rules.

mod passages;
mod rules;
mod unfinished;

pub use passages::{Kind, Passage, page, rust};
pub use rules::{Finding, Phrases, findings};
pub use unfinished::Unfinished;
