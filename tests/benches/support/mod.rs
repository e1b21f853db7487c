//! What the benches share: two or more ways of doing a thing, measured in turn in one run, and the
//! ratio between them held against a goal.

#![allow(dead_code, reason = "each bench uses its part")]

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How long something took.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(
        clippy::disallowed_methods,
        reason = "a bench is native, and needs a clock that is steady"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// One way of doing it: what people read, and how long each round took.
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

    /// Of all rounds, in milliseconds.
    pub(crate) fn median_ms(&self) -> f64 {
        median(self.rounds.iter().map(|took| took.as_secs_f64() * 1e3).collect())
    }
}

/// What was found, one line for each figure, and whether every goal was met.
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
        // Nobody reads it any more: the exit status still tells.
        let _ = writeln!(std::io::stdout(), "{:<10} {line}", self.bench);
    }

    /// `ours` may take `most` times as long as `floor`.
    pub(crate) fn goal(&mut self, ours: &Side, floor: &Side, most: f64) {
        let met = ratio(ours, floor) <= most;
        self.line(ours, floor, &format!("goal <= {most:.2}"), met);
    }

    /// The other way round: what a goal is there to keep out must be kept out by it.
    pub(crate) fn must_miss(&mut self, other: &Side, floor: &Side, most: f64) {
        let misses = ratio(other, floor) > most;
        self.line(other, floor, &format!("must miss {most:.2}, or the goal shows nothing"), misses);
    }

    /// For people to know.
    pub(crate) fn figure(&self, side: &Side, floor: &Side) {
        self.say(&figure(side, floor));
    }

    fn line(&mut self, side: &Side, floor: &Side, condition: &str, met: bool) {
        let verdict = if met { "ok" } else { "MISSED" };
        self.say(&format!("{}  {condition}: {verdict}", figure(side, floor)));
        self.missed |= !met;
    }

    /// 3 for a goal that was missed, so that it can be told from a bench that broke.
    pub(crate) fn finish(self) -> ExitCode {
        if self.missed { ExitCode::from(3) } else { ExitCode::SUCCESS }
    }
}

/// The median of the ratios of the rounds, with the quarters around it: what slows this machine down
/// for a while slows both sides of a round.
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
    // Of no rounds there is no ratio, and no goal is met by that.
    let last = values.len().saturating_sub(1) as f64;
    values.get((last * part).round() as usize).copied().unwrap_or(f64::NAN)
}

/// A directory in memory where there is one: a disk would measure itself. Says which.
pub(crate) fn scratch(report: &Report) -> Result<TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    report.say(&format!("files are in {}", place.display()));
    Ok(tempfile::Builder::new().prefix("ccc-bench-").tempdir_in(place)?)
}

/// A git that reads nobody's settings; it must work.
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
