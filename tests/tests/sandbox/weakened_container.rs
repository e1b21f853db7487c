//! Changes to a container that each remove one or more protections.

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};

use super::lures::Lures;
use super::probe::{Change, Weak};

pub(crate) const fn without(
    text: &'static str,
    change: fn(&mut ContainerCreateBody, &Lures),
) -> Weak {
    Weak { text, change: Change::Container(change) }
}

pub(crate) const HOST_NETWORK: Weak = without("with --network=host", |body, _| join(body, "host"));
pub(crate) const OPEN_NETWORK: Weak =
    without("on a network", |body, lures| join(body, &lures.open.name));
pub(crate) const INTERNAL_NETWORK: Weak = without("on an internal network", |body, lures| {
    join(body, &lures.internal.name);
    host(body).dns = Some(vec![lures.internal.gateway.clone()]);
});
pub(crate) const HOST_PROCESSES: Weak =
    without("with --pid=host, as root, with SYS_PTRACE", |body, _| {
        host(body).pid_mode = Some("host".to_owned());
        root_with(body, &["SYS_PTRACE"]);
    });
pub(crate) const SYS_ADMIN: Weak =
    without("as root, with SYS_ADMIN", |body, _| root_with(body, &["SYS_ADMIN"]));
pub(crate) const NO_FILTER: Weak =
    without("without the engine's seccomp filter", |body, _| unfiltered(body));

pub(crate) const NO_FILTERS: Weak = without("without both seccomp filters", |body, _| {
    unfiltered(body);
    own_filter_off(body);
});

/// Disables the seccomp filter that the keeper installs for its programs.
pub(crate) fn own_filter_off(body: &mut ContainerCreateBody) {
    for argument in body.cmd.iter_mut().flatten() {
        *argument = argument.replace("\"filter\":true", "\"filter\":false");
    }
}

pub(crate) fn host(body: &mut ContainerCreateBody) -> &mut HostConfig {
    body.host_config.get_or_insert_default()
}

pub(crate) fn join(body: &mut ContainerCreateBody, network: &str) {
    body.network_disabled = Some(false);
    host(body).network_mode = Some(network.to_owned());
}

pub(crate) fn root(body: &mut ContainerCreateBody) {
    body.user = Some("0:0".to_owned());
}

/// Runs the container as root with these capabilities and no others. Disables AppArmor, whose
/// profile forbids operations that some of them allow.
pub(crate) fn root_with(body: &mut ContainerCreateBody, capabilities: &[&str]) {
    root(body);
    host(body).cap_add = Some(capabilities.iter().map(|&name| name.to_owned()).collect());
    host(body).security_opt.get_or_insert_default().push("apparmor=unconfined".to_owned());
}

pub(crate) fn unfiltered(body: &mut ContainerCreateBody) {
    let options = host(body).security_opt.get_or_insert_default();
    options.push("seccomp=unconfined".to_owned());
}

/// Mounts a path of the host machine.
pub(crate) fn mount(body: &mut ContainerCreateBody, source: &str, target: &str) {
    host(body).mounts.get_or_insert_default().push(Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(target.to_owned()),
        ..Mount::default()
    });
}
