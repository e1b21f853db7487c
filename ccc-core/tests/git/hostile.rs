//! A `.git` that runs programs for whoever looks at it: nothing of it runs for us.

use std::fs;
use std::path::{Path, PathBuf};

use ccc_core::BranchName;
use ccc_core::git::Collected;

use crate::commit::info;
use crate::support::{TREE, World, git, refs, run, script, shell, try_git, write};

/// One way to make plain git run a program.
struct Vector {
    name: &'static str,
    /// What the agent does in its workspace; `$EVIL` is a program, `$AWAY` a directory outside.
    plant: &'static str,
    /// A plain git command that falls for it.
    bait: &'static [&'static str],
}

const VECTORS: &[Vector] = &[
    Vector { name: "fsmonitor", plant: "git config core.fsmonitor $EVIL", bait: &["status"] },
    Vector {
        name: "clean filter",
        plant: "git config filter.x.clean $EVIL; echo '* filter=x' > .git/info/attributes",
        bait: &["add", "-A"],
    },
    Vector {
        name: "required process filter",
        plant: "git config filter.x.process $EVIL; git config filter.x.required true; \
                echo '* filter=x' > .git/info/attributes",
        bait: &["add", "-A"],
    },
    Vector {
        name: "smudge filter",
        plant: "git config filter.x.smudge $EVIL; echo '* filter=x' > .git/info/attributes; rm README.md",
        bait: &["checkout", "--", "README.md"],
    },
    Vector {
        name: "hook",
        plant: "mkdir -p .git/hooks; cp $EVIL .git/hooks/post-index-change",
        bait: &["add", "-A"],
    },
    Vector {
        name: "hooks elsewhere",
        plant: "mkdir hooks; cp $EVIL hooks/post-index-change; git config core.hooksPath hooks",
        bait: &["add", "-A"],
    },
    Vector {
        name: "commit hook",
        plant: "mkdir -p .git/hooks; cp $EVIL .git/hooks/pre-commit",
        bait: &["commit", "-am", "x"],
    },
    Vector {
        name: "transaction hook",
        plant: "mkdir -p .git/hooks; cp $EVIL .git/hooks/reference-transaction",
        bait: &["commit", "--allow-empty", "-m", "x"],
    },
    Vector {
        name: "include",
        plant: "printf '[core]\\n\\tfsmonitor = %s\\n' $EVIL > evil.cfg; \
                git config include.path ../evil.cfg",
        bait: &["status"],
    },
    Vector {
        name: "conditional include",
        plant: "printf '[core]\\n\\tfsmonitor = %s\\n' $EVIL > evil.cfg; \
                git config includeIf.gitdir:/.path \"$PWD/evil.cfg\"",
        bait: &["status"],
    },
    Vector {
        name: "worktree config",
        plant: "git config extensions.worktreeConfig true; \
                git config --worktree core.fsmonitor $EVIL",
        bait: &["status"],
    },
    Vector {
        name: ".git file",
        plant: "git config core.fsmonitor $EVIL; mv .git $AWAY/g; echo \"gitdir: $AWAY/g\" > .git",
        bait: &["status"],
    },
    Vector {
        name: ".git link",
        plant: "git config core.fsmonitor $EVIL; mv .git $AWAY/g; ln -s $AWAY/g .git",
        bait: &["status"],
    },
    Vector {
        name: ".git inside the tree",
        plant: "git config core.fsmonitor $EVIL; mv .git store; echo 'gitdir: store' > .git",
        bait: &["status"],
    },
    Vector { name: "external diff", plant: "git config diff.external $EVIL", bait: &["diff"] },
    Vector {
        name: "text conversion",
        plant: "git config diff.x.textconv $EVIL; echo '* diff=x' > .git/info/attributes",
        bait: &["diff"],
    },
    Vector {
        name: "signing program",
        plant: "git config commit.gpgSign true; git config gpg.program $EVIL",
        bait: &["commit", "-am", "x"],
    },
    Vector {
        name: "filter named by the tree",
        plant: "git config filter.x.clean $EVIL; echo '* filter=x' > .gitattributes; \
                rm .git/info/attributes",
        bait: &["add", "-A"],
    },
    Vector {
        name: "filter named below",
        plant: "git config filter.x.clean $EVIL; echo '* filter=x' > docs/.gitattributes; \
                echo x >> docs/guide.md; rm .git/info/attributes",
        bait: &["add", "-A"],
    },
    Vector {
        name: "nested repository",
        plant: "git init -q n; cd n; echo x > f; git add f; \
                git -c user.name=a -c user.email=a@a commit -qm x; \
                git config core.fsmonitor $EVIL; cd ..; git add n 2>&-",
        bait: &["status"],
    },
    Vector {
        name: "push hook",
        plant: "mkdir -p .git/hooks; cp $EVIL .git/hooks/pre-push",
        bait: &["push", "$REMOTE", "HEAD:refs/heads/bait"],
    },
    Vector {
        name: "another remote",
        plant: "git config url.$AWAY/theirs.git.pushInsteadOf $REMOTE",
        bait: &["push", "$REMOTE", "HEAD:refs/heads/bait"],
    },
    Vector {
        name: "another remote for everything",
        plant: "git config url.$AWAY/theirs.git.insteadOf $REMOTE",
        bait: &["push", "$REMOTE", "HEAD:refs/heads/bait"],
    },
    Vector {
        name: "another program for the push",
        plant: "git config remote.o.receivepack $EVIL; git config remote.o.url $REMOTE",
        bait: &["push", "o", "HEAD:refs/heads/bait"],
    },
];

/// What an attack had to work with, and what it reached.
struct Trap {
    evil: PathBuf,
    away: PathBuf,
    canary: PathBuf,
}

impl Trap {
    fn new(world: &World) -> Self {
        let (evil, away) = (world.path().join("evil"), world.path().join("away"));
        let canary = world.path().join("canary");
        script(&evil, &format!("echo \"$0\" >> {}", canary.display()));
        fs::create_dir(&away).unwrap();
        let theirs = away.join("theirs.git");
        let hook = theirs.join("hooks/pre-receive");
        crate::support::init_bare(&theirs);
        fs::remove_file(&hook).ok();
        script(&hook, &format!("echo theirs >> {}", canary.display()));
        Self { evil, away, canary }
    }

    /// Runs an act of the agent.
    fn plant(&self, world: &World, workspace: &Path, act: &str) {
        let set = format!(
            "EVIL={}; AWAY={}; REMOTE={}; ",
            self.evil.display(),
            self.away.display(),
            world.remote.display()
        );
        shell(workspace, &format!("{set}{act}"));
    }

    fn sprung(&self) -> bool {
        fs::remove_file(&self.canary).is_ok()
    }
}

#[tokio::test]
async fn nothing_that_an_agent_plants_runs_for_the_host() {
    // spec: X6a, X9
    for vector in VECTORS {
        let world = World::new(TREE);
        let trap = Trap::new(&world);
        let at = world.checkout(run(1)).await.unwrap();
        write(&at.path, "README.md", "changed\n");
        trap.plant(&world, &at.path, vector.plant);

        // Plain git, in a copy of the same workspace, falls for it.
        let copy = at.path.with_file_name("copy");
        shell(world.path(), &format!("cp -a {} {}", at.path.display(), copy.display()));
        let remote = world.remote.to_str().unwrap();
        let bait: Vec<&str> =
            vector.bait.iter().map(|arg| if *arg == "$REMOTE" { remote } else { arg }).collect();
        assert!(!trap.sprung(), "{}: too early", vector.name);
        let said = try_git(&copy, &bait);
        assert!(trap.sprung(), "{} does not fire: {said:?}", vector.name);
        fs::remove_dir_all(&copy).unwrap();
        let before = refs(&world.remote);

        // The host does not, in anything that it does.
        if let Collected::Changes(set) = world.collect(run(1), &at.base).await.unwrap() {
            world.host.patch(run(1), &set).await.unwrap();
            let pair = (&set.base, &set.tree);
            let commit = world.host.commit(run(1), pair, &info("t")).await.unwrap();
            let branch = BranchName::new("claude/x").unwrap();
            world.host.push(run(1), &commit, &branch, &world.access()).await.unwrap();
            let mut expected = before.clone();
            expected.insert("refs/heads/claude/x".to_owned(), commit.to_string());
            assert_eq!(refs(&world.remote), expected, "{}", vector.name);
        } else {
            let expected = ["tree", "below", "nested"];
            assert!(expected.iter().any(|word| vector.name.contains(word)), "{}", vector.name);
        }
        world.host.remove(run(1)).await.unwrap();
        assert!(!trap.sprung(), "{}: the host fell for it", vector.name);
    }
}

#[tokio::test]
async fn a_nested_repository_behind_a_known_gitlink_runs_nothing() {
    // spec: X6a, X6b
    let entries = [TREE, &[("160000", "n", crate::support::ELSEWHERE)]].concat();
    let world = World::new(&entries);
    let trap = Trap::new(&world);
    let at = world.checkout(run(1)).await.unwrap();
    let plant = "cd n; git init -q .; echo x > f; git add f; \
                 git -c user.name=a -c user.email=a@a commit -qm x; \
                 git config core.fsmonitor $EVIL; rm -f .git/index";
    trap.plant(&world, &at.path, plant);
    trap.sprung();
    try_git(&at.path, &["status"]);
    assert!(trap.sprung(), "plain git is not impressed");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(&collected, Collected::Refused(r) if r.paths == ["n/.git"]), "{collected:?}");
    assert!(!trap.sprung());
}

/// The agent's `.git` may point at ours; ours is not harmed by what happens to it.
#[tokio::test]
async fn deleting_the_agent_s_git_deletes_nothing_else() {
    // spec: X6a
    for act in [
        "rm -rf .git; ln -s ../git .git",
        "rm -rf .git; ln -s ../../../mirrors .git",
        "rm -rf .git/objects; ln -s ../../git/objects .git/objects",
        "rm -rf .git/x; ln -s ../../.. .git/x",
        "rm -rf .git; echo 'gitdir: ../git' > .git",
    ] {
        let world = World::new(TREE);
        let at = world.checkout(run(1)).await.unwrap();
        shell(&at.path, act);
        write(&at.path, "new", "x");
        let collected = world.collect(run(1), &at.base).await.unwrap();
        assert!(matches!(&collected, Collected::Changes(set) if set.changes.len() == 1), "{act}");
        git(&world.mirror(), &["fsck"]);
        git(&world.git_dir(run(1)), &["fsck", "--no-dangling"]);
    }
}
