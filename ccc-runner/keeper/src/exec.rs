//! Execution of the programs that the runner requests.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ccc_keeper::{
    ExecOutcome, ExecRequest, ExecResult, FrameKind, TunnelStream, read_head, write_frame,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::cgroup;
use crate::reaper::OwnChildren;

/// Maximum time for which output is still read after a program has ended. The limit is necessary
/// because a background process of the program can keep the output pipe open forever.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
const SIGKILL: i32 = 9;

/// Reads the [`ExecRequest`] at the beginning of `stream`, and executes the program. Writes the
/// program's output and its [`ExecResult`] to `stream`. Both are discarded if the runner has closed
/// `stream`.
pub(crate) async fn run(stream: TunnelStream, own: OwnChildren) {
    let (mut from, mut to) = tokio::io::split(stream);
    let Ok(order) = read_head::<ExecRequest>(&mut from).await else { return };
    let ended = match start(&order) {
        Err(ending) => Ok(ExecResult { ending, dropped: 0 }),
        Ok(child) => {
            let _guard = own.add(child.id());
            drive(child, &order, &mut from, &mut to).await
        }
    };
    let told = async {
        write_frame(&mut to, FrameKind::Ended, &serde_json::to_vec(&ended?)?).await?;
        to.shutdown().await
    };
    let _: io::Result<()> = told.await;
}

fn start(order: &ExecRequest) -> Result<Child, ExecOutcome> {
    let Some((program, arguments)) = order.argv.split_first() else {
        return Err(ExecOutcome::NotFound);
    };
    let path = order.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| &**path);
    let Some(file) = find_program(program, path.unwrap_or_default()) else {
        return Err(ExecOutcome::NotFound);
    };
    let mut command = Command::new(file);
    command
        .arg0(program)
        .args(arguments)
        .env_clear()
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ExecOutcome::NotFound,
        _ => ExecOutcome::NotStarted(error.to_string()),
    })
}

/// Returns the path of the executable file of `program`. If `program` contains a slash, this is
/// `program` itself. Otherwise it is the first executable file with this name in the directories of
/// `path`, which is the value of `PATH`.
///
/// Relative and empty entries of `path` are skipped, because they can name directories in the
/// workspace, where the repository and the agent place files. The system's own search does not skip
/// these entries.
fn find_program(program: &str, path: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let directories = path.split(':').map(Path::new).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(program)).find(|file| {
        let found = std::fs::metadata(file);
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// Forwards standard input from the stream `from` to the program `child`, and the program's output
/// to the stream `to`. Returns the result after the program has ended.
async fn drive(
    mut child: Child,
    order: &ExecRequest,
    from: &mut ReadHalf<TunnelStream>,
    to: &mut WriteHalf<TunnelStream>,
) -> io::Result<ExecResult> {
    let kills = cgroup::oom_kills();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 16 << 10]);
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // The write fails if the program ends without reading all of the input.
            let _ = tokio::io::copy(&mut from.take(order.stdin), &mut stdin).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::pin!(feed);
    let mut room = OutputSink { left: order.output, dropped: 0, to: Some(to) };
    let mut status: Option<ExitStatus> = None;
    let aftermath = sleep(Duration::MAX);
    tokio::pin!(aftermath);
    while status.is_none() || stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = next(&mut stdout, &mut out) => match read {
                0 => stdout = None,
                n => room.forward(FrameKind::Stdout, &out[..n]).await,
            },
            read = next(&mut stderr, &mut err) => match read {
                0 => stderr = None,
                n => room.forward(FrameKind::Stderr, &err[..n]).await,
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended?);
                aftermath.as_mut().reset(tokio::time::Instant::now() + DRAIN_TIMEOUT);
            }
            () = &mut aftermath, if status.is_some() => break,
            () = &mut feed => {}
        }
    }
    let status =
        status.ok_or_else(|| io::Error::other("the program ended without an exit status"))?;
    let ending = match (status.code(), status.signal()) {
        // A shell exits with 137 if SIGKILL ended the program that the shell executed.
        (_, Some(SIGKILL)) | (Some(137), _) if cgroup::oom_kills() > kills => {
            ExecOutcome::OutOfMemory
        }
        (Some(code), _) => ExecOutcome::Code(code),
        (None, signal) => ExecOutcome::Signal(signal.unwrap_or(0)),
    };
    Ok(ExecResult { ending, dropped: room.dropped })
}

/// Reads bytes from `stream` into `buffer` and returns their number, which is 0 at the end of
/// `stream`. If `stream` is `None`, the future never completes.
async fn next(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        // A read error counts as the end of the pipe.
        Some(stream) => stream.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// The destination of a program's output. Output is read but discarded if it exceeds the limit or
/// if the runner has closed the stream, because unread output would block the program.
struct OutputSink<'a> {
    left: u64,
    dropped: u64,
    to: Option<&'a mut WriteHalf<TunnelStream>>,
}

impl OutputSink<'_> {
    async fn forward(&mut self, kind: FrameKind, bytes: &[u8]) {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.left -= fits as u64;
        self.dropped += (bytes.len() - fits) as u64;
        if let (Some(to), true) = (&mut self.to, fits > 0)
            && write_frame(to, kind, &bytes[..fits]).await.is_err()
        {
            self.to = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::path::Path;
    use std::process::Command;

    use super::find_program;

    #[test]
    fn only_absolute_directories_of_the_path_are_searched() {
        let found = |program, path| find_program(program, path);
        assert_eq!(found("sh", "/nonexistent:/bin").as_deref(), Some(Path::new("/bin/sh")));
        assert_eq!(found("./sh", "").as_deref(), Some(Path::new("./sh")));
        let here = std::env::current_dir().unwrap();
        let up = "../".repeat(here.components().count());
        let relative = format!("{up}bin");
        for path in ["", ".", ":", "bin:.", &relative] {
            assert_eq!(found("sh", path), None, "{path:?}");
        }
        // `/etc/passwd` is not executable.
        assert_eq!(found("passwd", "/etc"), None);
    }

    /// Shows why [`find_program`] skips relative and empty entries: for these values of `PATH`, the
    /// system executes a file in the current directory.
    #[test]
    fn the_system_searches_the_current_directory() {
        for path in ["", "."] {
            let mut run = Command::new("sh");
            run.env("PATH", path).current_dir("/bin").args(["-c", ":"]);
            assert!(run.status().unwrap().success(), "{path:?}");
        }
    }
}
