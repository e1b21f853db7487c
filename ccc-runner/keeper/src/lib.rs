#![doc = include_str!("../README.md")]

mod disk_limits;
pub mod exit;
mod limit_breach;
#[cfg(feature = "protocol")]
mod protocol;
mod tree_walk;
#[cfg(feature = "protocol")]
mod tunnel;

pub use disk_limits::measure;
pub use limit_breach::LimitBreach;
#[cfg(feature = "protocol")]
pub use protocol::{
    EGRESS_PORT, ExecOutcome, ExecRequest, ExecResult, FrameKind, Hello, KeeperConfig, MODEL_PORT,
    PROTOCOL, StreamKind, read_frame, read_head, read_short_head, write_frame, write_head,
};
pub use tree_walk::walk_tree;
#[cfg(feature = "protocol")]
pub use tunnel::{IncomingStreams, Tunnel, TunnelStream, tunnel};
