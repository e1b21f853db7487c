//! Execution of a git process, with its ceilings and its input and output.

use std::ops::ControlFlow;
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::{Call, SHELL};
use crate::git::blocking::spawn_blocking;
use crate::git::git_dir::check_git_dir;
use crate::{Clock as _, Error, ErrorKind, Result, SystemClock};

/// Maximum size of git's standard error, in bytes. A call of git that prints more fails. Error
/// messages contain only the last lines of standard error.
const MAX_STDERR: u64 = 256 << 10;
/// Size of the buffer for output of git, in bytes.
const CHUNK: usize = 64 << 10;

/// The reason why the output of git is not read to its end.
enum Stopped {
    /// The receiver of the standard output needs no more of it.
    ByReceiver,
    /// The standard error is too large.
    TooMuchStderr,
    Failed(Error),
}

impl Call {
    /// Executes git and passes the standard output to `receive`. Returns the exit status and the
    /// standard error, or `None` if `receive` returned [`ControlFlow::Break`].
    pub(super) async fn execute(
        &self,
        receive: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Option<(ExitStatus, Vec<u8>)>> {
        if let Some(git_dir) = self.own_git_dir.clone() {
            let root = Arc::clone(&self.root);
            spawn_blocking(move || check_git_dir(&root, &git_dir)).await?;
        }
        let ended = tokio::select! {
            biased;
            ended = self.execute_unbounded(receive) => ended?,
            () = SystemClock.sleep(self.ceiling.duration()) => {
                return Err(self.ceiling.took_too_long(self.subcommand));
            }
        };
        if let Some((status, stderr)) = &ended
            && let Some(error) =
                self.ceiling.reached(self.subcommand, *status, &String::from_utf8_lossy(stderr))
        {
            return Err(error);
        }
        Ok(ended)
    }

    async fn execute_unbounded(
        &self,
        receive: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Option<(ExitStatus, Vec<u8>)>> {
        let mut child = self.command().spawn().map_err(|e| {
            let line = format!("cannot start git through the shell {SHELL}");
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        })?;
        // Dropping the group at an early return also ends a git process that still runs.
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A write can fail because git ended without reading all input. The exit status
                // shows whether git failed.
                let _ = stdin.write_all(&self.stdin).await;
            }
            Ok::<(), Stopped>(())
        };
        let mut said = Vec::new();
        let read_stderr = read(stderr, Stopped::TooMuchStderr, |chunk| {
            said.extend_from_slice(chunk);
            let full = said.len() as u64 > MAX_STDERR;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let read_stdout = read(stdout, Stopped::ByReceiver, receive);
        match tokio::try_join!(write, read_stdout, read_stderr) {
            Ok(_) => {}
            Err(Stopped::ByReceiver) => return Ok(None),
            Err(Stopped::TooMuchStderr) => {
                return Err(self.ceiling.printed_too_much(self.subcommand, MAX_STDERR));
            }
            Err(Stopped::Failed(error)) => return Err(error),
        }
        let status = child.wait().await.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot wait for the end of the git process")
                .with_source(e)
        })?;
        group.disarm();
        Ok(Some((status, said)))
    }
}

/// Passes the bytes of `from` in chunks to `receive`. Returns `stopped` if `receive` returns
/// [`ControlFlow::Break`].
async fn read(
    from: Option<impl AsyncRead + Unpin>,
    stopped: Stopped,
    mut receive: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), Stopped> {
    let Some(mut from) = from else {
        return Ok(());
    };
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await.map_err(|e| {
            let error = Error::new(ErrorKind::Unexpected, "cannot read the output of git");
            Stopped::Failed(error.with_source(e))
        })?;
        if read == 0 {
            return Ok(());
        }
        if receive(&chunk[..read]).is_break() {
            return Err(stopped);
        }
    }
}

/// The process group of one call of git. Dropping this value kills the group, so that git's helper
/// processes also end if the call is cancelled.
struct Group(Option<Pid>);

impl Group {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
