//! The counts of the chaos program.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use ccc_core::fault_points::NAMES;
use serde_json::json;

/// The results of all kills.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) kills: u64,
    /// The number of issues. Each was delivered until its delivery was answered with a status 2xx.
    pub(crate) accepted: usize,
    /// The number of these issues without a final comment or without a pull request.
    pub(crate) lost: usize,
    pub(crate) duplicate_pull_requests: usize,
    pub(crate) duplicate_comments: usize,
    /// The number of times that the agent began to work on a run whose change was stored.
    pub(crate) agent_reruns_after_collect: usize,
    /// The number of tokens that were not revoked, and of files and processes of runs.
    pub(crate) leftovers: usize,
    /// How often each fault point was reached, and how often the service was killed there.
    points: BTreeMap<String, (u64, u64)>,
    /// The runs whose change was stored.
    collected: HashSet<String>,
}

impl Counts {
    /// Adds a line of the service about the fault point `name`, and returns whether it is one.
    pub(crate) fn reached(&mut self, name: &str, run: &str) {
        self.points.entry(name.to_owned()).or_default().0 += 1;
        match name {
            "collect.stored" => {
                self.collected.insert(run.to_owned());
            }
            "work.begin" if self.collected.contains(run) => self.agent_reruns_after_collect += 1,
            _ => {}
        }
    }

    pub(crate) fn killed_at(&mut self, name: &str) {
        self.points.entry(name.to_owned()).or_default().1 += 1;
    }

    /// Prints the counts, and returns the exit code of the program.
    pub(crate) fn report(&self) -> ExitCode {
        for name in NAMES {
            let (reached, killed) = self.points.get(*name).copied().unwrap_or_default();
            println!("{name:<20} reached {reached:>7} times, killed there {killed:>5} times");
        }
        let never: Vec<_> =
            NAMES.iter().filter(|name| !self.points.contains_key(**name)).copied().collect();
        if !never.is_empty() {
            println!("never reached: {}", never.join(", "));
        }
        println!(
            "{}",
            json!({
                "kills": self.kills,
                "accepted": self.accepted,
                "lost": self.lost,
                "duplicate_pull_requests": self.duplicate_pull_requests,
                "duplicate_comments": self.duplicate_comments,
                "agent_reruns_after_collect": self.agent_reruns_after_collect,
                "leftovers": self.leftovers,
            })
        );
        let faults = self.lost
            + self.duplicate_pull_requests
            + self.duplicate_comments
            + self.agent_reruns_after_collect
            + self.leftovers
            + never.len();
        if faults == 0 && self.accepted > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
