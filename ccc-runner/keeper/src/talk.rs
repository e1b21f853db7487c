//! What host and keeper say to each other.
//!
//! A stream begins with a head: its length (4 bytes, most significant first) and that many bytes of JSON.
//! Streams that the host opens have an [`Order`] as their head, then the program's standard input; back come
//! pieces: a kind (1 byte), a length (4 bytes), and that many bytes. Streams that the keeper opens have a
//! [`Door`], then bytes as they are.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of all this. Both sides must have the same.
pub const PROTOCOL: u32 = 1;
/// Where in the container the model proxy is.
pub const MODEL_PORT: u16 = 7811;
/// Where in the container the way to listed hosts is, for programs that take a proxy.
pub const EGRESS_PORT: u16 = 7812;

/// No head is longer: arguments and environment of a program, bytes.
const MAX_HEAD: usize = 4 << 20;
/// What opens a stream is a word.
const MAX_WORD: usize = 64;
/// No piece is longer, bytes.
const MAX_PIECE: usize = 1 << 20;

/// The keeper's exit status, when it is the one to end the container, and no limit is why.
pub mod exit {
    /// The host is gone.
    pub const ALONE: u8 = 74;
    /// It was started wrongly.
    pub const CONFUSED: u8 = 75;
}

/// What a keeper is for, as its one argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The directory that is watched.
    pub workspace: String,
    /// The most bytes that it may hold.
    pub bytes: u64,
    /// The most files and directories that it may hold.
    pub entries: u64,
    /// Directories to make before anything runs.
    pub directories: Vec<String>,
    /// Whether programs are kept from the system calls that lead past a missing network.
    pub filter: bool,
    /// Whether there is a way to the model proxy.
    pub model: bool,
}

/// A program to run.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// Where it starts.
    pub directory: String,
    /// How many bytes of standard input follow.
    pub stdin: u64,
    /// How many bytes of output are wanted, of both streams together.
    pub output: u64,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("Order").field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// Why the keeper opened a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// To say [`Hello`], which follows as a second head.
    Hello,
    /// Somebody wants to the model proxy.
    Model,
    /// Somebody wants to a listed host.
    Egress,
}

/// The keeper's first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its [`PROTOCOL`].
    pub protocol: u32,
    /// Whether the container has ceilings on memory and processes, as the kernel has it: some engines take
    /// them, show them, and do nothing.
    pub limited: bool,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// By the kernel, because the container's memory was used up.
    OutOfMemory,
    /// It is not there.
    NotFound,
    /// It could not be started, and why.
    NotStarted(String),
}

/// The last that is said of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub ending: Ending,
    /// How many bytes of output were not handed on.
    pub dropped: u64,
}

/// What kind of piece it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of standard output.
    Stdout,
    /// Bytes of standard error.
    Stderr,
    /// An [`Ended`] as JSON: the last piece.
    Ended,
}

impl Piece {
    fn byte(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Ended => 3,
        }
    }

    fn of(byte: u8) -> io::Result<Self> {
        match byte {
            1 => Ok(Self::Stdout),
            2 => Ok(Self::Stderr),
            3 => Ok(Self::Ended),
            _ => Err(nonsense("a piece of no kind")),
        }
    }
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes a head.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when it is too long; those of the stream.
pub async fn write_head<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    head: &T,
) -> io::Result<()> {
    let json = serde_json::to_vec(head)?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length as usize <= MAX_HEAD);
    let length = length.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "arguments and environment are too long")
    })?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&json).await?;
    stream.flush().await
}

/// Reads a head.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it is none; those of the stream.
pub async fn read_head<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    read_within(stream, MAX_HEAD).await
}

/// Reads a head that is no longer than a word: what a stranger says first.
///
/// # Errors
/// As [`read_head`].
pub async fn read_word<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    read_within(stream, MAX_WORD).await
}

async fn read_within<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<T> {
    let length = stream.read_u32().await? as usize;
    if length > most {
        return Err(nonsense("a head that is too long"));
    }
    let mut json = vec![0; length];
    stream.read_exact(&mut json).await?;
    Ok(serde_json::from_slice(&json)?)
}

/// Writes a piece.
///
/// # Errors
/// Those of the stream.
pub async fn write_piece(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: Piece,
    bytes: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| nonsense("a piece that is too long"))?;
    let mut head = [kind.byte(), 0, 0, 0, 0];
    head[1..].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&head).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Reads a piece into `buffer`, in place of what was in it. Not cancel safe.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it is none; those of the stream.
pub async fn read_piece(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Piece> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let kind = Piece::of(head[0])?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MAX_PIECE {
        return Err(nonsense("a piece that is too long"));
    }
    buffer.resize(length, 0);
    stream.read_exact(buffer).await?;
    Ok(kind)
}

#[cfg(test)]
mod tests;
