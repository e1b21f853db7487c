// The parts of the check: an emulated GitHub, a recording proxy in front of it, and the runtime.

import { spawn } from 'node:child_process';
import { createServer, request as send } from 'node:http';
import { createRequire } from 'node:module';

// Time limit for the start of a part, in milliseconds. Each needs well under one second.
const START = 30_000;

const children = new Set();

// All child processes end with this process.
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts a program. Resolves with the first result of `ready` for its output to the descriptor. */
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
      reject(new Error(`${program} ${why}; its output:\n${said}`));
    };
    const timer = setTimeout(() => fail('did not start in time'), START);
    child.on('error', (error) => fail(`cannot be started: ${error.message}`));
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

/** Starts `ccc github-emulator` with these repositories, given as name and directory. */
export async function startGitHub(program, appId, keyFile, repositories) {
  const args = ['--listen', '127.0.0.1:0', '--app-id', appId, '--private-key', keyFile];
  for (const seed of Object.entries(repositories)) args.push('--seed-repo', seed.join('='));
  const address = (said) => said.match(/emulated at (http:[^\s,]+)[\s,]/)?.[1];
  const { found, stop } = await start(program, ['github-emulator', ...args], 2, address);
  return { url: found, stop };
}

/** Starts workerd with the Worker that `.ci/workerd` put into the directory. */
export async function startWorker(directory, modules) {
  const { default: program } = createRequire(`${modules}/`)('workerd');
  const args = ['serve', `${directory}/workerd.capnp`, '--control-fd=3'];
  const port = (said) => said.match(/"event":"listen".*"port":(\d+)/)?.[1];
  const { found, stop } = await start(program, args, 3, port);
  return { url: `http://127.0.0.1:${found}`, stop };
}

/**
 * Starts a proxy that forwards every request and records it with its answer. A `detour` can answer
 * instead: `(call) => ({ status, headers, body })`. The proxy awaits the result of `watch` before it
 * forwards a request.
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

/**
 * Starts a server that never answers completely: below `/api/v3` it sends the beginning of an answer,
 * elsewhere nothing.
 */
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
