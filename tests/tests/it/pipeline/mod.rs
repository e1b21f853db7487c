//! The pipeline on fakes and real git: every way a run can end, and that nothing is left of it.

mod dispatch;
mod endings;
mod faults;
pub(crate) mod fixture;
mod interrupts;
mod setup;
