// Tests of deliveries.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { ask, modules, sha256 } from './site.mjs';

// GitHub's published test vector ("Validating webhook deliveries"). The Worker has its secret.
const SECRET = "It's a Secret to Everybody";
const BODY = 'Hello, World!';
const SIGNATURE = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

const ID = '72d3162e-cc78-11e3-81ab-4c9367dc0958';

const deliver = (body, signature) =>
  ask('/webhook', body, {
    'content-type': 'application/json',
    'x-github-event': 'issues',
    'x-github-delivery': ID,
    ...(signature && { 'x-hub-signature-256': signature }),
  });

describe('webhooks', () => {
  test("GitHub's published vector has a valid signature, but is not JSON", async () => {
    const answer = await deliver(BODY, SIGNATURE);
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, /^malformed payload: /);
  });

  test('a forged delivery is refused before it is parsed', async () => {
    const short = SIGNATURE.slice(0, -1);
    for (const [body, signature] of [
      ['Hello, World?', SIGNATURE],
      ['{}', SIGNATURE],
      [BODY, `${short}6`],
      [BODY, short],
    ]) {
      const answer = await deliver(body, signature);
      assert.equal(answer.status, 401, `${body} ${signature}`);
      assert.match(answer.body.error, /^the signature is not valid/);
    }
    assert.equal((await deliver(BODY)).status, 400);
  });

  test('a real payload is an event', async () => {
    const examples = createRequire(`${modules}/`)('@octokit/webhooks-examples');
    const issues = examples.find((event) => event.name === 'issues').examples;
    const payload = issues.find((example) => example.action === 'opened');
    const body = JSON.stringify(payload);
    const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
    const answer = await deliver(body, signature);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));

    const { delivery, event } = answer.body;
    assert.equal(delivery.id, ID);
    assert.equal(Buffer.from(delivery.body_sha256).toString('hex'), sha256(body));
    const late = Date.now() - Date.parse(delivery.received_at);
    assert.ok(Math.abs(late) < 60_000, delivery.received_at);
    assert.deepEqual(event.repo, {
      host: 'github.com',
      id: payload.repository.id,
      owner: payload.repository.owner.login,
      name: payload.repository.name,
    });
    assert.deepEqual(event.trigger, { kind: 'opened' });
    assert.equal(event.issue.number, payload.issue.number);
    assert.equal(event.issue.title, payload.issue.title);
    assert.equal(event.actor.id, payload.sender.id);
  });
});
