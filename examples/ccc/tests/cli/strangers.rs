//! Tests of requests by accounts that may not start runs.

use github_emulator::{ActorKind, Permission};

use super::fixture::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_costs_one_answer_and_delays_no_run() {
    // spec: W11c, W11d, X11
    let site = Site::start("command:sed -i s/3/2/ sum.txt").await;
    let (github, repo) = (&site.github, &site.repo);
    github.add_user("stranger", ActorKind::User);
    github.set_permission(repo, "stranger", Permission::Read);
    github.open_issue(repo, "stranger", "The sum is wrong", "It is 2.").await.unwrap();
    for n in 0..420 {
        github.comment(repo, 1, "stranger", &format!("@claude {n}")).await.unwrap();
    }
    github.label_issue(repo, 1, "writer", "claude").await.unwrap();
    let statuses: Vec<u16> = github.deliveries().iter().map(|it| it.status_code).collect();
    let (last, strangers) = statuses.split_last().unwrap();
    assert!(strangers.iter().all(|status| *status == 200), "{strangers:?}");
    assert_eq!(*last, 202, "the request of the writer");

    let ours = |site: &Site, text: &str| {
        site.comments().iter().filter(|comment| comment.contains(text)).count()
    };
    site.until("the pull request is reported", |site| ours(site, "Opened #2") == 1).await;
    site.until("the stranger is answered", |site| ours(site, "started no run") > 0).await;
    assert_eq!(ours(&site, "started no run"), 1);
    assert_eq!(site.comments().len(), 420 + 2);
    let calls = site.github.calls();
    let count = |method: &str, part: &str| {
        let same =
            |call: &&github_emulator::Call| call.method == method && call.path.contains(part);
        calls.iter().filter(same).count()
    };
    assert_eq!(count("POST", "/reactions"), 1, "only the run of the writer reacts");
    assert_eq!(count("POST", "/repos/octo/hello/issues/1/comments"), 2);
    let asked = count("GET", "/collaborators/stranger/permission");
    assert!(asked <= 10, "GitHub was asked {asked} times about one account");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transferred_or_reopened_issue_starts_no_run() {
    // spec: W11a, W11b
    let site = Site::start("command:true").await;
    site.open_issue("The sum is wrong").await;
    let opened: serde_json::Value =
        serde_json::from_slice(&site.github.deliveries()[0].body).unwrap();
    let stranger = serde_json::json!({ "id": 4_711, "login": "stranger", "type": "User" });
    let mut of_a_stranger = opened.clone();
    of_a_stranger["issue"]["user"] = stranger;
    let mut transferred = opened.clone();
    transferred["changes"] = serde_json::json!({ "old_issue": {}, "old_repository": {} });
    let mut reopened = of_a_stranger.clone();
    reopened["action"] = "reopened".into();
    for (id, payload, reason) in [
        ("of-a-stranger", of_a_stranger, "not the author"),
        ("transferred", transferred, "transferred issue"),
        ("reopened", reopened, "not for us"),
    ] {
        let (status, body) = site.deliver("issues", id, payload.to_string().as_bytes()).await;
        assert_eq!(status, 200, "{id}: {body}");
        assert!(body.contains(reason), "{id}: {body}");
    }
}
