// Tests of `ccc-github` inside Cloudflare's runtime (spec: A7). `tests/tests/workerd/workers.rs`
// runs this file. Its arguments are the program `ccc` and the directory of the built Worker.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import './jwt.mjs';
import { ask } from './site.mjs';
import './tokens.mjs';
import './webhooks.mjs';

test('the clock sleeps at least the requested time', async () => {
  const began = performance.now();
  const { body } = await ask('/sleep', { milliseconds: 300 });
  assert.ok(performance.now() - began >= 300);
  assert.ok(Date.parse(body.after) - Date.parse(body.before) >= 300, JSON.stringify(body));
});
