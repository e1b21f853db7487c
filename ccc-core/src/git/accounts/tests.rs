//! Tests of the accounts of the system.

use super::*;

const HOST: &str = "         0          0 4294967295\n";
const ROOTLESS: &str = "0 1000 1\n";
const PODMAN: &str = "0 1000 1\n1 100000 65536\n";

#[test]
fn owners_outside_the_user_namespace_are_trusted_if_no_user_inside_has_their_number() {
    // spec: X18f
    for (map, overflow, me, trusted, am_outside) in [
        (Some(HOST), "65534\n", 1000, false, false),
        (Some(ROOTLESS), "65534\n", 0, true, false),
        (Some("1000 1000 1\n"), "65534\n", 1000, true, false),
        // Systemd's `PrivateUsers=yes`.
        (Some("0 0 1\n1000 1000 1\n"), "65534\n", 1000, true, false),
        // A user inside the namespace can also have the number.
        (Some(PODMAN), "65534\n", 0, false, false),
        (Some("0 100000 65536\n"), "65534\n", 0, false, false),
        (Some("0 100000 65534\n"), "65534\n", 0, true, false),
        (Some("65534 1000 1\n"), "65534\n", 65534, true, false),
        // Another number is set in the kernel.
        (Some(ROOTLESS), "99\n", 0, false, false),
        (Some("0 100000 65534\n"), "99\n", 0, false, false),
        // The user is not mapped.
        (Some(""), "65534\n", 65534, true, true),
        (Some("1 1 1\n"), "65534\n", 65534, true, true),
        // The map cannot be read.
        (None, "65534\n", 1000, false, false),
        (Some(ROOTLESS), "", 0, true, false),
    ] {
        let files = Files { uid_map: map, overflow_uid: overflow, ..Files::default() };
        let accounts = Accounts::parse(me, files);
        assert_eq!(accounts.is_trusted(65534), trusted, "{map:?} {overflow:?}");
        assert_eq!(accounts.am_outside(), am_outside, "{map:?} {overflow:?}");
        let explained = !accounts.ambiguity(65534).is_empty();
        let ambiguous = matches!(map, Some(PODMAN | "0 100000 65536\n" | "65534 1000 1\n"));
        assert_eq!(explained, ambiguous, "{map:?} {overflow:?}");
        assert!(accounts.is_trusted(0) && accounts.is_trusted(me), "{map:?}");
        assert!(!accounts.is_trusted(1234), "{map:?}");
    }
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    service:x:1000:2000::/home/service:/bin/sh\n\
    alias:x:1000:2000::/home/service:/bin/sh\n\
    mallory:x:1001:1001::/home/mallory:/bin/sh\n";

#[test]
fn a_group_is_private_if_the_user_of_the_service_is_its_only_member() {
    // spec: X18f
    for (passwd, group, gid, private) in [
        // The primary group has another number than the user.
        ("", "service:x:2000:\n", 2000, true),
        ("", "service:x:2000:service,alias,root\n", 2000, true),
        ("", "data:x:3000:service\n", 3000, true),
        // Other members: listed, by the primary group, unknown, in a second line.
        ("", "service:x:2000:mallory\n", 2000, false),
        ("", "service:x:2000:service,mallory\n", 2000, false),
        ("eve:x:1002:2000::/:/bin/sh\n", "service:x:2000:\n", 2000, false),
        ("", "service:x:2000:unknown\n", 2000, false),
        ("", "service:x:2000:\nother:x:2000:mallory\n", 2000, false),
        ("service:x:1001:9::/:/bin/sh\n", "data:x:3000:service\n", 3000, false),
        // The user is no member of the group.
        ("", "staff:x:50:\n", 50, false),
        // A directory service can name members of a group that is not listed.
        ("", "", 2000, false),
        ("", "", 4000, false),
        // The group with the number of the user need not be listed.
        ("", "", 1000, true),
        ("", "service:x:1000:\n", 1000, true),
        ("", "service:x:1000:mallory\n", 1000, false),
        ("eve:x:1002:1000::/:/bin/sh\n", "service:x:1000:\n", 1000, false),
        // Malformed lines.
        ("", "service:x:2000\n", 2000, false),
        ("", "service:x:-1:\n", 2000, false),
    ] {
        let passwd = format!("{PASSWD}{passwd}");
        let files = Files {
            passwd: &passwd,
            group,
            gid_map: HOST,
            nsswitch: Some("passwd: files\ngroup: files\n"),
            ..Files::default()
        };
        assert_eq!(Accounts::parse(1000, files).is_private(gid), private, "{passwd} {group}");
    }
}

#[test]
fn a_listed_group_is_private_only_if_no_directory_service_names_members() {
    // spec: X18f
    for (nsswitch, private) in [
        // There is no such file, or it does not name the databases.
        (Some(""), true),
        (Some("hosts: files dns ldap\n"), true),
        (Some("passwd: files systemd\ngroup: files [SUCCESS=merge] systemd # ldap\n"), true),
        (Some("passwd:\tcompat\ngroup:\tcompat\nshadow: files sss\n"), true),
        (Some("# passwd: ldap\ngroup: files\n"), true),
        (Some("passwd: files ldap\ngroup: files\n"), false),
        (Some("passwd: files\ngroup: files sss\n"), false),
        (Some(" group :files [ NOTFOUND=continue ] winbind\n"), false),
        (Some("GROUP: nis\n"), false),
        (Some("group: files[SUCCESS=merge]ldap\n"), false),
        (Some("group: files\ninitgroups: ldap\n"), false),
        (Some("group: files\ngroup: ldap\n"), false),
        // The file cannot be read.
        (None, false),
    ] {
        let files = Files {
            passwd: PASSWD,
            group: "service:x:2000:\n",
            gid_map: HOST,
            nsswitch,
            ..Files::default()
        };
        let accounts = Accounts::parse(1000, files);
        assert_eq!(accounts.is_private(2000), private, "{nsswitch:?}");
        // The group with the number of the user has no other members.
        assert!(accounts.is_private(1000), "{nsswitch:?}");
    }
    // In the mode `compat`, a line that begins with `+` or `-` stands for users of NIS.
    for (passwd, group) in [("+::::::\n", ""), ("+@staff::::::\n", ""), ("", "+:::\n")] {
        let (passwd, group) = (format!("{PASSWD}{passwd}"), format!("service:x:2000:\n{group}"));
        let files = Files {
            passwd: &passwd,
            group: &group,
            gid_map: HOST,
            nsswitch: Some("passwd: compat\n"),
            ..Files::default()
        };
        assert!(!Accounts::parse(1000, files).is_private(2000), "{passwd} {group}");
    }
}

#[test]
fn a_group_outside_the_user_namespace_is_not_private() {
    // spec: X18f
    for (gid_map, private) in [(HOST, true), (ROOTLESS, false), (PODMAN, false), ("", false)] {
        let files = Files { gid_map, ..Files::default() };
        assert_eq!(Accounts::parse(65534, files).is_private(65534), private, "{gid_map:?}");
    }
}
