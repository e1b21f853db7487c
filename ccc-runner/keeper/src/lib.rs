#![doc = include_str!("../README.md")]

mod measure;
mod talk;
mod tunnel;

pub use measure::{Breach, measure, open_within};
pub use talk::{
    Door, EGRESS_PORT, Ended, Ending, Hello, Keep, MODEL_PORT, Order, PROTOCOL, Piece, exit,
    read_head, read_piece, read_word, write_head, write_piece,
};
pub use tunnel::{Arrivals, Pipe, Tunnel, tunnel};
