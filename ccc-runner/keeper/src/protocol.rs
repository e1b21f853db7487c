//! The protocol between the runner and the keeper.
//!
//! A stream begins with a head: a length (4 bytes, big-endian) and that many bytes of JSON. A
//! stream that the runner opens has an [`ExecRequest`] as its head, followed by the program's
//! standard input. The keeper responds with frames: a kind (1 byte), a length (4 bytes,
//! big-endian), and that many bytes. A stream that the keeper opens has a [`StreamKind`] as its
//! head. After [`StreamKind::Hello`], a second head follows. After any other kind, the unmodified
//! bytes of a connection follow.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of the protocol between the runner and the keeper. Both must use the same version.
pub const PROTOCOL: u32 = 1;
/// The container's loopback port that is forwarded to the model proxy.
pub const MODEL_PORT: u16 = 7811;
/// The container's loopback port that is forwarded to the egress proxy.
pub const EGRESS_PORT: u16 = 7812;

/// Maximum size of the JSON at the beginning of a stream (the head), in bytes. The longest heads
/// contain a program's arguments and environment.
const MAX_HEAD: usize = 4 << 20;
/// Maximum size of the JSON that [`read_short_head`] accepts at the beginning of a stream, in
/// bytes.
const MAX_SHORT_HEAD: usize = 64;
/// Maximum size of the content of a frame that [`read_frame`] accepts, in bytes.
const MAX_FRAME: usize = 1 << 20;

/// The configuration of a keeper, which the runner passes as JSON on the keeper's command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperConfig {
    /// The path of the workspace, whose size is limited.
    pub workspace: String,
    /// Maximum size of the workspace, in bytes.
    pub bytes: u64,
    /// Maximum number of files, directories and other entries in the workspace.
    pub entries: u64,
    /// Directories that the keeper creates before it executes programs.
    pub directories: Vec<String>,
    /// Whether the keeper installs a system call filter (seccomp) for itself and its programs.
    pub filter: bool,
    /// Whether the keeper listens on [`MODEL_PORT`] and forwards connections to the model proxy.
    pub model: bool,
}

/// A request from the runner to the keeper to execute a program.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The name or the path of the program, followed by its arguments.
    pub argv: Vec<String>,
    /// The complete environment of the program, as names and values.
    pub env: Vec<(String, String)>,
    /// The working directory of the program.
    pub directory: String,
    /// Size, in bytes, of the program's standard input. The input follows this request on the
    /// stream.
    pub stdin: u64,
    /// Maximum size of standard output and standard error together, in bytes. Output above this
    /// limit is dropped.
    pub output: u64,
}

impl std::fmt::Debug for ExecRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment can contain secrets.
        f.debug_struct("ExecRequest").field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// The purpose of a stream that the keeper opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// The keeper's greeting. A [`Hello`] follows as a second head.
    Hello,
    /// A connection to the model proxy.
    Model,
    /// A connection to the egress proxy.
    Egress,
}

/// The keeper's greeting, which the runner waits for before it requests a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The keeper's [`PROTOCOL`] version.
    pub protocol: u32,
    /// Whether the kernel limits the container's memory and processes. Some engines accept and
    /// report these limits without enforcing them.
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
    /// The kernel killed the program because the container ran out of memory.
    OutOfMemory,
    /// The program does not exist in the container.
    NotFound,
    /// The program could not be started, for the reason in this text.
    NotStarted(String),
}

/// The result of a program: the content of the last frame that the keeper sends about the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResult {
    /// The outcome of the program.
    pub ending: ExecOutcome,
    /// Size, in bytes, of the output that was dropped because it exceeded [`ExecRequest::output`].
    pub dropped: u64,
}

/// The kind of a frame that the keeper sends about a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The frame contains bytes of the program's standard output.
    Stdout,
    /// The frame contains bytes of the program's standard error.
    Stderr,
    /// The frame is the last one, and contains an [`ExecResult`] as JSON.
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
            _ => Err(malformed("the frame from the keeper has an unknown kind")),
        }
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes `head` as JSON to the beginning of a stream, preceded by the JSON's length.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if the JSON of `head` is longer than 4 MiB, and the errors of
/// `stream`.
pub async fn write_head<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    head: &T,
) -> io::Result<()> {
    let json = serde_json::to_vec(head)?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length as usize <= MAX_HEAD);
    let length = length.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the arguments and the environment of the program exceed 4 MiB",
        )
    })?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&json).await?;
    stream.flush().await
}

/// Reads the head of a stream: a length, and a `T` as JSON of at most 4 MiB.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the head is longer than 4 MiB or is not the JSON of a `T`,
/// [`io::ErrorKind::UnexpectedEof`] if the JSON is incomplete, and the errors of `stream`.
pub async fn read_head<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    read_within(stream, MAX_HEAD).await
}

/// Reads the head of a stream from a peer that is not trusted. Unlike [`read_head`], this function
/// refuses a head of more than 64 bytes.
///
/// # Errors
/// The same errors as [`read_head`], with a limit of 64 bytes.
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
        return Err(malformed("the JSON at the beginning of the stream is longer than permitted"));
    }
    let mut json = vec![0; length];
    stream.read_exact(&mut json).await?;
    Ok(serde_json::from_slice(&json)?)
}

/// Writes `bytes` to `stream` as one frame of the kind `kind`.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the length of `bytes` does not fit into 4 bytes, and the
/// errors of `stream`.
pub async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: FrameKind,
    bytes: &[u8],
) -> io::Result<()> {
    let length =
        u32::try_from(bytes.len()).map_err(|_| malformed("a frame must be shorter than 4 GiB"))?;
    let mut head = [kind.byte(), 0, 0, 0, 0];
    head[1..].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&head).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Reads a frame, replaces the content of `buffer` with the content of the frame, and returns the
/// frame's kind. Not cancel safe: if the future is dropped, a part of the frame can be lost.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the frame's kind is unknown or its content is longer than 1
/// MiB, and the errors of `stream`.
pub async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<FrameKind> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let kind = FrameKind::of(head[0])?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MAX_FRAME {
        return Err(malformed("the frame from the keeper is longer than 1 MiB"));
    }
    buffer.resize(length, 0);
    stream.read_exact(buffer).await?;
    Ok(kind)
}

#[cfg(test)]
mod tests;
