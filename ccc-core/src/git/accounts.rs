//! The users and groups that the check of the data directory trusts (spec: X18a, X18f).

use std::fs;

/// The default of the overflow UID and of the overflow GID. The kernel shows this number for all
/// users or groups that a user namespace does not map.
const OVERFLOW: u32 = 65_534;

/// The users and groups of this machine.
#[derive(Debug)]
pub(super) struct Accounts {
    /// The UID of this process.
    me: u32,
    /// The UID of the users outside the user namespace of this process, if no user inside has it.
    outside: Option<u32>,
    /// The UID that can belong to a user outside the user namespace of this process, or to a user
    /// inside.
    ambiguous: Option<u32>,
    /// The GID that can belong to groups outside the user namespace of this process.
    outside_group: Option<u32>,
    /// Whether only the listed users and groups exist, because no directory service adds others.
    complete: bool,
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

#[derive(Debug)]
struct Group {
    gid: u32,
    members: Vec<String>,
}

/// The contents of the files that describe the users and groups.
#[derive(Clone, Copy, Debug, Default)]
struct Files<'a> {
    /// The user map, or `None` if the file cannot be read. It is empty if the namespace maps no
    /// user.
    uid_map: Option<&'a str>,
    gid_map: &'a str,
    overflow_uid: &'a str,
    overflow_gid: &'a str,
    passwd: &'a str,
    group: &'a str,
    /// `None` if the file cannot be read. A missing file is empty.
    nsswitch: Option<&'a str>,
}

impl Accounts {
    /// Reads the users and groups of this machine. A file that cannot be read counts as empty.
    /// Fewer directories are then accepted.
    pub(super) fn load() -> Self {
        // A name in another encoding must not hide the other lines.
        let read_some = |path: &str| {
            fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let read = |path: &str| read_some(path).unwrap_or_default();
        let uid_map = read_some("/proc/self/uid_map");
        let [gid_map, overflow_uid, overflow_gid, passwd, group]: [String; 5] = [
            "/proc/self/gid_map",
            "/proc/sys/kernel/overflowuid",
            "/proc/sys/kernel/overflowgid",
            "/etc/passwd",
            "/etc/group",
        ]
        .map(read);
        let nsswitch = match fs::read("/etc/nsswitch.conf") {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(String::new()),
            Err(_) => None,
        };
        let files = Files {
            uid_map: uid_map.as_deref(),
            gid_map: &gid_map,
            overflow_uid: &overflow_uid,
            overflow_gid: &overflow_gid,
            passwd: &passwd,
            group: &group,
            nsswitch: nsswitch.as_deref(),
        };
        Self::parse(rustix::process::geteuid().as_raw(), files)
    }

    fn parse(me: u32, files: Files<'_>) -> Self {
        let overflow = |text: &str| text.trim().parse().unwrap_or(OVERFLOW);
        let (uid, gid) = (overflow(files.overflow_uid), overflow(files.overflow_gid));
        let (uids, gids) = (ranges(files.uid_map.unwrap_or_default()), ranges(files.gid_map));
        let inside = uids.iter().any(|(first, last)| (*first..=*last).contains(&u64::from(uid)));
        // The last number means "no change" in system calls, so no user has it.
        let all = |range: &(u64, u64)| range.0 == 0 && range.1 + 1 >= u64::from(u32::MAX);
        let users = files.passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, ..] = fields[..] else {
                return None;
            };
            Some(User { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        });
        let groups = files.group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, gid, members] = fields[..] else {
                return None;
            };
            let members = members.split(',').map(str::trim).filter(|name| !name.is_empty());
            Some(Group { gid: gid.parse().ok()?, members: members.map(str::to_owned).collect() })
        });
        Self {
            me,
            outside: (files.uid_map.is_some() && !inside).then_some(uid),
            ambiguous: (inside && !uids.iter().any(all)).then_some(uid),
            outside_group: (!gids.iter().any(all)).then_some(gid),
            complete: files.nsswitch.is_some_and(names_only_files)
                && !files
                    .passwd
                    .lines()
                    .chain(files.group.lines())
                    .any(|l| l.starts_with(['+', '-'])),
            users: users.collect(),
            groups: groups.collect(),
        }
    }

    /// Returns whether this process has the UID that the kernel shows for all users outside its
    /// user namespace. The files of these users then seem to belong to the user of this process.
    pub(super) fn am_outside(&self) -> bool {
        self.outside == Some(self.me)
    }

    /// Returns whether `uid` is the user of this process.
    pub(super) fn is_me(&self, uid: u32) -> bool {
        uid == self.me
    }

    /// Returns the continuation of the message that refuses `uid`. If `uid` can be that of a user
    /// inside or outside the user namespace of this process, the text explains the refusal.
    /// Otherwise it is empty.
    pub(super) fn ambiguity(&self, uid: u32) -> &'static str {
        if self.ambiguous != Some(uid) {
            return "";
        }
        ". The kernel also shows this UID for all users outside the user namespace. Such a user is accepted only in a \
         namespace that does not map this UID"
    }

    /// Returns whether the user `uid` may own a directory above the data directory. These users may:
    /// the user of this process, root, and a user outside the user namespace of this process, who
    /// controls this namespace as root does.
    pub(super) fn is_trusted(&self, uid: u32) -> bool {
        uid == self.me || uid == 0 || self.outside == Some(uid)
    }

    /// Returns whether the user of this process and root are the only members of the group `gid`. A
    /// directory service can name members of a group. Only a group whose number is the UID of this
    /// process is then private: many distributions give each user such a group.
    pub(super) fn is_private(&self, gid: u32) -> bool {
        if self.outside_group == Some(gid) {
            return false;
        }
        let listed: Vec<&Group> = self.groups.iter().filter(|group| group.gid == gid).collect();
        let names = || listed.iter().flat_map(|group| &group.members);
        // Several users can have one name or one UID.
        let uids = |name: &String| {
            let uids: Vec<u32> =
                self.users.iter().filter(|u| u.name == *name).map(|u| u.uid).collect();
            if uids.is_empty() { None } else { Some(uids) }
        };
        let primary = || self.users.iter().filter(|user| user.gid == gid).map(|user| user.uid);
        let ours = |uid: u32| uid == self.me || uid == 0;
        let others = primary().any(|uid| !ours(uid))
            || names().any(|name| uids(name).is_none_or(|uids| !uids.into_iter().all(ours)));
        let member = primary().any(|uid| uid == self.me)
            || names().filter_map(uids).flatten().any(|uid| uid == self.me);
        !others && (gid == self.me || (self.complete && !listed.is_empty() && member))
    }
}

/// Returns whether the text of `/etc/nsswitch.conf` names no source of users and groups other than
/// the files of this machine. Without a line for a database, its source is the file.
fn names_only_files(nsswitch: &str) -> bool {
    nsswitch.lines().all(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let Some((database, sources)) = line.split_once(':') else {
            return true;
        };
        let database = database.trim().to_ascii_lowercase();
        if !matches!(database.as_str(), "passwd" | "group" | "initgroups") {
            return true;
        }
        // An action such as `[NOTFOUND=return]` can follow a source.
        let mut is_action = false;
        let sources = sources.replace(
            |c| {
                is_action = (is_action || c == '[') && c != ']';
                is_action || c == ']'
            },
            " ",
        );
        sources.split_whitespace().all(|source| matches!(source, "files" | "compat" | "systemd"))
    })
}

/// Returns the first and the last number of each range inside a user namespace, from the lines of
/// `/proc/self/uid_map` or `gid_map`.
fn ranges(map: &str) -> Vec<(u64, u64)> {
    let range = |line: &str| {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().ok());
        let (first, _, count) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some((first, first + count.checked_sub(1)?))
    };
    map.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests;
