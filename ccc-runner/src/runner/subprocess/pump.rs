//! The output of a child process on its way to a sink: both streams at once.

use std::time::Duration;

use ccc_core::container::{OutputSink, OutputStream};
use ccc_core::{Clock, Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

use crate::runner::output::BoundedOutput;

/// How long output may still come after the program has ended: something that it left behind may
/// hold the pipe open for ever.
const AFTERMATH: Duration = Duration::from_millis(500);

/// Passes a child's output to the sink until it ends; returns its status.
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
                    // Output that never pauses must leave others their turn: the clock of a limit.
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
                    Error::new(ErrorKind::Unexpected, "lost the process").with_source(e)
                })?);
                aftermath = clock.sleep(AFTERMATH);
            }
            () = &mut aftermath => break,
        }
    }
    output.report(0);
    status.ok_or_else(|| Error::new(ErrorKind::Unexpected, "the process has no status"))
}

/// The next bytes; 0 at the end of the stream; never when there is no stream.
async fn next(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        // An error on a pipe is the end of it.
        Some(stream) => stream.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}
