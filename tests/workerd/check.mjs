// What is meant for Cloudflare's runtime, asked inside it (spec: A7). `tests/tests/workerd/workers.rs` runs
// this, with the program `ccc` and the directory of the built Worker as arguments.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import './jwt.mjs';
import { ask } from './site.mjs';
import './tokens.mjs';
import './webhooks.mjs';

test('the clock waits for as long as it was told, and no shorter', async () => {
  const began = performance.now();
  const { body } = await ask('/sleep', { milliseconds: 300 });
  assert.ok(performance.now() - began >= 300);
  assert.ok(Date.parse(body.after) - Date.parse(body.before) >= 300, JSON.stringify(body));
});
