//! The program as people use it: the binary, its arguments, its output, its exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod cli {
    mod claude;
    mod config;
    mod demo;
    mod docker;
    mod kept;
    mod odd;
    mod run;
    mod serve;
    mod support;
    mod way;
    mod webhooks;
}
