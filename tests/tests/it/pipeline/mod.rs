//! Tests of the pipeline with fakes and real git: all outcomes of a run, and complete cleanup.

mod dispatch;
mod endings;
mod fault_points;
mod faults;
pub(crate) mod fixture;
mod intake_checks;
mod interrupts;
mod maintainers;
mod policy;
mod requests;
mod run_logs;
mod secrets;
mod setup;
