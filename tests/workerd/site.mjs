// The environment of every check: an emulated GitHub with one App and one repository, the proxy in
// front of it, the Worker, and functions that send requests to each of them.

import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startGitHub, startWire, startWorker } from './parts.mjs';

const [program, built] = process.argv.slice(2);

/** The directory of npm's packages. */
export const modules = fileURLToPath(new URL('../../target/npm', import.meta.url));

export const APP = 7;
export const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
export const key = newKey();
export const pem = (key, type = 'pkcs1') => key.export({ type, format: 'pem' });
export const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** The running parts. `repository` is octo/hello as the REST API returns it. */
export const site = {};

before(async () => {
  site.directory = mkdtempSync(join(tmpdir(), 'ccc-workerd-'));
  const keyFile = join(site.directory, 'key.pem');
  writeFileSync(keyFile, pem(key), { mode: 0o600 });
  const files = mkdtempSync(join(site.directory, 'hello-'));
  writeFileSync(join(files, 'README'), 'hello\n');
  site.github = await startGitHub(program, APP, keyFile, { 'octo/hello': files });
  site.wire = await startWire(site.github.url);
  site.worker = await startWorker(built, modules);

  const installed = await look('/repos/octo/hello/installation', ownJwt());
  const mint = `/app/installations/${installed.body.id}/access_tokens`;
  const minted = await look(mint, ownJwt(), 'POST');
  site.repository = (await look('/repos/octo/hello', minted.body.token)).body;
});

after(async () => {
  for (const part of [site.worker, site.wire, site.github]) await part?.stop();
  rmSync(site.directory, { recursive: true, force: true });
});

/** Sends a request to the Worker. Returns the status and the JSON of its answer. */
export async function ask(path, body, headers = {}) {
  const answer = await fetch(site.worker.url + path, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await answer.text();
  try {
    return { status: answer.status, body: JSON.parse(text) };
  } catch {
    throw new Error(`POST ${path}: ${answer.status} ${text}`);
  }
}

/** Sends a request to the emulated GitHub directly, without the proxy. */
export async function look(path, credential, method = 'GET') {
  const headers = { authorization: `Bearer ${credential}` };
  const answer = await fetch(site.github.url + path, { method, headers });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
}

/** Returns a JWT of the App that is created without the Worker. */
function ownJwt() {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'RS256' }, { iat: now - 60, exp: now + 300, iss: `${APP}` }];
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = parts.map(encode).join('.');
  return `${text}.${sign('sha256', text, key).toString('base64url')}`;
}

/** Returns the claims of a JWT. Fails if the App's key did not sign it. */
export function claims(jwt) {
  const [header, payload, signature] = jwt.split('.');
  const bytes = (part) => Buffer.from(part, 'base64url');
  const genuine = verify('sha256', `${header}.${payload}`, createPublicKey(key), bytes(signature));
  assert.ok(genuine, "the App's key did not create the signature");
  assert.deepEqual(JSON.parse(bytes(header)), { typ: 'JWT', alg: 'RS256' });
  return JSON.parse(bytes(payload));
}
