//! Connection to the engine, and the check of its capabilities.

use std::net::IpAddr;
use std::time::Duration;

use bollard::Docker;
use bollard::models::SystemInfo;
use ccc_core::{Error, ErrorKind, Remedy, Result};
use tokio::sync::OnceCell;

use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_error::Attempt;
use crate::runner::docker::settings::{Settings, Workspaces};

/// The oldest supported version of the engine's API, which Docker 20.10 introduced.
const MIN_API: (usize, usize) = (1, 41);
/// Time limit for a request that only reads properties of the engine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Time limit for creating, starting or removing a container.
const WORKS_WITHIN: Duration = Duration::from_secs(60);

/// Connects to the engine that `settings` name, and reads the engine's capabilities.
///
/// # Errors
/// - [`ErrorKind::Refused`] if the connection to another machine would be unencrypted, and
///   `settings` forbid this.
/// - [`ErrorKind::Unsupported`] if the engine's API is too old.
/// - Errors of the engine.
pub(crate) async fn connect(settings: &Settings) -> Result<Engine> {
    let host = settings.host.clone();
    let shown = host
        .clone()
        .or_else(|| std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()))
        .unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
    check_address(&shown)?;
    if !settings.unencrypted && is_unencrypted(&shown) {
        let line = format!(
            "the connection to the container engine at {shown} is not encrypted, so an attacker on the network path \
             can become root on the engine's machine: use https://… with DOCKER_CERT_PATH, use the local end of a \
             tunnel, or permit an unencrypted connection"
        );
        let refused = Error::new(ErrorKind::Refused, line);
        return Err(refused.with_remedy(Remedy::PermitUnencryptedEngine));
    }
    let connected = Docker::connect_with_host(&shown);
    let silent = format!(
        "no container engine answers at {shown}: check that the engine is started, and that the user of this \
         process may access it"
    );
    let docker = connected.attempt(&silent)?.with_timeout(ANSWERS_WITHIN);
    let docker = docker.negotiate_version().await.attempt(&silent)?;
    let version = docker.client_version();
    if (version.major_version, version.minor_version) < MIN_API {
        let line = format!(
            "the container engine at {shown} supports its API only up to version {}.{}: update the engine to a release \
             with API version {}.{} (Docker 20.10) or newer",
            version.major_version, version.minor_version, MIN_API.0, MIN_API.1
        );
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    let info = docker.info().await.attempt("cannot read the properties of the container engine")?;
    let docker = docker.with_timeout(WORKS_WITHIN);
    let cpus = u32::try_from(info.ncpu.unwrap_or(1)).unwrap_or(1).max(1);
    let is_remote = !shown.starts_with("unix://");
    let workspaces = match settings.workspaces {
        Workspaces::Auto if is_remote || maps_users(&info) => Workspaces::Copied,
        said => said,
    };
    let unfit = unfit(settings, &info);
    let swaps = info.swap_limit == Some(false);
    Ok(Engine {
        docker,
        is_remote,
        swaps,
        unfit,
        workspaces,
        mounts: OnceCell::new(),
        milli_cpus: cpus * 1_000,
    })
}

/// Checks that `host` is the address of an engine without a user name, a password or a query. Only
/// such an address is shown in messages, because another value may be a secret.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] describes the form of an address, and does not show `host`.
fn check_address(host: &str) -> Result<()> {
    let schemes = ["unix://", "tcp://", "http://", "https://", "npipe://", "ssh://"];
    let invalid = |problem: &str| {
        let line = format!(
            "the address of the container engine {problem}: write an address such as \
             unix:///var/run/docker.sock or https://engine.example.com:2376"
        );
        Err(Error::new(ErrorKind::InvalidInput, line))
    };
    let Some(rest) = schemes.iter().find_map(|scheme| host.strip_prefix(scheme)) else {
        return invalid("does not begin with a supported scheme");
    };
    if rest.contains(char::is_control) {
        return invalid("contains a control character");
    }
    let is_path = host.starts_with("unix://") || host.starts_with("npipe://");
    if !is_path && rest.contains(['@', '?', '#']) {
        return invalid("contains a user name, a password, a query or a fragment");
    }
    Ok(())
}

fn has(info: &SystemInfo, option: &str) -> bool {
    let options = info.security_options.as_deref().unwrap_or_default();
    options.iter().any(|found| found.split(',').any(|part| part == option))
}

/// Returns whether the engine maps UIDs. If it does, a user in a container has a different UID
/// outside the container.
fn maps_users(info: &SystemInfo) -> bool {
    has(info, "name=rootless") || has(info, "name=userns")
}

/// Returns the reason why the engine cannot isolate containers, or `None` if it can.
fn unfit(settings: &Settings, info: &SystemInfo) -> Option<String> {
    if info.os_type.as_deref().is_some_and(|os| os != "linux") {
        return Some("the container engine does not support Linux containers".to_owned());
    }
    if let Some(runtime) = &settings.runtime
        && !info.runtimes.as_ref().is_some_and(|known| known.contains_key(runtime))
    {
        return Some(
            "the container engine does not have the configured runtime: add the runtime to the engine's \
             configuration"
                .to_owned(),
        );
    }
    if settings.alteration.is_some() {
        return None;
    }
    if !has(info, "name=seccomp") || has(info, "profile=unconfined") {
        let line = "the container engine applies no system call filter (seccomp), without which containers are not \
                    isolated: enable the engine's default seccomp profile";
        return Some(line.to_owned());
    }
    let ceilings = [
        (info.memory_limit, "memory"),
        (info.pids_limit, "processes"),
        (info.cpu_cfs_quota, "processors"),
    ];
    let missing = ceilings.iter().find(|(there, _)| *there == Some(false));
    missing.map(|(_, what)| {
        format!(
            "the container engine cannot limit the {what} of containers: enable the control group (cgroup) for \
             this limit on the engine's machine"
        )
    })
}

/// Returns whether a connection to the engine at `host` is unencrypted and could leave this host
/// machine.
fn is_unencrypted(host: &str) -> bool {
    let plain = host.strip_prefix("http://").or_else(|| host.strip_prefix("tcp://"));
    // If `DOCKER_TLS_VERIFY` is set, `tcp` is encrypted, as in the `docker` program.
    let plain = plain
        .filter(|_| host.starts_with("http://") || std::env::var_os("DOCKER_TLS_VERIFY").is_none());
    let Some(authority) = plain.and_then(|rest| rest.split('/').next()) else { return false };
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    !address.map_or(name == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::{check_address, is_unencrypted};

    #[test]
    fn an_address_with_a_password_is_refused_and_not_shown() {
        // spec: S10c
        for (address, expected) in [
            ("tcp://admin:hunter2@engine.example.org:2375", Some("a password")),
            ("https://hunter2@engine.example.org", Some("a user name")),
            ("http://127.0.0.1:2375/?token=hunter2", Some("a query")),
            ("https://engine.example.org/#hunter2", Some("a fragment")),
            ("hunter2", Some("a supported scheme")),
            ("postgres://a:hunter2@b", Some("a supported scheme")),
            ("unix:///run/a\nhunter2", Some("a control character")),
            ("unix:///var/run/docker.sock", None),
            ("unix:///run/user@host/docker.sock", None),
            ("tcp://127.0.0.1:2375", None),
            ("https://engine.example.org:2376", None),
        ] {
            let error = check_address(address).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), expected.is_some(), "{address}: {error:?}");
            if let (Some(error), Some(expected)) = (error, expected) {
                assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
            }
        }
    }

    #[test]
    fn only_a_local_connection_may_be_unencrypted() {
        // spec: X1
        let cases = [
            ("unix:///var/run/docker.sock", false),
            ("https://engine.example.org:2376", false),
            ("tcp://127.0.0.1:2375", false),
            ("tcp://127.8.0.1:2375", false),
            ("tcp://[::1]:2375", false),
            ("http://localhost:2375/", false),
            ("tcp://engine.example.org:2375", true),
            ("tcp://engine.example.org", true),
            ("tcp://192.0.2.7:2375", true),
            ("tcp://[2001:db8::7]:2375", true),
            ("tcp://127.0.0.1.example.org:2375", true),
            ("tcp://localhost@engine.example.org:2375", true),
            ("http://0.0.0.0:2375", true),
        ];
        for (host, open) in cases {
            assert_eq!(is_unencrypted(host), open, "{host}");
        }
    }
}
