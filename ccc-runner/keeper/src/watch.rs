//! The limits that the engine does not hold (spec: X2).

use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use ccc_keeper::{Breach, Keep, measure};
use tokio::sync::oneshot;

use crate::memory;

/// How long to wait between two looks: ten times as long as one takes, and no longer than lets a breach be
/// seen within seconds.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);
/// A crowd that is there at so many looks in a row stays.
const CROWDED_LOOKS: u32 = 3;

/// Tells when a limit is reached, and which. Watches from a thread that is there from the beginning: in a crowd
/// there is no other to be had.
pub(crate) fn breach(keep: Keep) -> io::Result<oneshot::Receiver<Breach>> {
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("watch".to_owned()).spawn(move || {
        let _ = tell.send(watch(&keep));
    })?;
    Ok(told)
}

fn watch(keep: &Keep) -> Breach {
    let mut crowded = 0;
    let mut wait = SHORTEST;
    loop {
        thread::sleep(wait);
        crowded = if memory::is_crowded() { crowded + 1 } else { 0 };
        if crowded == CROWDED_LOOKS {
            return Breach::Processes;
        }
        let begun = Instant::now();
        if let Some(breach) = measure(Path::new(&keep.workspace), keep.bytes, keep.entries) {
            return breach;
        }
        wait = (begun.elapsed() * 10).clamp(SHORTEST, LONGEST);
    }
}
