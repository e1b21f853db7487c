// The parts of the check: an emulated GitHub, a wire to it that remembers, and the runtime.

import { spawn } from 'node:child_process';
import { createServer, request as send } from 'node:http';
import { createRequire } from 'node:module';

// How long a part may take to come up, in milliseconds: each takes well under one second.
const START = 30_000;

const children = new Set();

// However this process ends, nothing that it started stays behind.
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts a program; resolves with what `ready` finds in what it writes to the descriptor. */
function start(program, args, descriptor, ready) {
  const stdio = ['ignore', 'ignore', 'inherit', 'ignore'];
  stdio[descriptor] = 'pipe';
  const child = spawn(program, args, { stdio });
  children.add(child);
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${program} ${why}; it said:\n${said}`));
    };
    const timer = setTimeout(() => fail('did not come up'), START);
    child.on('error', (error) => fail(`does not start: ${error.message}`));
    child.on('exit', (status) => {
      children.delete(child);
      fail(`ended with ${status}`);
    });
    child.stdio[descriptor].setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = ready(said);
      if (found) {
        clearTimeout(timer);
        resolve({ found, stop: () => stop(child) });
      }
    });
  });
}

function stop(child) {
  if (!children.has(child)) return undefined;
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

/** `ccc github-emulator` with these repositories, as name and directory. */
export async function startGitHub(program, appId, keyFile, repositories) {
  const args = ['--listen', '127.0.0.1:0', '--app-id', appId, '--private-key', keyFile];
  for (const seed of Object.entries(repositories)) args.push('--seed-repo', seed.join('='));
  const address = (said) => said.match(/emulated at (http:[^\s,]+)[\s,]/)?.[1];
  const { found, stop } = await start(program, ['github-emulator', ...args], 2, address);
  return { url: found, stop };
}

/** workerd with the Worker that `.ci/workerd` laid there. */
export async function startWorker(directory, modules) {
  const { default: program } = createRequire(`${modules}/`)('workerd');
  const args = ['serve', `${directory}/workerd.capnp`, '--control-fd=3'];
  const port = (said) => said.match(/"event":"listen".*"port":(\d+)/)?.[1];
  const { found, stop } = await start(program, args, 3, port);
  return { url: `http://127.0.0.1:${found}`, stop };
}

/**
 * Passes every request on, and keeps it with its answer. A `detour` may answer in its place:
 * `(call) => ({ status, headers, body })`. What `watch` returns is waited for before anything is
 * passed on.
 */
export async function startWire(upstream) {
  const wire = {
    reset() {
      Object.assign(wire, { calls: [], detour: () => undefined, watch: () => undefined });
    },
  };
  wire.reset();
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const { method, url: path, headers } = request;
    const call = { method, path, headers, body: body.toString() };
    wire.calls.push(call);
    await wire.watch(call);
    call.answer = wire.detour(call) ?? (await pass(upstream, call, body));
    response.writeHead(call.answer.status, call.answer.headers).end(call.answer.body);
  });
  return Object.assign(wire, await listen(server));
}

/** Never gives a whole answer: to `/api/v3` the beginning of one, and to all else nothing. */
export async function startSilence() {
  const server = createServer((request, response) => {
    if (request.url.startsWith('/api/v3/')) response.writeHead(200, { 'content-length': 2 }).write('{');
  });
  return listen(server);
}

async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

function pass(upstream, { method, path, headers }, body) {
  return new Promise((resolve, reject) => {
    const onward = send(upstream + path, { method, headers }, async (answer) => {
      const body = Buffer.concat(await answer.toArray()).toString();
      resolve({ status: answer.statusCode, headers: answer.headers, body });
    });
    onward.on('error', reject).end(body);
  });
}
