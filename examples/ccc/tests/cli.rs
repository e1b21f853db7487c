//! Tests of the program as a binary: arguments, output and exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod cli {
    mod backup;
    mod claude;
    mod config;
    mod demo;
    mod docker;
    mod fixture;
    mod full_disk;
    mod host_failures;
    mod local_repositories;
    mod missed;
    mod proxy_and_ca;
    mod restart;
    mod run;
    mod runs;
    mod serve;
    mod stored_app;
    mod strangers;
    mod webhooks;
}
