#![doc = include_str!("../README.md")]

mod admin;
mod app;
pub mod cli;
pub mod config;
mod demo;
mod doctor;
mod emulate;
mod emulated;
mod git;
mod health;
mod http;
mod keep;
mod local;
mod model;
mod parts;
mod run;
mod serve;
mod service;
mod show;
mod store;

pub use config::Config;
pub use local::LocalHost;
pub use service::{Service, router};
