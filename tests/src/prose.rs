//! The rules of the prose: the documentation of code, pages, and messages.
//!
//! A machine can hold the first two rules and a list of phrases: how a sentence begins, of which
//! words its subject is, and what is said with another word. The rest is for readers.

mod passages;
mod rules;
mod unfinished;

pub use passages::{Kind, Passage, page, rust};
pub use rules::{Finding, Phrases, findings};
pub use unfinished::Unfinished;
