//! The protocol between the host and the keeper.
//!
//! A stream begins with a head: its length (4 bytes, most significant first) and that many bytes of
//! JSON. Streams that the host opens have an [`ExecRequest`] as their head, then the program's
//! standard input. The keeper answers with frames: a kind (1 byte), a length (4 bytes), and that
//! many bytes. Streams that the keeper opens have a [`StreamKind`] as their head, then bytes as
//! they are.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of this protocol. Both sides must have the same.
pub const PROTOCOL: u32 = 1;
/// The port of the container's loopback that leads to the model proxy.
pub const MODEL_PORT: u16 = 7811;
/// The port of the container's loopback that leads to the egress proxy.
pub const EGRESS_PORT: u16 = 7812;

/// The longest head, in bytes: arguments and environment of a program.
const MAX_HEAD: usize = 4 << 20;
/// The longest head of a stream that the keeper opens, in bytes.
const MAX_SHORT_HEAD: usize = 64;
/// The longest frame, in bytes.
const MAX_FRAME: usize = 1 << 20;

/// The configuration of a keeper, its one argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperConfig {
    /// The directory whose size is limited.
    pub workspace: String,
    /// The most bytes that the workspace may hold.
    pub bytes: u64,
    /// The most files and directories that the workspace may hold.
    pub entries: u64,
    /// Directories to create before any program runs.
    pub directories: Vec<String>,
    /// Whether to install the system call filter.
    pub filter: bool,
    /// Whether to listen on [`MODEL_PORT`].
    pub model: bool,
}

/// A program to run.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The whole environment of the program.
    pub env: Vec<(String, String)>,
    /// The directory in which the program starts.
    pub directory: String,
    /// The number of bytes of standard input that follow.
    pub stdin: u64,
    /// The most bytes of output that the host accepts, both streams together.
    pub output: u64,
}

impl std::fmt::Debug for ExecRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("ExecRequest").field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// The purpose of a stream that the keeper opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// The greeting: a [`Hello`] follows as a second head.
    Hello,
    /// A connection to the model proxy.
    Model,
    /// A connection to the egress proxy.
    Egress,
}

/// The keeper's greeting, sent before any program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The [`PROTOCOL`] of the keeper.
    pub protocol: u32,
    /// Whether the container has ceilings on memory and processes, as the kernel has it: some
    /// engines take them, show them, and do nothing.
    pub limited: bool,
}

/// The outcome of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecOutcome {
    /// The program exited with this code.
    Code(i32),
    /// The program was terminated by this signal.
    Signal(i32),
    /// The kernel killed the program, because the container's memory was used up.
    OutOfMemory,
    /// The program does not exist.
    NotFound,
    /// The program could not be started, for this reason.
    NotStarted(String),
}

/// The content of a program's last frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResult {
    /// The outcome of the program.
    pub ending: ExecOutcome,
    /// The number of bytes of output that were dropped.
    pub dropped: u64,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Bytes of standard output.
    Stdout,
    /// Bytes of standard error.
    Stderr,
    /// An [`ExecResult`] as JSON: the last frame.
    Ended,
}

impl FrameKind {
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
            _ => Err(malformed("a frame of no kind")),
        }
    }
}

fn malformed(what: &str) -> io::Error {
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

/// Reads a head of at most 64 bytes, from a peer that is not trusted.
///
/// # Errors
/// As [`read_head`].
pub async fn read_short_head<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    read_within(stream, MAX_SHORT_HEAD).await
}

async fn read_within<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<T> {
    let length = stream.read_u32().await? as usize;
    if length > most {
        return Err(malformed("a head that is too long"));
    }
    let mut json = vec![0; length];
    stream.read_exact(&mut json).await?;
    Ok(serde_json::from_slice(&json)?)
}

/// Writes a frame.
///
/// # Errors
/// Those of the stream.
pub async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: FrameKind,
    bytes: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| malformed("a frame that is too long"))?;
    let mut head = [kind.byte(), 0, 0, 0, 0];
    head[1..].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&head).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Reads a frame into `buffer`, in place of its former content. Not cancel safe.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it is none; those of the stream.
pub async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<FrameKind> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let kind = FrameKind::of(head[0])?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MAX_FRAME {
        return Err(malformed("a frame that is too long"));
    }
    buffer.resize(length, 0);
    stream.read_exact(buffer).await?;
    Ok(kind)
}

#[cfg(test)]
mod tests;
