#![doc = include_str!("../README.md")]

mod measure;
mod talk;
mod tunnel;
mod visit;

pub use measure::{Breach, measure};
pub use talk::{
    Door, EGRESS_PORT, Ended, Ending, Hello, Keep, MODEL_PORT, Order, PROTOCOL, Piece, exit,
    read_head, read_piece, read_word, write_head, write_piece,
};
pub use tunnel::{Arrivals, Pipe, Tunnel, tunnel};
pub use visit::visit;
