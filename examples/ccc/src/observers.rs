//! The observers of runs: for the log of the service, and for the output of commands.

mod event_text;
mod log;
#[cfg(feature = "emulator")]
mod outcome_sender;
#[cfg(feature = "cli")]
mod terminal;

pub(crate) use log::LogObserver;
#[cfg(feature = "emulator")]
pub(crate) use outcome_sender::OutcomeSender;
#[cfg(feature = "cli")]
pub(crate) use terminal::progress_observer;
