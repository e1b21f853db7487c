//! The settings that weaken a protection: each in words, and the combinations that are dangerous.

use ccc_core::policy::Weakening;
use url::{Host, Url};

use crate::config::Config;

/// A kind of weakened protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unisolated,
    UnisolatedForAll,
    AsRoot,
    Strangers,
    NamedActors,
    Reopened,
    UnprotectedFiles,
    RawLfs,
    OtherPolicy,
    AnyImage,
    SetupHosts,
    AgentHosts,
    ModelRules,
    UnencryptedModel,
    UnencryptedEngine,
    PublicAddress,
    TrustedProxies,
    UnlimitedWrites,
}

/// Combinations of weakened protections. Together, the protections of each combination allow more
/// than each of them alone.
const COMBINATIONS: &[(&[Kind], &str)] = &[
    (
        &[Kind::Unisolated, Kind::Strangers, Kind::UnisolatedForAll],
        "every actor who may start a run can make the agent execute programs on this machine",
    ),
    (
        &[Kind::Unisolated, Kind::AsRoot],
        "if the service runs as root, every run can control this machine",
    ),
    (
        &[Kind::Strangers, Kind::AgentHosts],
        "the issue of a stranger can make the agent send the contents of a private repository to \
         the hosts in policy.agent_hosts",
    ),
    (
        &[Kind::Strangers, Kind::ModelRules],
        "the issue of a stranger can make the agent send data through the model's API",
    ),
    (
        &[Kind::Strangers, Kind::UnprotectedFiles],
        "the issue of a stranger can lead to a pull request whose files execute programs before \
         the review",
    ),
    (
        &[Kind::AnyImage, Kind::SetupHosts],
        "a repository can execute an image of its choice, which reaches the hosts in \
         policy.setup_hosts",
    ),
    (
        &[Kind::Unisolated, Kind::AgentHosts],
        "policy.agent_hosts limits nothing, because the runner does not confine the network",
    ),
    (
        &[Kind::PublicAddress, Kind::UnlimitedWrites],
        "clients in the network can cause any number of writes to the VCS host",
    ),
];

/// Returns one line for each protection that `config` weakens. If there are several, the last line
/// states their number and the combinations that are dangerous. `runner` is the name of the runner,
/// and `isolated` states whether the runner isolates the agent (spec: X20b).
pub(crate) fn weakenings(config: &Config, runner: &str, isolated: bool) -> Vec<String> {
    let found = found(config, runner, isolated);
    let together = together(&found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
    found.into_iter().map(|(_, line)| line).chain(together).collect()
}

/// Returns the line about all weakened protections of the kinds `found` together.
fn together(found: &[Kind]) -> Option<String> {
    if found.len() < 2 {
        return None;
    }
    let dangers: Vec<&str> = COMBINATIONS
        .iter()
        .filter(|(kinds, _)| kinds.iter().all(|kind| found.contains(kind)))
        .map(|(_, danger)| *danger)
        .collect();
    let dangers = if dangers.is_empty() {
        "no combination of them is known to be more dangerous".to_owned()
    } else {
        format!("together they mean: {}", dangers.join("; "))
    };
    Some(format!("{} settings weaken protections at the same time; {dangers}", found.len()))
}

fn found(config: &Config, runner: &str, isolated: bool) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let mut add = |weakened: bool, kind, line: String| {
        if weakened {
            found.push((kind, line));
        }
    };
    add(
        !isolated,
        Kind::Unisolated,
        format!(
            "the {runner} runner does not isolate the agent: the agent can do everything that the \
             user of the agent's process can do; runner.kind = \"docker\" isolates it"
        ),
    );
    add(
        config.runner.dangerously_as_root,
        Kind::AsRoot,
        "runner.dangerously_as_root is set: if the service runs as root, so does the agent"
            .to_owned(),
    );
    add(
        config.runner.dangerously_unencrypted,
        Kind::UnencryptedEngine,
        "runner.dangerously_unencrypted is set: an attacker in the network can control the \
         container engine"
            .to_owned(),
    );
    for weakening in config.policy.weakenings() {
        let (kind, setting) = of_policy(&weakening);
        add(true, kind, format!("{weakening} (setting {setting})"));
    }
    for rule in &config.model.dangerously_without {
        add(
            true,
            Kind::ModelRules,
            format!(
                "the model proxy does not enforce its rule {rule}, because the setting \
                 model.dangerously_without turns this rule off"
            ),
        );
    }
    let url = config.model.url.as_deref().unwrap_or_default();
    add(
        is_unencrypted(url),
        Kind::UnencryptedModel,
        "model.url is an http:// address of another machine: the model's credential and the code \
         are sent unencrypted"
            .to_owned(),
    );
    if let Some(listen) = config.listen {
        add(
            !listen.ip().is_loopback(),
            Kind::PublicAddress,
            format!(
                "the service listens on {listen}, which other machines can reach, without TLS: the \
                 admin token is sent unencrypted unless a proxy adds TLS"
            ),
        );
    }
    if let Some(line) = config.server.warning() {
        add(true, Kind::TrustedProxies, line);
    }
    add(
        config.github.write_spacing_ms == Some(0),
        Kind::UnlimitedWrites,
        "github.write_spacing_ms is 0: writes to GitHub have no pause and no limit per hour"
            .to_owned(),
    );
    found
}

/// Returns the kind of a weakened part of the policy, and the setting that weakens it.
fn of_policy(weakening: &Weakening) -> (Kind, &'static str) {
    match weakening {
        Weakening::Permission(_) => (Kind::Strangers, "policy.permission"),
        Weakening::AllowedActors(_) => (Kind::NamedActors, "policy.allowed_actors"),
        Weakening::Reopened => (Kind::Reopened, "policy.on_reopened"),
        Weakening::Unisolated => (Kind::UnisolatedForAll, "policy.dangerously_unisolated"),
        Weakening::AnyImage => (Kind::AnyImage, "policy.images"),
        Weakening::SetupHosts(_) => (Kind::SetupHosts, "policy.setup_hosts"),
        Weakening::AgentHosts(_) => (Kind::AgentHosts, "policy.agent_hosts"),
        Weakening::UnprotectedClass(_) => (Kind::UnprotectedFiles, "policy.protected_classes"),
        Weakening::RawLfs => (Kind::RawLfs, "policy.allow_raw_lfs"),
        // A kind that a later version adds concerns the policy too.
        _ => (Kind::OtherPolicy, "policy"),
    }
}

/// Returns whether a connection to `url` is unencrypted and leaves this machine. The parser is that of
/// the HTTP client, which accepts more forms than `http://HOST`.
fn is_unencrypted(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !loopback
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure fails the test")]

    use super::*;

    /// Returns the lines for the settings `file`, with a runner that isolates if `isolated`.
    fn lines(file: &str, isolated: bool) -> Vec<String> {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let config = Config::load(Some(path.path()), []).unwrap();
        weakenings(&config, "r", isolated)
    }

    const STRANGERS: &str = "[policy]\npermission = 'read'\n";

    #[test]
    fn each_weakening_has_a_line_of_its_own() {
        // spec: X20b
        assert_eq!(lines("", true), [""; 0]);
        // A loopback address, more names and stricter settings weaken nothing.
        for harmless in [
            "listen = '127.0.0.1:1'",
            "listen = '[::1]:1'",
            "[policy]\npermission = 'admin'",
            "[policy]\nimages = ['ghcr.io/o/*']",
            "[model]\nurl = 'http://127.0.0.1:1/v1'",
            "[model]\nurl = 'http://[::1]:1'",
            "[model]\nurl = 'HTTP://LOCALHOST:1/v1'",
            "[model]\nurl = 'http:127.1:1'",
            "[model]\nurl = 'https://gateway.example.org'",
            "[model]\nurl = 'HTTPS:gateway.example.org'",
            "[github]\nwrite_spacing_ms = 1",
        ] {
            assert_eq!(lines(harmless, true), [""; 0], "{harmless}");
        }
        assert_eq!(lines("", false).len(), 1);
        assert!(lines("", false)[0].contains("does not isolate the agent"));
        for (file, words) in [
            (STRANGERS, "accounts with read permission"),
            ("[policy]\nallowed_actors = [7, 8]", "any permission: 7, 8"),
            ("[policy]\ndangerously_unisolated = true", "policy.dangerously_unisolated"),
            ("[policy]\nallow_raw_lfs = true", "(setting policy.allow_raw_lfs)"),
            ("[policy]\nimages = ['*']", "every image"),
            (
                "[policy]\nsetup_hosts = ['pypi.org']",
                "hosts: pypi.org (setting policy.setup_hosts)",
            ),
            (
                "[policy]\nagent_hosts = ['pypi.org']",
                "hosts: pypi.org (setting policy.agent_hosts)",
            ),
            (
                "[policy]\nprotected_classes = ['agents', 'editors', 'hooks', 'tools']",
                "git or approvals",
            ),
            ("[server]\ntrusted_proxies = ['0.0.0.0/0']", "every client can choose"),
            ("[runner]\ndangerously_as_root = true", "runner.dangerously_as_root"),
            ("[runner]\ndangerously_unencrypted = true", "runner.dangerously_unencrypted"),
            ("[model]\ndangerously_without = ['server_tools']", "rule server_tools"),
            ("[model]\nurl = 'http://10.0.0.1/v1'", "unencrypted"),
            ("[model]\nurl = 'HTTP://10.0.0.1/v1'", "unencrypted"),
            ("[model]\nurl = 'http:10.0.0.1/v1'", "unencrypted"),
            ("[model]\nurl = 'http:\\\\10.0.0.1'", "unencrypted"),
            ("[model]\nurl = ' http://10.0.0.1'", "unencrypted"),
            ("[model]\nurl = \"ht\\ttp://10.0.0.1\"", "unencrypted"),
            ("[model]\nurl = 'http://localhost@10.0.0.1'", "unencrypted"),
            ("[model]\nurl = 'http://10.0.0.1#://127.0.0.1'", "unencrypted"),
            ("[model]\nurl = 'http://localhost.example.org'", "unencrypted"),
            ("listen = '0.0.0.0:80'", "0.0.0.0:80"),
            ("listen = '[::]:80'", "[::]:80"),
            ("[github]\nwrite_spacing_ms = 0", "github.write_spacing_ms"),
        ] {
            let lines = lines(file, true);
            assert_eq!(lines.len(), 1, "{file}: {lines:?}");
            assert!(lines[0].contains(words) && !lines[0].contains('\n'), "{file}: {lines:?}");
        }
    }

    #[test]
    fn dangerous_combinations_are_named_once_for_all() {
        // spec: X20b
        let hosts = format!("{STRANGERS}agent_hosts = ['a.example']\n");
        for (file, isolated, count, words) in [
            ("listen = '0.0.0.0:1'\n[policy]\nallowed_actors = [7]", true, 2, "no combination"),
            (hosts.as_str(), true, 2, "send the contents of a private repository"),
            (
                "[runner]\ndangerously_as_root = true",
                false,
                2,
                "every run can control this machine",
            ),
            (
                &format!("{STRANGERS}dangerously_unisolated = true"),
                false,
                3,
                "execute programs on this machine",
            ),
            (
                &format!("{hosts}[model]\ndangerously_without = ['server_tools', 'mcp_servers']"),
                false,
                5,
                "through the model's API",
            ),
            ("[policy]\nimages = ['*']\nsetup_hosts = ['a.example']", true, 2, "of its choice"),
        ] {
            let lines = lines(file, isolated);
            assert_eq!(lines.len(), count + 1, "{file}: {lines:?}");
            let last = &lines[count];
            assert!(last.starts_with(&format!("{count} settings weaken")), "{file}: {last}");
            assert!(last.contains(words), "{file}: {last}");
        }
        // A combination is named only if all of its parts apply.
        assert!(!lines(&hosts, true)[2].contains("on this machine"));
    }

    #[test]
    fn a_combination_is_named_for_exactly_its_kinds() {
        // spec: X20b
        for (kinds, danger) in COMBINATIONS {
            assert!(together(kinds).unwrap().contains(danger), "{kinds:?}");
            for missing in 0..kinds.len() {
                let mut fewer = kinds.to_vec();
                fewer.remove(missing);
                fewer.extend([Kind::NamedActors, Kind::UnencryptedEngine]);
                assert!(!together(&fewer).unwrap().contains(danger), "{fewer:?}");
            }
        }
    }
}
