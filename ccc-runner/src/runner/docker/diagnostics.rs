//! Diagnostics of the engine before the first run.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bollard::models::SystemVersion;
use ccc_core::container::{Command, ContainerSpec};
use ccc_core::untrusted_text::one_line;
use ccc_core::{ContainerExt, ContainerRunner, Error, ErrorKind, Result, RunId};
use tokio::net::TcpListener;

use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_error::Attempt;
use crate::runner::docker::mounts::mounts;
use crate::runner::docker::names::KEEPER;
use crate::runner::docker::runner::DockerRunner;

/// The result of one check of [`DockerRunner::diagnose`], as a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The check found no problem.
    Good,
    /// Runs are possible, but the operator should know about a problem.
    Warning,
    /// No run is possible, or runs are not isolated.
    Bad,
}

impl DockerRunner {
    /// Checks the engine and the image. Then starts a container of the image, and checks that the
    /// container cannot reach this host machine. Returns a severity and one line of text for each
    /// check.
    pub async fn diagnose(&self) -> Vec<(Finding, String)> {
        let mut findings = Vec::new();
        if let Err(error) = self.check_all(&mut findings).await {
            findings.push((Finding::Bad, error.to_string()));
        }
        findings
    }

    async fn check_all(&self, findings: &mut Vec<(Finding, String)>) -> Result<()> {
        let (shared, mut say) = (&self.shared, |finding, line| findings.push((finding, line)));
        if let Some(alteration) = &shared.settings.alteration {
            say(
                Finding::Warning,
                format!(
                    "this program changes the default isolation of containers (reason: {})",
                    alteration.why
                ),
            );
        }
        let engine = shared.engine().await?;
        let version =
            engine.docker.version().await.attempt("the container engine does not answer")?;
        say(Finding::Good, describe(&version));
        engine.check_fit()?;
        if shared.settings.runtime.is_none() {
            runtime(&version).into_iter().for_each(|line| say(Finding::Warning, line));
        }
        let image = &shared.settings.image;
        let found = engine.image(image).await?;
        say(Finding::Good, format!("the image {image} has the ID {}", one_line(&found.id, 80)));
        if engine.swaps {
            let line = "the container engine cannot limit the swap of containers, so a container can use more memory \
                        than its limit: disable swap on the engine's machine";
            say(Finding::Warning, line.to_owned());
        }
        let way = match mounts(engine, &shared.host_files_test(), &found).await? {
            true => "workspaces are mounted into containers",
            false => {
                "workspaces are copied into containers, for one of these reasons: the settings require it, the engine \
                 does not see this machine's files, or the engine maps UIDs"
            }
        };
        say(Finding::Good, way.to_owned());

        let run = RunId::new(shared.clock.now())?;
        let checked = self.check_container(run, engine).await;
        let gone = self.destroy(run).await;
        let (claude, reached) = checked?;
        gone?;
        match claude {
            Some(version) => say(Finding::Good, format!("Claude Code in the image: {version}")),
            None => {
                let line = format!(
                    "the image {image} has no Claude Code: this is a problem only if Claude Code is the agent"
                );
                say(Finding::Warning, line);
            }
        }
        match &reached[..] {
            [] if engine.is_remote => {
                let line = "the container engine is on another machine: this check cannot determine whether a \
                            container can reach that machine";
                say(Finding::Warning, line.to_owned());
            }
            [] => say(Finding::Good, "a container cannot reach this machine".to_owned()),
            places => {
                let line = format!(
                    "A CONTAINER REACHES THIS MACHINE, at {}: do not start runs before this is fixed",
                    places.join(", ")
                );
                say(Finding::Bad, line);
            }
        }
        Ok(())
    }

    /// Starts the container of `run`. Returns the version of Claude Code in the container. Also
    /// returns every address of this host machine, and of the engine's machine, that the container
    /// can reach.
    async fn check_container(
        &self,
        run: RunId,
        engine: &Engine,
    ) -> Result<(Option<String>, Vec<String>)> {
        let unusable = |e| {
            Error::new(
                ErrorKind::Unavailable,
                "cannot check whether a container can reach this machine",
            )
            .with_source(e)
        };
        let workspace = tempfile::tempdir_in(&self.shared.settings.state_dir).map_err(unusable)?;
        let container = self.spawn(run, &ContainerSpec::new(workspace.path())).await?;
        let claude = match container.output(&Command::new(["claude", "--version"])).await {
            Ok(output) if output.status.success() => {
                Some(one_line(String::from_utf8_lossy(&output.stdout).trim(), 60))
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => None,
        };
        // A listener at every address of this host machine.
        let canary = match TcpListener::bind(("::", 0)).await {
            Ok(both) => both,
            Err(_) => TcpListener::bind(("0.0.0.0", 0)).await.map_err(unusable)?,
        };
        let port = canary.local_addr().map_err(unusable)?.port();
        // Check that the listener can be reached: otherwise the result proves nothing.
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map_err(unusable)?;
        let mut argv = vec![KEEPER.to_owned(), "reach".to_owned()];
        let addresses = gateways(engine).await?.into_iter().chain(own_addresses());
        argv.extend(addresses.map(|address| SocketAddr::new(address, port).to_string()));
        let output = container.output(&Command::new(argv)).await?;
        if !output.status.success() {
            let line = format!(
                "cannot check whether a container can reach this machine: `ccc-keeper reach` failed in the container: {}",
                output.status
            );
            return Err(Error::new(ErrorKind::Unexpected, line));
        }
        let reached = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
        Ok((claude, reached))
    }
}

/// Returns the gateways of the engine's networks, which are addresses of the engine's machine.
async fn gateways(engine: &Engine) -> Result<Vec<IpAddr>> {
    let networks = engine.docker.list_networks(None).await;
    let networks = networks.attempt("cannot list the engine's networks")?;
    let configs = networks.into_iter().filter_map(|network| network.ipam?.config).flatten();
    Ok(configs.filter_map(|config| config.gateway?.parse().ok()).collect())
}

/// Returns the addresses of this host machine from the kernel's lists. Omits link-local addresses,
/// because a connection to such an address must name a network interface.
fn own_addresses() -> Vec<IpAddr> {
    let list = |file| std::fs::read_to_string(file).unwrap_or_default();
    let (trie, six) = (list("/proc/net/fib_trie"), list("/proc/net/if_inet6"));
    let lines: Vec<&str> = trie.lines().collect();
    let local = lines.windows(2).filter(|pair| pair[1].contains("host LOCAL"));
    let mut found: Vec<IpAddr> =
        local.filter_map(|pair| pair[0].trim().strip_prefix("|-- ")?.parse().ok()).collect();
    let six = six.lines().filter_map(|line| u128::from_str_radix(line.split(' ').next()?, 16).ok());
    let six = six.map(Ipv6Addr::from_bits).filter(|address| !address.is_unicast_link_local());
    found.extend(six.map(IpAddr::from));
    found.sort_unstable();
    found.dedup();
    found
}

fn describe(version: &SystemVersion) -> String {
    let platform = version.platform.as_ref().map(|platform| platform.name.clone());
    let name =
        platform.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown engine".to_owned());
    format!(
        "the container engine is {} {}, API {}",
        one_line(&name, 60),
        version.version.as_deref().unwrap_or("of unknown version"),
        version.api_version.as_deref().unwrap_or("of unknown version")
    )
}

/// Returns a warning if the version of runc on the engine has known vulnerabilities.
fn runtime(version: &SystemVersion) -> Option<String> {
    let components: HashMap<_, _> = version
        .components
        .iter()
        .flatten()
        .map(|component| (component.name.as_str(), component.version.as_str()))
        .collect();
    let runc = *components.get("runc")?;
    is_vulnerable(runc).then(|| {
        format!(
            "runc {} lets programs escape from containers (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881; before \
             1.1.12 also CVE-2024-21626): update runc to 1.2.8, 1.3.3 or newer, unless your distribution has fixed \
             these vulnerabilities in this version (only the version number was checked)",
            one_line(runc, 40)
        )
    })
}

/// Returns whether the runc version `version` has known vulnerabilities:
/// <https://github.com/opencontainers/runc/security/advisories>.
fn is_vulnerable(version: &str) -> bool {
    let core = version.split(['+', '~', '-']).next().unwrap_or_default();
    let mut numbers = core.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor, patch) =
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match (major, minor) {
        (1, 2) => patch < 8,
        (1, 3) => patch < 3,
        (1, 4) => ["1.4.0-rc.1", "1.4.0-rc.2"].contains(&version),
        newer_or_older => newer_or_older < (1, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runc_version_with_known_vulnerabilities_is_detected() {
        for (version, expected) in [
            ("1.1.5+ds1", true),
            ("1.1.12", true),
            ("1.2.7", true),
            ("1.2.8", false),
            ("1.3.2", true),
            ("1.3.3", false),
            ("1.4.0-rc.2", true),
            ("1.4.0-rc.3", false),
            ("1.4.0-rc.10", false),
            ("1.4.0", false),
            ("1.5.1", false),
            ("2.0.0", false),
            ("", true),
        ] {
            assert_eq!(is_vulnerable(version), expected, "{version}");
        }
    }
}
