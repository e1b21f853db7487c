// A typical GitHub App with Octokit, as in GitHub's documentation. Input: the URL of GitHub's API, the
// App's id, key and webhook secret, and a repository. Output: the results of its calls, which the Rust
// test compares with the expected ones.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { App, Octokit, RequestError, createNodeMiddleware } from "octokit";

const given = JSON.parse(await text(process.stdin));
const { owner, repo } = given;
const here = { owner, repo };
const app = new App({
  appId: given.app,
  privateKey: given.key,
  webhooks: { secret: given.secret },
  // OAuth is not used, but the middleware requires it.
  oauth: { clientId: "none", clientSecret: "none" },
  // The emulator does not need the limit of one write per second.
  Octokit: Octokit.defaults({ baseUrl: given.url, throttle: { enabled: false } }),
});
const out = {};

// The App, its repositories and its installation.
const { data: self } = await app.octokit.rest.apps.getAuthenticated();
out.app = [self.id, self.slug];
out.repositories = [];
await app.eachRepository(({ repository }) => out.repositories.push(repository.full_name));
const { data: installation } = await app.octokit.rest.apps.getRepoInstallation(here);
const octokit = await app.getInstallationOctokit(installation.id);
const { issues, git, repos, pulls, reactions } = octokit.rest;

// Deliveries: the middleware checks the signature, and the handler comments as the installation.
const heard = [];
const failed = [];
app.webhooks.onAny(({ id, name, payload }) => void heard.push([id, `${name}.${payload.action}`]));
app.webhooks.onError((error) => void failed.push(error.message));
const pullHeard = new Promise((resolve) => app.webhooks.on("pull_request.opened", resolve));
const answered = new Promise((resolve) =>
  app.webhooks.on("issues.opened", async ({ octokit, payload }) => {
    if (payload.sender.type === "Bot") return;
    const issue_number = payload.issue.number;
    await octokit.rest.issues.createComment({ ...here, issue_number, body: "On it." });
    resolve(issue_number);
  }),
);
const server = createServer(createNodeMiddleware(app)).listen(0, "127.0.0.1");
await once(server, "listening");
const hook = `http://127.0.0.1:${server.address().port}/api/github/webhooks`;
const json = (method, body, headers = {}) => ({
  method,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
assert.ok((await fetch(`${given.url}/_emulator/webhook`, json("PUT", { url: hook }))).ok);
const forged = { "x-github-event": "issues", "x-github-delivery": "f", "x-hub-signature-256": "sha256=0" };
out.forged = (await fetch(hook, json("POST", { action: "opened" }, forged))).status;
const person = { "x-emulator-user": given.person };
const issuesUrl = `${given.url}/repos/${owner}/${repo}/issues`;
const opened = await fetch(issuesUrl, json("POST", { title: "By hand", body: "b" }, person));
assert.equal(opened.status, 201);
out.answered = await answered;

// The log of deliveries, and a redelivery.
const { data: log } = await app.octokit.rest.apps.listWebhookDeliveries();
const first = log.find(({ event, action }) => event === "issues" && action === "opened");
const times = () => heard.filter(([id]) => id === first.guid).length;
assert.equal(times(), 1);
const again = new Promise((resolve) => app.webhooks.onAny(() => times() === 2 && resolve()));
await app.octokit.rest.apps.redeliverWebhookDelivery({ delivery_id: first.id });
await again;
const { data: detail } = await app.octokit.rest.apps.getWebhookDelivery({ delivery_id: first.id });
out.delivery = [detail.event, detail.action, detail.status_code, detail.request.payload.issue.title];

// An issue: comments, a label, a reaction.
const { data: issue } = await issues.create({ ...here, title: "By the App", body: "b", labels: ["bug"] });
const issue_number = issue.number;
for (const n of [1, 2, 3, 4, 5]) await issues.createComment({ ...here, issue_number, body: `${n}` });
const all = await octokit.paginate(issues.listComments, { ...here, issue_number, per_page: 2 });
out.comments = all.map(({ body }) => body);
await issues.updateComment({ ...here, comment_id: all[4].id, body: "five" });
await issues.deleteComment({ ...here, comment_id: all[3].id });
await issues.addLabels({ ...here, issue_number, labels: ["claude"] });
const { data: labels } = await issues.listLabelsOnIssue({ ...here, issue_number });
out.labels = labels.map(({ name }) => name);
await reactions.createForIssue({ ...here, issue_number, content: "eyes" });
await issues.update({ ...here, issue_number, state: "closed", state_reason: "completed" });
const { data: closed } = await issues.get({ ...here, issue_number });
out.issue = [closed.state, closed.state_reason, closed.comments, closed.reactions.eyes, closed.user.login];

// A branch with a commit, and a pull request from it.
const { data: start } = await git.getRef({ ...here, ref: "heads/main" });
const branch = "claude/by-octokit";
await git.createRef({ ...here, ref: `refs/heads/${branch}`, sha: start.object.sha });
const content = Buffer.from("made outside\n").toString("base64");
const path = "docs/new file.md";
await repos.createOrUpdateFileContents({ ...here, path, branch, message: "Add", content });
const { data: file } = await repos.getContent({ ...here, path, ref: branch });
out.file = Buffer.from(file.content, "base64").toString();
const asked = { ...here, head: branch, base: "main", title: "From outside", body: "Closes", draft: true };
const { data: pull } = await pulls.create(asked);
out.pull = [pull.number, pull.state, pull.draft, pull.head.ref, pull.changed_files];
const { data: open } = await pulls.list({ ...here, head: `${owner}:${branch}` });
out.pulls = open.map(({ number }) => number);
const { data: files } = await pulls.listFiles({ ...here, pull_number: pull.number });
out.files = files.map(({ filename, status }) => [filename, status]);

// Errors have the form that Octokit expects.
const refused = async (call) => {
  const error = await call.then(() => assert.fail("the call was not refused"), (error) => error);
  assert.ok(error instanceof RequestError, String(error));
  return [error.status, error.response.data.message];
};
out.twice = (await refused(pulls.create(asked)))[0];
out.missing = await refused(issues.get({ ...here, issue_number: 999 }));

// The hourly rate limit.
const { headers } = await issues.get({ ...here, issue_number });
const { data: limits } = await octokit.rest.rateLimit.get();
const left = (name) => Number(headers[`x-ratelimit-${name}`]);
out.limit = left("limit");
assert.equal(left("remaining") + left("used"), left("limit"));
assert.equal(limits.resources.core.limit, left("limit"));
assert.ok(left("reset") > Date.now() / 1000 - 60);

// A revoked token is invalid.
const { token } = await octokit.auth({ type: "installation" });
const bare = new Octokit({ auth: token, baseUrl: given.url, throttle: { enabled: false } });
await bare.rest.apps.revokeInstallationAccessToken();
out.revoked = await refused(bare.rest.issues.get({ ...here, issue_number }));

await pullHeard;
out.heard = [...new Set(heard.map(([, what]) => what))].sort();
out.failed = failed;
console.log(JSON.stringify(out));
server.close();
server.closeAllConnections();
