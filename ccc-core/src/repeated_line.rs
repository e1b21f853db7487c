//! Counting of log lines that other programs can cause many times.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// The minimum time between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(60);

/// A limit for one kind of log line. At most one line per minute is written, and the others are
/// counted. Without this limit, an untrusted client could fill the disk with log lines.
///
/// ```
/// use ccc_core::RepeatedLine;
/// use jiff::{SignedDuration, Timestamp};
///
/// let (line, start) = (RepeatedLine::new(), Timestamp::UNIX_EPOCH);
/// let text = |more| format!("a delivery was refused{more}");
/// assert_eq!(line.occurred(start).map(text), Some("a delivery was refused".to_owned()));
/// assert!(line.occurred(start).is_none());
/// let later = start + SignedDuration::from_secs(60);
/// let expected = "a delivery was refused (and 1 more since the last such line)";
/// assert_eq!(line.occurred(later).map(text).as_deref(), Some(expected));
/// ```
#[derive(Debug, Default)]
pub struct RepeatedLine(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    written: Option<Timestamp>,
    counted: u64,
}

/// The number of lines that were counted and not written. It is displayed as an addition to a log
/// line, and as nothing if the number is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoreLines(u64);

impl RepeatedLine {
    /// Creates a limit. The first line is written at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a line at the time `now`. Returns `None` if the line must not be written. Otherwise
    /// returns the number of lines that were not written since the last written line.
    pub fn occurred(&self, now: Timestamp) -> Option<MoreLines> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not silence the line for a long time.
        let recent = state.written.is_some_and(|written| {
            written <= now && now.duration_since(written).unsigned_abs() < INTERVAL
        });
        if recent {
            state.counted += 1;
            return None;
        }
        state.written = Some(now);
        Some(MoreLines(std::mem::take(&mut state.counted)))
    }
}

impl fmt::Display for MoreLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            counted => write!(f, " (and {counted} more since the last such line)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn at_most_one_line_per_minute_is_written_and_the_others_are_counted() {
        // spec: W12g
        let line = RepeatedLine::new();
        let mut written = Vec::new();
        // A line every 100 milliseconds, for 5 minutes.
        for step in 0..3_000 {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(step * 100);
            written.extend(line.occurred(now).map(|more| (step, more.0)));
        }
        assert_eq!(written, [(0, 0), (600, 599), (1_200, 599), (1_800, 599), (2_400, 599)]);
        // Each line is either written or counted.
        let later = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        assert_eq!(line.occurred(later), Some(MoreLines(599)));
        assert_eq!(
            line.occurred(Timestamp::UNIX_EPOCH),
            Some(MoreLines(0)),
            "the clock was set back"
        );
        assert_eq!(MoreLines(0).to_string(), "");
    }
}
