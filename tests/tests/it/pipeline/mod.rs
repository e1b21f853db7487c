//! Tests of the pipeline with fakes and real git: all outcomes of a run, and complete cleanup.

mod dispatch;
mod endings;
mod faults;
pub(crate) mod fixture;
mod interrupts;
mod secrets;
mod setup;
