//! Copies of the workspace, as tar archives: into a container before it starts, and out of the
//! container after it has stopped.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Result};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::runner::container_user::ContainerUser;
use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_error::Attempt;
use crate::runner::docker::names::WORKSPACE;
use crate::runner::docker::unpack::{UnpackLimits, unpack};

/// Maximum number of buffered pieces of a copy. One task reads pieces from the source, and another
/// task writes them to the destination.
const WAITING: usize = 4;
const PIECE: usize = 256 << 10;
/// Size of a block of an archive, in bytes.
const BLOCK: usize = 512;

/// Checks that the image of the container `name` has an empty directory for the workspace, owned by
/// `user`. This matters because a new volume is a copy of the image's directory, including the
/// owner.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the directory is missing, has another owner or is not empty;
/// errors of the engine.
pub(crate) async fn check_workspace(
    engine: &Engine,
    name: &str,
    user: ContainerUser,
) -> Result<()> {
    let options = DownloadFromContainerOptionsBuilder::default().path(WORKSPACE).build();
    let mut stream = engine.docker.download_from_container(name, Some(options));
    let mut start = Vec::new();
    while start.len() < 2 * BLOCK
        && let Some(piece) = stream.next().await
    {
        start.extend_from_slice(&piece.attempt("cannot inspect the container's workspace")?);
    }
    let empty = start.get(BLOCK..2 * BLOCK).is_some_and(|next| next.iter().all(|byte| *byte == 0));
    let header = start.first_chunk::<BLOCK>().map(|first| tar::Header::from_byte_slice(first));
    let owned = header.is_some_and(|header| {
        header.uid().is_ok_and(|uid| uid == u64::from(user.uid))
            && header.gid().is_ok_and(|gid| gid == u64::from(user.gid))
    });
    if empty && owned {
        return Ok(());
    }
    let line = format!(
        "the image has no empty directory {WORKSPACE} owned by UID {} and GID {}: add the directory \
         to the image, because the workspace is copied into this directory",
        user.uid, user.gid
    );
    Err(Error::new(ErrorKind::InvalidInput, line))
}

/// Copies the directory `workspace` into the container `name`, which was created but not started.
/// In the container, `user` owns the files.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the directory cannot be read, and errors of the engine.
pub(crate) async fn copy_in(
    engine: &Engine,
    name: &str,
    workspace: &Path,
    user: ContainerUser,
) -> Result<()> {
    let (pieces, body) = mpsc::channel::<Bytes>(WAITING);
    let from = workspace.to_owned();
    let packing = tokio::task::spawn_blocking(move || pack(&from, user, PieceWriter::new(pieces)));
    let options = UploadToContainerOptionsBuilder::default().path(WORKSPACE).build();
    let body = bollard::body_stream(ReceiverStream::new(body));
    let sent = engine.with_long_timeout().upload_to_container(name, Some(options), body).await;
    let packed = packing.await.map_err(io::Error::other).flatten();
    // If the engine fails, the packing task also fails, with a broken pipe. The engine's message is
    // the useful one.
    sent.attempt("cannot copy the workspace into the container")?;
    packed.map_err(|e| {
        let line = format!("cannot read the workspace {}", workspace.display());
        Error::new(ErrorKind::from_io(&e), line).with_source(e)
    })
}

/// Replaces the directory `workspace` by a copy of the workspace in the container `name`.
///
/// # Errors
/// Errors of [`unpack`], and of the engine.
pub(crate) async fn copy_out(
    engine: &Engine,
    name: &str,
    workspace: &Path,
    limits: UnpackLimits,
) -> Result<()> {
    let options = DownloadFromContainerOptionsBuilder::default().path(WORKSPACE).build();
    let docker = engine.with_long_timeout();
    let mut stream = docker.download_from_container(name, Some(options));
    let (pieces, received) = mpsc::channel::<Option<io::Result<Bytes>>>(WAITING);
    let to = workspace.to_owned();
    let unpacking = tokio::task::spawn_blocking(move || {
        unpack(&to, PieceReader { pieces: received, piece: Bytes::new() }, limits)
    });
    let mut refused = None;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|refusal| {
            refused = Some(refusal);
            io::Error::other("the engine ended the archive with an error")
        });
        if pieces.send(Some(piece)).await.is_err() {
            break;
        }
    }
    // Mark the end explicitly: otherwise the reader reports a truncated stream.
    let _ = pieces.send(None).await;
    let unpacked = unpacking.await.map_err(|e| {
        Error::new(ErrorKind::Unexpected, "the task that unpacks the workspace failed")
            .with_source(e)
    })?;
    match refused {
        Some(refusal) => Err(refusal).attempt("cannot copy the workspace out of the container"),
        None => unpacked,
    }
}

/// A writer that sends the written bytes in pieces to another task.
struct PieceWriter {
    to: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl PieceWriter {
    fn new(to: mpsc::Sender<Bytes>) -> Self {
        Self { to, piece: Vec::with_capacity(PIECE) }
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..fits]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.to.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A reader of pieces that another task sends.
struct PieceReader {
    pieces: mpsc::Receiver<Option<io::Result<Bytes>>>,
    piece: Bytes,
}

impl Read for PieceReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.piece = piece?,
                Some(None) => return Ok(0),
                // The sender was dropped without marking the end.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let n = into.len().min(self.piece.len());
        into[..n].copy_from_slice(&self.piece.split_to(n));
        Ok(n)
    }
}

/// Writes a tar archive of the directory `workspace` and its content. In the archive, `user` owns
/// all entries.
fn pack(workspace: &Path, user: ContainerUser, to: PieceWriter) -> io::Result<()> {
    let mut archive = tar::Builder::new(to);
    let mut open = vec![PathBuf::new()];
    append(&mut archive, workspace, Path::new("./"), user)?;
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(workspace.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            append(&mut archive, &entry.path(), &path, user)?;
            if entry.file_type()?.is_dir() {
                open.push(path);
            }
        }
    }
    archive.into_inner()?.flush()
}

fn append(
    archive: &mut tar::Builder<PieceWriter>,
    from: &Path,
    path: &Path,
    user: ContainerUser,
) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&metadata);
    header.set_uid(user.uid.into());
    header.set_gid(user.gid.into());
    if metadata.is_file() {
        let size = metadata.len();
        header.set_size(size);
        archive.append_data(&mut header, path, fs::File::open(from)?.take(size))
    } else if metadata.is_dir() {
        header.set_size(0);
        archive.append_data(&mut header, path, io::empty())
    } else if metadata.is_symlink() {
        header.set_size(0);
        archive.append_link(&mut header, path, fs::read_link(from)?)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the workspace contains a pipe, socket or device, which cannot be copied",
        ))
    }
}
