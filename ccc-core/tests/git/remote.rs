//! Tests of remotes over HTTP: the token, error responses and redirects.

use ccc_core::ErrorKind;

use crate::http_server::{Answer, Server, TOKEN, status, work};
use crate::support::{TREE, World, files_below, git, refs, within};

#[tokio::test]
async fn the_token_authenticates_and_is_in_no_file() {
    // spec: X5c, X9, P7
    let world = World::new(TREE);
    git(&world.remote, &["config", "http.receivepack", "true"]);
    let server = Server::new(Answer::Git(world.path().to_owned()));
    let access = server.access(TOKEN);
    let before = refs(&world.remote);
    within(60, work(&world.host, &access)).await.unwrap();
    let mut added = refs(&world.remote);
    added.retain(|name, _| !before.contains_key(name));
    assert_eq!(added.keys().collect::<Vec<_>>(), ["refs/heads/claude/a"]);

    let seen = server.seen();
    assert!(seen.iter().any(|head| head.line.contains("git-receive-pack")), "{seen:?}");
    for head in &seen {
        let sent = head.headers.get("authorization").map(String::as_str);
        assert_eq!(sent, Some(&*format!("Bearer {TOKEN}")), "{head:?}");
        assert!(!head.line.contains(TOKEN));
    }
    // No file below the root contains the token.
    let all = files_below(&world.path().join("host"));
    let holds = |content: &[u8], text: &str| {
        content.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for (path, (_, content)) in &all {
        assert!(!holds(content, TOKEN), "{path} contains the token");
    }

    for wrong in ["", "wrong-token-0123456"] {
        let error = work(&world.host, &server.access(wrong)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        assert!(wrong.is_empty() || !error.to_string().contains(wrong), "{error}");
    }
}

#[tokio::test]
async fn a_branch_created_between_check_and_push_is_left_unchanged() {
    // spec: P7, X9
    let world = World::new(TREE);
    git(&world.remote, &["config", "http.receivepack", "true"]);
    let theirs = "refs/heads/claude/a";
    let server = Server::new(Answer::GitTaken(world.path().to_owned(), theirs));
    // The commit is a child of that branch: without the condition, the push would be a
    // fast-forward.
    let error = within(60, work(&world.host, &server.access(TOKEN))).await.unwrap_err();
    let refs = refs(&world.remote);
    assert_eq!(refs[theirs], refs["refs/heads/main"]);
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[tokio::test]
async fn responses_map_to_error_kinds_without_the_token() {
    // spec: X5c
    let echo = format!(
        "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\nno Bearer {TOKEN} here",
        TOKEN.len() + 15
    );
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\
                Connection: close\r\n\r\nhi";
    let cases = [
        (
            status("401 Unauthorized", "WWW-Authenticate: Basic realm=x\r\n"),
            ErrorKind::Unauthenticated,
        ),
        (status("401 Unauthorized", ""), ErrorKind::Unauthenticated),
        (status("403 Forbidden", ""), ErrorKind::PermissionDenied),
        (status("404 Not Found", ""), ErrorKind::NotFound),
        (status("500 Oops", ""), ErrorKind::Unavailable),
        (status("503 Busy", "Retry-After: 3\r\n"), ErrorKind::Unavailable),
        (status("429 Slow", ""), ErrorKind::Unavailable),
        (echo, ErrorKind::Unavailable),
        (String::new(), ErrorKind::Unavailable),
        (page.to_owned(), ErrorKind::NotFound),
    ];
    for (text, kind) in cases {
        let server = Server::new(Answer::Fixed(text.clone()));
        let world = World::new(TREE);
        let access = server.access(TOKEN);
        let error = within(60, work(&world.host, &access)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{text:?}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(TOKEN), "{shown}");
        assert!(!error.to_string().contains('\n'), "{error}");
        let sent = server.seen()[0].headers["authorization"].clone();
        assert_eq!(sent, format!("Bearer {TOKEN}"));
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    // spec: G8b, X9
    for code in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let world = World::new(TREE);
        let other = Server::new(Answer::Git(world.path().to_owned()));
        let to = format!("Location: {}/info/refs?service=git-upload-pack\r\n", other.url());
        let server = Server::new(Answer::Fixed(status(code, &to)));
        let error = work(&world.host, &server.access(TOKEN)).await.unwrap_err();
        assert!(!error.to_string().contains(TOKEN), "{error}");
        assert_eq!(server.seen().len(), 1, "{code}");
        assert_eq!(other.seen().len(), 0, "{code}: the redirect was followed");

        // Plain git follows it.
        let plain = ["ls-remote", &server.url()];
        crate::support::try_git(world.path(), &plain);
        assert_ne!(other.seen().len(), 0, "{code}: plain git does not follow");
    }
}
