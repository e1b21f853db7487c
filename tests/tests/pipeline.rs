//! The pipeline on fakes and real git: every way a run can end, and that nothing is left of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod pipeline {
    pub(crate) mod bench;
    mod dispatch;
    mod endings;
    mod faults;
    mod interrupts;
    mod setup;
}
