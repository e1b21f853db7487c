//! Tests of calls of git that are cancelled.

use ccc_core::BranchName;

use crate::commit::info;
use crate::http_server::{Answer, Server, TOKEN};
use crate::support::{TREE, World, becomes_true, processes_with, repository, run, script};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_leaves_no_process() {
    let world = World::new(TREE);
    let (base, tree) = crate::commit::worked(&world, 1).await;
    let commit = world.host.commit(run(1), &base, &tree, &info("t")).await.unwrap();
    let branch = BranchName::new("claude/a").unwrap();
    let marker = world.path().to_str().unwrap().to_owned();
    assert_eq!(processes_with(&marker), [""; 0]);
    for push in [false, true] {
        let server = Server::new(Answer::Silence);
        let access = server.access(TOKEN);
        let asked = || !server.seen().is_empty();
        let repository = repository();
        tokio::select! {
            _ = world.host.checkout(run(2), &repository, &access), if !push => panic!("answered"),
            _ = world.host.push(run(1), &commit, &branch, &access), if push => panic!("answered"),
            asked = becomes_true(asked) => assert!(asked, "no request arrived"),
        }
        let gone = becomes_true(|| processes_with(&marker).is_empty()).await;
        assert!(gone, "{:?}", processes_with(&marker));
    }
    // A cancelled call can be repeated.
    world.checkout(run(2)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_push_leaves_no_process_of_a_hanging_hook() {
    let world = World::new(TREE);
    let (base, tree) = crate::commit::worked(&world, 1).await;
    let commit = world.host.commit(run(1), &base, &tree, &info("t")).await.unwrap();
    let branch = BranchName::new("claude/a").unwrap();
    let started = world.path().join("started");
    let hook = format!("touch {}; read -r forever < {}", started.display(), "/dev/zero");
    script(&world.remote.join("hooks/pre-receive"), &hook);
    let access = world.access();
    tokio::select! {
        _ = world.host.push(run(1), &commit, &branch, &access) => panic!("pushed"),
        started = becomes_true(|| started.exists()) => assert!(started),
    }
    let marker = world.path().to_str().unwrap().to_owned();
    let gone = becomes_true(|| processes_with(&marker).is_empty()).await;
    assert!(gone, "{:?}", processes_with(&marker));
}
