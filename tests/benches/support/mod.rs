//! Shared parts of the benchmarks: two or more ways to do the same thing are measured in turn in
//! one run, and the ratio between them is compared with a goal.

#![allow(dead_code, reason = "each bench uses only a part")]

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// A stopwatch with a monotonic clock.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(
        clippy::disallowed_methods,
        reason = "a bench is a native program and needs a monotonic clock"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// One measured way to do something: its displayed name and the duration of each round.
#[derive(Debug)]
pub(crate) struct Side {
    name: &'static str,
    rounds: Vec<Duration>,
}

impl Side {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rounds: Vec::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.rounds.push(took);
    }

    /// Returns the longest round.
    pub(crate) fn longest(&self) -> Duration {
        self.rounds.iter().max().copied().unwrap_or(Duration::MAX)
    }

    /// Returns the median of all rounds, in milliseconds.
    pub(crate) fn median_ms(&self) -> f64 {
        median(self.rounds.iter().map(|took| took.as_secs_f64() * 1e3).collect())
    }
}

/// The printed results, one line for each figure, and whether a goal was missed.
#[derive(Debug)]
pub(crate) struct Report {
    bench: &'static str,
    missed: bool,
}

impl Report {
    pub(crate) fn new(bench: &'static str) -> Self {
        Self { bench, missed: false }
    }

    pub(crate) fn say(&self, line: &str) {
        // A closed pipe is no error: the exit status still shows the result.
        let _ = writeln!(std::io::stdout(), "{:<10} {line}", self.bench);
    }

    /// Prints the ratio and requires that `ours` takes at most `most` times as long as `floor`.
    pub(crate) fn goal(&mut self, ours: &Side, floor: &Side, most: f64) {
        let met = ratio(ours, floor) <= most;
        self.line(ours, floor, &format!("goal <= {most:.2}"), met);
    }

    /// Prints the ratio and requires that `other` misses the goal. This proves that the goal
    /// detects a slow implementation.
    pub(crate) fn must_miss(&mut self, other: &Side, floor: &Side, most: f64) {
        let misses = ratio(other, floor) > most;
        self.line(
            other,
            floor,
            &format!("must miss {most:.2}, otherwise the goal proves nothing"),
            misses,
        );
    }

    /// Prints the longest duration of `side` and requires that it is at most `most`.
    pub(crate) fn longest(&mut self, side: &Side, most: Duration) {
        let met = side.longest() <= most;
        self.longest_line(side, &format!("goal <= {} ms", most.as_millis()), met);
    }

    /// Prints the longest duration of `side` and requires that it is more than `most`. This proves
    /// that the goal detects a slow implementation.
    pub(crate) fn longest_must_miss(&mut self, side: &Side, most: Duration) {
        let misses = side.longest() > most;
        let condition =
            format!("must miss {} ms, otherwise the goal proves nothing", most.as_millis());
        self.longest_line(side, &condition, misses);
    }

    fn longest_line(&mut self, side: &Side, condition: &str, met: bool) {
        let verdict = if met { "ok" } else { "MISSED" };
        let (count, longest) = (side.rounds.len(), side.longest().as_secs_f64() * 1e3);
        self.say(&format!(
            "{}: {longest:.1} ms at most, {:.1} ms in the median, {count} requests  {condition}: {verdict}",
            side.name,
            side.median_ms()
        ));
        self.missed |= !met;
    }

    /// Prints a ratio without a goal.
    pub(crate) fn figure(&self, side: &Side, floor: &Side) {
        self.say(&figure(side, floor));
    }

    fn line(&mut self, side: &Side, floor: &Side, condition: &str, met: bool) {
        let verdict = if met { "ok" } else { "MISSED" };
        self.say(&format!("{}  {condition}: {verdict}", figure(side, floor)));
        self.missed |= !met;
    }

    /// Returns exit status 3 if a goal was missed, to distinguish it from a bench that failed.
    pub(crate) fn finish(self) -> ExitCode {
        if self.missed { ExitCode::from(3) } else { ExitCode::SUCCESS }
    }
}

/// Formats the median of the rounds' ratios with the quartiles around it. A slow phase of the host
/// machine slows both sides of a round, so it hardly changes the ratio.
fn figure(side: &Side, floor: &Side) -> String {
    let ratios = ratios(side, floor);
    let (low, high) = (quantile(ratios.clone(), 0.25), quantile(ratios, 0.75));
    format!(
        "{:.2} x {}: {} ({low:.2}..{high:.2}; {:.3} ms / {:.3} ms)",
        ratio(side, floor),
        floor.name,
        side.name,
        side.median_ms(),
        floor.median_ms(),
    )
}

pub(crate) fn ratio(side: &Side, floor: &Side) -> f64 {
    median(ratios(side, floor))
}

fn ratios(side: &Side, floor: &Side) -> Vec<f64> {
    let pairs = side.rounds.iter().zip(&floor.rounds);
    pairs.map(|(side, floor)| side.as_secs_f64() / floor.as_secs_f64()).collect()
}

fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    // Without rounds there is no ratio. NaN meets no goal.
    let last = values.len().saturating_sub(1) as f64;
    values.get((last * part).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Creates a temporary directory in memory if possible, because a disk would dominate the
/// measurement. Prints its location.
pub(crate) fn scratch(report: &Report) -> Result<TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    report.say(&format!("files are in {}", place.display()));
    Ok(tempfile::Builder::new().prefix("ccc-bench-").tempdir_in(place)?)
}

/// Runs git without system and user configuration and returns its output.
pub(crate) async fn git(dir: &Path, arguments: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new("git")
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git {}: {said}", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
