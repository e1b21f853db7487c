//! A runner that starts programs as ordinary processes of the host machine.

mod command;
mod container;
mod guard;
mod proc_status;
mod process_sessions;
mod processes;
mod program_path;
mod pump;
mod reclaim;
mod runner;
mod uid_pool;
mod user_switch;

pub use runner::SubprocessRunner;
