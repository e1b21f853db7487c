//! The expected result of collecting the changes of a workspace, as data.

use ccc_core::git::{ChangeKind, Collected};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::{ObjectId, RunId};

use crate::support::{Entry, World, as_files, files_below, git, run, shell, within};

pub(crate) enum Expect {
    Nothing,
    /// `A`, `M` or `D`, and the path.
    Changes(&'static [(char, &'static str)]),
    /// A part of the reason, and the paths.
    Refused(&'static str, &'static [&'static str]),
}
pub(crate) use Expect::{Changes, Nothing, Refused};

/// The agent's actions as a shell script in the workspace, and the expected result.
pub(crate) type Case = (&'static str, Expect);

pub(crate) async fn check(
    entries: &[Entry<'_>],
    cases: &[Case],
    policy: &TrustPolicy,
    redactor: &Redactor,
) {
    let world = World::new(entries);
    for (n, (act, expect)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        let collect = world.host.collect(run(n), &at.base, policy, redactor);
        let collected = within(60, collect).await.unwrap_or_else(|e| panic!("{act}: {e}"));
        match (expect, &collected) {
            (Nothing, Collected::Nothing { .. }) => {}
            (Changes(wanted), Collected::Changes(set)) => {
                let found: Vec<_> = set
                    .changes
                    .iter()
                    .map(|change| (letter(change.kind), change.path.as_str()))
                    .collect();
                assert_eq!(found, *wanted, "{act}");
                assert_eq!(set.base, at.base, "{act}");
                let kept = tree(&world, run(n), &set.tree);
                let wanted = files_below(&at.path)
                    .into_iter()
                    .filter(|(path, _)| !path.starts_with("ignored/"))
                    .collect();
                assert_eq!(kept, wanted, "{act}");
                for change in &set.changes {
                    let bytes = kept.get(&change.path).map_or(0, |(_, content)| content.len());
                    assert_eq!(change.bytes, bytes as u64, "{act}: {}", change.path);
                }
            }
            (Refused(reason, paths), Collected::Refused(refusal)) => {
                assert!(refusal.reason.contains(reason), "{act}: {refusal:?}");
                // The order of the paths depends on whether git had already added the files.
                let mut found = refusal.paths.clone();
                found.sort();
                assert_eq!(found, *paths, "{act}");
            }
            _ => panic!("{act}: {collected:?}"),
        }
        world.host.remove(run(n)).await.unwrap();
    }
}

pub(crate) async fn check_default(entries: &[Entry<'_>], cases: &[Case]) {
    check(entries, cases, &TrustPolicy::default(), &Redactor::default()).await;
}

fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Added => 'A',
        ChangeKind::Modified => 'M',
        ChangeKind::Deleted => 'D',
    }
}

/// Returns the files of a tree in the form of [`files_below`].
fn tree(
    world: &World,
    run: RunId,
    tree: &ObjectId,
) -> std::collections::BTreeMap<String, (&'static str, Vec<u8>)> {
    let dir = world.git_dir(run);
    let listed = git(&dir, &["ls-tree", "-r", "-z", tree.as_str()]);
    String::from_utf8(listed)
        .unwrap()
        .split_terminator('\0')
        // The workspace has at most an empty directory for a submodule.
        .filter(|line| !line.starts_with("160000"))
        .flat_map(|line| {
            let (head, path) = line.split_once('\t').unwrap();
            let [mode, _, object] = head.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let content = git(&dir, &["cat-file", "blob", object]);
            as_files(&[(mode, path, &content)])
        })
        .collect()
}
