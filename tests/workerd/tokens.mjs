// Tests of installation tokens and of requests with them.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { startSilence, startWire } from './parts.mjs';
import { APP, ask, claims, key, look, newKey, pem, sha256, site } from './site.mjs';

const bearer = (call) => call.headers.authorization?.match(/^Bearer (.+)$/)?.[1];
const name = (call) => `${call.method} ${call.path}`;
const isMint = (call) => call.path.endsWith('/access_tokens');
const given = (mint) => JSON.parse(mint.answer.body);

const app = (own = key) => ({ app_id: APP, pem: pem(own), api_url: site.wire.url });
const hello = () => ({ id: site.repository.id, owner: 'octo', name: 'hello' });
const mint = (grant, other = {}) => ask('/mint', { ...app(), repo: hello(), grant, ...other });
const find = () => ask('/repository', { ...app(), repo: { owner: 'octo', name: 'hello' } });

describe('tokens', () => {
  beforeEach(() => site.wire.reset());
  afterEach(() => site.wire.reset());

  for (const [grant, permissions] of Object.entries({
    read: { contents: 'read', issues: 'read', metadata: 'read' },
    discuss: { issues: 'write', metadata: 'read' },
    publish: { contents: 'write', pull_requests: 'write', metadata: 'read' },
  })) {
    test(`a token to ${grant} covers one repository and ends when it is released`, async () => {
      const held = [];
      site.wire.watch = async (call) => {
        if (call.method !== 'DELETE') return;
        held.push((await look('/repos/octo/hello', bearer(call))).status);
      };
      const answer = await mint(grant);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));

      const [installation, minted, revoked] = site.wire.calls;
      assert.deepEqual(site.wire.calls.map(name), [
        'GET /repos/octo/hello/installation',
        `POST /app/installations/${JSON.parse(installation.answer.body).id}/access_tokens`,
        'DELETE /installation/token',
      ]);
      for (const call of [installation, minted]) assert.equal(claims(bearer(call)).iss, `${APP}`);
      // GitHub refuses requests without a user agent, and not every runtime allows to set it.
      for (const call of site.wire.calls) assert.match(call.headers['user-agent'], /^ccc-github\//);

      const asked = { repository_ids: [site.repository.id], permissions };
      assert.deepEqual(JSON.parse(minted.body), asked);
      const { token, expires_at, repositories, permissions: granted } = given(minted);
      assert.deepEqual(granted, permissions);
      assert.deepEqual(repositories.map((repository) => repository.id), [site.repository.id]);
      assert.equal(answer.body.token_sha256, sha256(token));
      assert.equal(answer.body.clone_url, `${site.wire.url}/octo/hello.git`);
      // The two clocks can differ by a few seconds.
      const apart = Date.parse(answer.body.expires_at) - Date.parse(expires_at);
      assert.ok(Math.abs(apart) < 6000, answer.body.expires_at);

      assert.equal(bearer(revoked), token);
      assert.deepEqual(held, [200], 'valid before the revocation');
      assert.equal((await look('/repos/octo/hello', token)).status, 401, 'and invalid after it');
    });
  }

  test('a key of another App is refused with an explanation', async () => {
    const answer = await mint('read', app(newKey()));
    assert.equal(answer.status, 422);
    assert.equal(answer.body.kind, 'Unauthenticated');
    const words = /does not accept the App's JWT: check that the configured private key belongs to App ID 7,/;
    assert.match(answer.body.error, words);
    assert.deepEqual(site.wire.calls.map(name), ['GET /repos/octo/hello/installation']);
  });

  test('an unreachable GitHub is unavailable', async () => {
    const gone = await startWire(site.github.url);
    await gone.stop();
    const answer = await mint('read', { api_url: gone.url });
    assert.equal(answer.status, 422);
    assert.equal(answer.body.kind, 'Unavailable');
    assert.match(answer.body.error, /cannot reach 127\.0\.0\.1:\d+: check the API URL/);
  });

  test('a repository is found by its name and read', async () => {
    const answer = await find();
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.deepEqual(answer.body, {
      repo: { host: new URL(site.wire.url).host, ...hello() },
      default_branch: site.repository.default_branch,
      archived: false,
    });
    const read = site.wire.calls.at(-1);
    assert.equal(name(read), 'GET /repos/octo/hello');
    assert.equal(bearer(read), given(site.wire.calls.filter(isMint).at(-1)).token);
  });

  test('a moved repository is found with its token', async () => {
    const answers = {
      '/repos/octo/hello': { status: 301, headers: { location: '/moved' } },
      '/moved': { status: 200, headers: {}, body: JSON.stringify(site.repository) },
    };
    site.wire.detour = (call) => answers[call.path];
    const answer = await find();
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.repo.id, site.repository.id);
    const there = site.wire.calls.find((call) => call.path === '/moved');
    assert.equal(bearer(there), given(site.wire.calls.find(isMint)).token);
  });

  test('no token follows a redirect to another host', async () => {
    const stranger = await startWire(site.github.url);
    stranger.detour = () => ({ status: 200, headers: {}, body: '{}' });
    await find();
    const mintPath = site.wire.calls.find(isMint).path;
    try {
      // The last redirect would forward the body of a token request.
      for (const [status, path] of [
        [302, '/repos/octo/hello'],
        [307, '/repos/octo/hello'],
        [307, mintPath],
      ]) {
        const away = { status, headers: { location: stranger.url + '/x' } };
        site.wire.detour = (call) => (call.path === path ? away : undefined);
        const answer = await find();
        assert.equal(answer.status, 422, JSON.stringify(answer.body));
        assert.match(answer.body.error, new RegExp(`GitHub answered ${status}`));
      }
      assert.deepEqual(stranger.calls, []);
    } finally {
      await stranger.stop();
    }
  });

  test('a missing or incomplete answer is a timeout', async () => {
    const silence = await startSilence();
    const began = performance.now();
    const asked = ['', '/api/v3'].map((path) => mint('read', { api_url: silence.url + path }));
    const answers = await Promise.all(asked);
    const seconds = (performance.now() - began) / 1000;
    await silence.stop();
    for (const { status, body } of answers) {
      assert.equal(status, 422);
      assert.equal(body.kind, 'TimedOut', body.error);
      assert.match(body.error, /127\.0\.0\.1:\d+ did not answer in time/);
    }
    // `ccc_github::http::TIMEOUT`, with some time added for a busy machine.
    assert.ok(seconds > 29 && seconds < 45, `${seconds} s`);
  });
});
