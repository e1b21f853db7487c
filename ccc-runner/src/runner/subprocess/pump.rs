//! Forwarding of a child process's standard output and standard error to a sink.

use std::time::Duration;

use ccc_core::container::{OutputSink, OutputStream};
use ccc_core::{Clock, Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

use crate::runner::output::BoundedOutput;

/// Time limit for further output after the program has ended. Without a limit, a process that the
/// program started could keep the pipe open forever.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// Forwards the output of `child` to `sink`, up to `max` bytes. When the child has ended, waits at
/// most [`OUTPUT_GRACE`] for the end of the output. Returns the exit status of the child.
pub(crate) async fn pump(
    clock: &dyn Clock,
    child: &mut Child,
    max: u64,
    sink: &mut dyn OutputSink,
) -> Result<std::process::ExitStatus> {
    let mut output = BoundedOutput::new(max, sink);
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    let mut status = None;
    let mut aftermath =
        Box::pin(std::future::pending()) as std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    while status.is_none() || stdout.is_some() || stderr.is_some() {
        tokio::select! {
            biased;
            read = next(&mut stdout, &mut out) => match read {
                0 => stdout = None,
                n => {
                    output.write(OutputStream::Stdout, &out[..n]);
                    // Yield, so that continuous output does not starve other tasks, such as the
                    // clock of a limit.
                    tokio::task::yield_now().await;
                }
            },
            read = next(&mut stderr, &mut err) => match read {
                0 => stderr = None,
                n => {
                    output.write(OutputStream::Stderr, &err[..n]);
                    tokio::task::yield_now().await;
                }
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(|e| {
                    Error::new(ErrorKind::Unexpected, "cannot wait for the end of the program")
                        .with_source(e)
                })?);
                aftermath = clock.sleep(OUTPUT_GRACE);
            }
            () = &mut aftermath => break,
        }
    }
    output.report(0);
    status.ok_or_else(|| {
        Error::new(ErrorKind::Unexpected, "the program ended without an exit status")
    })
}

/// Reads the next bytes of `stream` into `buffer`, and returns their number. Returns 0 at the end
/// of the stream. If `stream` is `None`, the future never completes.
async fn next(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        // An error on a pipe counts as its end.
        Some(stream) => stream.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}
