// Tests of the App's JWT.

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';

import { APP, ask, claims, key, pem } from './site.mjs';

describe("the App's JWT", () => {
  test("is signed with the App's key and valid from one minute ago for ten minutes", async () => {
    const now = '2026-03-01T12:00:00Z';
    const seconds = Date.parse(now) / 1000;
    for (const type of ['pkcs1', 'pkcs8']) {
      const made = await ask('/jwt', { app_id: APP, pem: pem(key, type), now });
      assert.equal(made.status, 200, JSON.stringify(made.body));
      const expected = { iat: seconds - 60, exp: seconds + 540, iss: `${APP}` };
      assert.deepEqual(claims(made.body.jwt), expected);
    }
  });

  test("uses the runtime's time by default", async () => {
    const made = await ask('/jwt', { app_id: APP, pem: pem(key) });
    const { iat, exp } = claims(made.body.jwt);
    assert.equal(exp - iat, 600);
    assert.ok(Math.abs(Date.now() / 1000 - 60 - iat) < 30, `${iat}`);
  });

  test('is not created without a valid private key', async () => {
    for (const [wrong, expected] of [
      ['/etc/key.pem', /the private key is not PEM/],
      [createPublicKey(key).export({ type: 'spki', format: 'pem' }), /is a public key/],
      [pem(key).replace(/\n[^\n]+\n/, '\n'), /does not parse as an RSA private key/],
    ]) {
      const refused = await ask('/jwt', { app_id: APP, pem: wrong });
      assert.equal(refused.status, 422);
      assert.equal(refused.body.kind, 'InvalidInput');
      assert.match(refused.body.error, expected);
    }
  });
});
